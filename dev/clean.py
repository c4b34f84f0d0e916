"""Removes the local databases: as root they lie outside of `var/`, and whoever uses one must not lose it."""

from __future__ import annotations

import shutil

from dev import environment
from dev.broker import Broker
from dev.postgres import Postgres
from dev.services import end_orphans
from dev.stack import launching


def clean() -> None:
    """End what killed launchers left running and remove all their files; raises Refusal when one is running."""
    for lock in sorted(environment.VAR.glob("*/lock")):
        home = lock.parent
        with launching(home):
            end_orphans(home)
            Broker(home).end_orphan()
            Postgres(home, durable=False).remove()
            shutil.rmtree(home)
