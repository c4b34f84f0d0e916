"""Leases: one worker at a time has a thing, and one that died or was cut off is replaced within seconds.

Rows and short transactions only, so they hold behind a pooler in transaction mode too. All instants are the database's,
so the clocks of the machines do not matter.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError
from django.db import connection as database
from django.db.models import CharField, DateTimeField, Exists, Func, Value
from django.db.models.functions import Concat

from integrations.models import Lease

logger = structlog.get_logger(__name__)

# What is leased: each name begins with one of these words.
EVENTS = "events"  # with a connection's number: its events
SYNC = "sync"  # with a connection's number and a stream: a run of it

LASTS = 15  # seconds after its last renewal: a dead worker's work is free then
RENEWED_EVERY = 4  # seconds: three renewals may fail before anybody else is let in
# Our own table's name and number are all that is written into the statements below.
RUNG_FOR = 8  # seconds; a ring that is lost costs as many, and the wait for the next sweep
TABLE = Lease._meta.db_table
UNTIL = f"clock_timestamp() + interval '{LASTS} seconds'"


class ClockTimestamp(Func):
    """The database's clock at this moment, and not at the begin of the transaction."""

    function, output_field = "clock_timestamp", DateTimeField()


class LeaseLost(Exception):
    """Another worker has taken this over; nothing may be written any more."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that was taken."""

    name: str
    fence: int

    def check(self) -> None:
        """Raise LeaseLost unless it is still ours; inside a transaction nobody can take it before the commit."""
        with database.cursor() as cursor:
            cursor.execute(
                f"SELECT 1 FROM {TABLE} WHERE name = %s AND fence = %s FOR SHARE",  # noqa: S608
                [self.name, self.fence],
            )
            if cursor.fetchone() is None:
                raise LeaseLost(f"Another worker has taken over {self.name}.")


@contextmanager
def leased(name: str) -> Iterator[Held | None]:
    """Hold a lease as long as the block lasts, renewed beside it; None when another worker has it."""
    held = take(name)
    if held is None:
        yield None
        return
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(held, over), name=f"lease of {name}", daemon=True)
    keeper.start()
    try:
        yield held
    finally:
        over.set()
        keeper.join()
        give_back(held)


def take(name: str) -> Held | None:
    """Take a free lease; None when it is another's.

    Waits for nobody: a row that is locked is that of a worker who is committing under it.
    """
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE {TABLE} SET fence = fence + 1, until = {UNTIL}, rung_at = NULL WHERE name = ("  # noqa: S608
            f"SELECT name FROM {TABLE} WHERE name = %s AND until < clock_timestamp() FOR UPDATE SKIP LOCKED"
            ") RETURNING fence",
            [name],
        )
        row = cursor.fetchone()
        if row is None:
            cursor.execute(
                f"INSERT INTO {TABLE} (name, fence, until) VALUES (%s, 1, {UNTIL})"  # noqa: S608
                " ON CONFLICT DO NOTHING RETURNING fence",
                [name],
            )
            row = cursor.fetchone()
    return Held(name, row[0]) if row else None


def may_ring(name: str) -> bool:
    """Note that somebody is rung for, and tell whether to: not while a ring of the last RUNG_FOR seconds is unheard.

    Otherwise each look at what waits would add a task for whoever has the most, and his turns would fill the queue.
    """
    with database.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE} AS kept (name, fence, until, rung_at)"  # noqa: S608
            " VALUES (%s, 0, '-infinity', clock_timestamp())"
            " ON CONFLICT (name) DO UPDATE SET rung_at = clock_timestamp()"
            f" WHERE kept.rung_at IS NULL OR kept.rung_at < clock_timestamp() - interval '{RUNG_FOR} seconds'"
            " RETURNING 1",
            [name],
        )
        return cursor.fetchone() is not None


def is_leased(*name: Any) -> Exists:
    """Return the condition that somebody holds the lease whose name these expressions make."""
    whole = Concat(*name, Value(""), output_field=CharField())
    return Exists(Lease.objects.filter(name=whole, until__gt=ClockTimestamp()))


def hold_until_commit(name: str) -> bool:
    """Keep everybody from a free lease until this transaction ends; False when a worker has it."""
    with database.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE} (name, fence, until) VALUES (%s, 0, '-infinity') ON CONFLICT DO NOTHING",  # noqa: S608
            [name],
        )
        cursor.execute(
            f"SELECT 1 FROM {TABLE} WHERE name = %s AND until < clock_timestamp() FOR UPDATE SKIP LOCKED",  # noqa: S608
            [name],
        )
        return cursor.fetchone() is not None


def give_back(held: Held) -> None:
    """Let the next worker in at once; with the database away the lease ends by itself."""
    try:
        with database.cursor() as cursor:
            cursor.execute(
                f"UPDATE {TABLE} SET until = '-infinity' WHERE name = %s AND fence = %s",  # noqa: S608
                [held.name, held.fence],
            )
    except (DatabaseError, InterfaceError):
        logger.warning("lease_not_given_back", lease=held.name)


def _keep(held: Held, over: threading.Event) -> None:
    """Renew until the work is over; a lease that somebody else has taken is left to him."""
    try:
        while not over.wait(RENEWED_EVERY) and _renewed(held):
            pass
    finally:
        database.close()  # this thread's own


def _renewed(held: Held) -> bool:
    try:
        with database.cursor() as cursor:
            cursor.execute(
                f"UPDATE {TABLE} SET until = {UNTIL} WHERE name = %s AND fence = %s",  # noqa: S608
                [held.name, held.fence],
            )
            is_ours: bool = cursor.rowcount == 1
    except (DatabaseError, InterfaceError):
        logger.warning("lease_not_renewed", lease=held.name)
        database.close()  # the next try gets a new connection
        return True
    if not is_ours:
        logger.warning("lease_lost", lease=held.name)
    return is_ours
