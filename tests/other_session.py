"""A second session of the tests' database, for what only shows between two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection as database

from integrations.models import Connection
from integrations.services.leases import give_back, take
from integrations.services.syncs import lease_of


@contextmanager
def other_session(**options: Any) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection of its own to the same database."""
    named = ("host", "port", "user", "password", "dbname")
    parameters = {name: value for name, value in database.get_connection_params().items() if name in named}
    with psycopg.connect(**parameters, autocommit=True, **options) as other:
        yield other


@contextmanager
def lock_of_a_run(connection: Connection, stream: str = "deals") -> Iterator[None]:
    """Hold what a running sync of a stream holds."""
    held = take(lease_of(connection, stream))
    assert held is not None
    try:
        yield
    finally:
        give_back(held)
