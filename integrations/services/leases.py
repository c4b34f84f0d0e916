"""Leases: one worker at a time has a thing, and one that died or was cut off is replaced within seconds.

Rows and short transactions only, so they hold behind a pooler in transaction mode too. All instants are the database's,
so the clocks of the machines do not matter.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import sleep
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError
from django.db import connection as database
from django.db.backends.utils import CursorWrapper
from django.db.models import CharField, DateTimeField, Exists, Func, Model, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Concat

from integrations.models import Lease

logger = structlog.get_logger(__name__)

# What is leased: each name begins with one of these words.
EVENTS = "events"  # with a connection's number: its events
BACKLOG = "backlog"  # with a queue's name: the splitting of deliveries that have piled up
SYNC = "sync"  # with a connection's number and a stream: a run of it
WRITE_BACK = "write-back"  # with a connection's number: telling its deals of their invoices

LASTS = 15  # seconds after its last renewal: a dead worker's work is free then
CLAIMED_AT_MOST = 10  # minutes since the row was claimed: a worker that hangs and does not die is replaced then
RENEWED_EVERY = 4  # seconds: three renewals may fail before anybody else is let in
# A drain looks this often for claims that dead workers left; one that is over is rung for every ten seconds.
LOOKS_EVERY = timedelta(seconds=5)
# Our own table's name and number are all that is written into the statements below.
RUNG_FOR = 8  # seconds; a ring that is lost costs as many, and the wait for the next sweep
TABLE = Lease._meta.db_table
UNTIL = f"clock_timestamp() + interval '{LASTS} seconds'"
# Losing these in a crash of PostgreSQL costs a wait of seconds, so their commit need not wait for the disk.
UNSYNCED = "set_config('synchronous_commit', 'off', true) = 'off'"


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

    def renew(self, cursor: CursorWrapper) -> None:
        """Let it end later, if it is still ours; the cursor's rowcount tells."""
        cursor.execute(
            f"UPDATE {TABLE} SET until = {UNTIL} WHERE name = %s AND fence = %s AND until > 'epoch'",  # noqa: S608
            [self.name, self.fence],
        )

    def check(self) -> None:
        """Raise LeaseLost unless it is still ours; inside a transaction nobody can take it before the commit."""
        with database.cursor() as cursor:
            cursor.execute(
                f"SELECT 1 FROM {TABLE} WHERE name = %s AND fence = %s FOR SHARE",  # noqa: S608
                [self.name, self.fence],
            )
            if cursor.fetchone() is None:
                raise LeaseLost(f"Another worker has taken over {self.name}.")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that was claimed: its `lease_until` says for how long, its `attempts` by whom, its `updated_at` when."""

    table: str
    pk: int
    fence: int

    @property
    def name(self) -> str:
        """Return what it is called in the log."""
        return f"{self.table} {self.pk}"

    def renew(self, cursor: CursorWrapper) -> None:
        """Let it end later, if it is still ours; the cursor's rowcount tells."""
        cursor.execute(
            f"UPDATE {self.table} SET lease_until = {UNTIL} WHERE id = %s AND attempts = %s"  # noqa: S608
            f" AND lease_until IS NOT NULL AND updated_at > clock_timestamp() - interval '{CLAIMED_AT_MOST} minutes'",
            [self.pk, self.fence],
        )

    def check(self) -> None:
        """Raise LeaseLost unless it is still ours; inside a transaction nobody can take it before the commit."""
        with database.cursor() as cursor:
            cursor.execute(
                f"SELECT 1 FROM {self.table} WHERE id = %s AND attempts = %s"  # noqa: S608 - a table of ours
                " AND lease_until IS NOT NULL FOR SHARE",
                [self.pk, self.fence],
            )
            if cursor.fetchone() is None:
                raise LeaseLost(f"Another worker has taken over {self.name}.")


def claim_end() -> CombinedExpression:
    """Return until when a row that is claimed now stays so without a renewal."""
    return ClockTimestamp() + Value(timedelta(seconds=LASTS))


def claim_of(row: Model, attempt: int) -> Claimed:
    """Return the claim that was written to a row with `attempts` and `lease_until`."""
    return Claimed(row._meta.db_table, row.pk, attempt)


@contextmanager
def renewed(claim: Claimed) -> Iterator[None]:
    """Renew a claim as long as the block lasts; whoever records its end sets `lease_until` to None."""
    _keeper.keep(claim)
    try:
        yield
    finally:
        _keeper.let_go(claim)


@contextmanager
def leased(name: str) -> Iterator[Held | None]:
    """Hold a lease as long as the block lasts, renewed beside it; None when another worker has it."""
    held = take(name)
    if held is None:
        yield None
        return
    _keeper.keep(held)
    try:
        yield held
    finally:
        _keeper.let_go(held)
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
    """Note that somebody is rung for, and tell whether to: not while it is held, nor while a ring is unheard.

    Otherwise each look at what waits would add a task for whoever has the most, and his turns would fill the queue. A
    ring counts as lost after RUNG_FOR seconds; the next taking ends it, so that the ring after that is made at once.
    """
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE {TABLE} SET rung_at = clock_timestamp() WHERE name = ("  # noqa: S608
            f"SELECT name FROM {TABLE} WHERE {UNSYNCED} AND name = %s AND until < clock_timestamp()"
            f" AND coalesce(rung_at, 'epoch') < clock_timestamp() - interval '{RUNG_FOR} seconds'"
            " FOR UPDATE SKIP LOCKED) RETURNING 1",
            [name],
        )
        if cursor.fetchone():
            return True
        cursor.execute(
            f"INSERT INTO {TABLE} (name, fence, until, rung_at)"  # noqa: S608
            " VALUES (%s, 0, 'epoch', clock_timestamp()) ON CONFLICT DO NOTHING RETURNING 1",
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
            f"INSERT INTO {TABLE} (name, fence, until) VALUES (%s, 0, 'epoch') ON CONFLICT DO NOTHING",  # noqa: S608
            [name],
        )
        cursor.execute(
            f"SELECT 1 FROM {TABLE} WHERE name = %s AND until < clock_timestamp() FOR UPDATE SKIP LOCKED",  # noqa: S608
            [name],
        )
        return cursor.fetchone() is not None


def left_behind(kind: str) -> list[str]:
    """Return the names, without the kind, of leases that ran out and were not given back: their workers died."""
    with database.cursor() as cursor:
        cursor.execute(
            f"SELECT name FROM {TABLE} WHERE until < clock_timestamp() AND until > 'epoch' AND fence > 0"  # noqa: S608
            " AND starts_with(name, %s)",
            [f"{kind} "],
        )
        return [name.removeprefix(f"{kind} ") for (name,) in cursor.fetchall()]


def give_back(held: Held) -> None:
    """Let the next worker in at once; with the database away the lease ends by itself."""
    try:
        with database.cursor() as cursor:
            cursor.execute(
                f"UPDATE {TABLE} SET until = 'epoch' WHERE name = %s AND fence = %s AND {UNSYNCED}",  # noqa: S608
                [held.name, held.fence],
            )
    except (DatabaseError, InterfaceError):
        logger.warning("lease_not_given_back", lease=held.name)


class _Keeper:
    """Renews whatever this process holds, from one thread: one for each lease would cost as much as taking it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: set[Held | Claimed] = set()
        self._thread: threading.Thread | None = None

    def keep(self, held: Held | Claimed) -> None:
        """Renew a lease from now on."""
        with self._changed:
            self._held.add(held)
            if self._thread is None or not self._thread.is_alive():  # a forked child has none of its parent's
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()
            self._changed.notify()

    def let_go(self, held: Held | Claimed) -> None:
        """Renew it no more."""
        with self._changed:
            self._held.discard(held)

    def _miss(self, held: Held | Claimed) -> None:
        with self._changed:
            is_lost = held in self._held  # and not given back a moment ago
            self._held.discard(held)
        if is_lost:
            logger.warning("lease_lost", lease=held.name)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._held:
                    self._changed.wait()
            sleep(RENEWED_EVERY)
            with self._changed:
                held = list(self._held)
            try:
                for each in held:
                    if not _renewed(each):
                        self._miss(each)
            finally:
                database.close()  # this thread's own


_keeper = _Keeper()


def _renewed(held: Held | Claimed) -> bool:
    try:
        with database.cursor() as cursor:
            held.renew(cursor)
            is_ours: bool = cursor.rowcount == 1
    except (DatabaseError, InterfaceError):
        logger.warning("lease_not_renewed", lease=held.name)
        database.close()  # the next try gets a new connection
        return True
    return is_ours
