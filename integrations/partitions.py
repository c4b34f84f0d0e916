"""Months of a partitioned table: made ahead, filled from the default partition, and dropped when their time is over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import OperationalError, transaction
from django.db import connection as database
from psycopg import sql

from integrations.retention import AT_ONCE

logger = structlog.get_logger(__name__)

MONTHS_AHEAD = 4  # beside the running month: at least 17 weeks
ALARM_DAYS = 60
LOCK_SPACE = 7203
# A change of partitions waits for everything that uses the table, and everything that comes later waits for it.
LOCK_TIMEOUT = "1s"  # so long others may stand behind a wait for a table


@dataclass(frozen=True, slots=True)
class MonthlyTable:
    """A table partitioned by the month of `column`, a timestamptz, in UTC; it has a partition NAME_default."""

    name: str
    column: str

    @property
    def default(self) -> str:
        """Return the name of its default partition."""
        return f"{self.name}_default"


EVENTS = MonthlyTable("integrations_webhookevent", "received_at")


def tables() -> list[tuple[MonthlyTable, int]]:
    """Return every table of months, with the days that its rows are kept, as the settings name them."""
    return [(MonthlyTable(name, column), days) for name, column, days in settings.MONTHLY_TABLES]


@dataclass(frozen=True, slots=True)
class Maintained:
    """What a maintenance did, and how many days are ahead now."""

    made: tuple[str, ...]
    dropped: tuple[str, ...]
    days_ahead: int


def month_of(moment: datetime) -> datetime:
    """Return the first instant of a moment's month, in UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """Return the first instant of the month after."""
    return month_of(month + timedelta(days=32))


def partition_name(table: MonthlyTable, month: datetime) -> str:
    """Return the name of a month's partition, for example integrations_webhookevent_y2026m11."""
    return f"{table.name}_y{month:%Y}m{month:%m}"


def partitions_of(table: MonthlyTable) -> dict[datetime, str]:
    """Return the attached partitions by their month, the oldest first; the default one is not among them."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = %s::regclass",
            [table.name],
        )
        names = [name for (name,) in cursor.fetchall()]
    months = {}
    for name in names:
        if found := re.fullmatch(re.escape(table.name) + r"_y(\d{4})m(\d{2})", name):
            months[datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)] = name
    return dict(sorted(months.items()))


def days_ahead(table: MonthlyTable, now: datetime) -> int:
    """Return for how many whole days from now on there is a partition, without a gap; 0 when today has none."""
    existing = partitions_of(table)
    end = month_of(now)
    while end in existing:
        end = next_month(end)
    return max(0, (end - now).days)


def alarm(now: datetime) -> str:
    """Return "ok", or sentences: partitions of a table are about to run out, rows lie in a default partition."""
    found = [sentence for table, _days in tables() for sentence in (_alarm_of(table, now), _strays_of(table))]
    return " ".join(sentence for sentence in found if sentence) or "ok"


def _strays_of(table: MonthlyTable) -> str:
    with database.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table.default)))
        [(has_rows,)] = cursor.fetchall()
    if not has_rows:
        return ""
    return (
        f"Rows of {table.name} lie in its default partition: their month had none. Nothing is lost, and the next "
        "maintenance, within six hours, moves them; manage.py maintain_partitions does it at once."
    )


def _alarm_of(table: MonthlyTable, now: datetime) -> str:
    days = days_ahead(table, now)
    if days >= ALARM_DAYS:
        return ""
    return (
        f"Partitions of {table.name} reach only {days} days ahead, and {ALARM_DAYS} is the least. Nothing is lost: "
        "later rows go to the default partition. Run manage.py maintain_partitions and see why beat does not."
    )


def maintain_all(now: datetime) -> dict[str, Maintained]:
    """Maintain every table of months, and return what was done by its name; as `maintain`.

    One that is busy does not keep the others from it: what it raised is raised once all had their turn.
    """
    done, busy = {}, None
    for table, days in tables():
        try:
            done[table.name] = maintain(table, now, days)
        except OperationalError as problem:
            logger.warning("table_busy", table=table.name, reason=str(problem).strip())
            busy = problem
    if busy is not None:
        raise busy
    return done


def maintain(table: MonthlyTable, now: datetime, retention_days: int) -> Maintained:
    """Make the months that are missing up to MONTHS_AHEAD, and drop those that ended before the retention began.

    Each month is its own transaction with a short wait for its lock. Raises OperationalError when the table stays
    busy: nothing is half done then, and the next run goes on. Logs an error when too few days are ahead.
    """
    cutoff = now - timedelta(days=retention_days)
    # The old go first: what lies in the default partition and is too old must not come back as a month.
    dropped = [name for month, name in partitions_of(table).items() if next_month(month) <= cutoff]
    for name in dropped:
        _drop(table, name)
    _delete_old_strays(table, cutoff)
    made = make_ahead(table, now)
    if sentence := _alarm_of(table, now):
        logger.error("partitions_run_out", table=table.name, sentence=sentence)
    return Maintained(made, tuple(dropped), days_ahead(table, now))


def make_ahead(table: MonthlyTable, now: datetime) -> tuple[str, ...]:
    """Make the months that are missing up to MONTHS_AHEAD, and those of rows in the default partition."""
    missing = _missing(table, now)
    for month in missing:
        _make(table, month)
    return tuple(partition_name(table, month) for month in missing)


def _missing(table: MonthlyTable, now: datetime) -> list[datetime]:
    """Return months without a partition: of the rows in the default partition, and of the time ahead."""
    wanted = {*_months_ahead(now), *_stray_months(table)}
    return sorted(wanted - partitions_of(table).keys())


def _months_ahead(now: datetime) -> Iterator[datetime]:
    month = month_of(now)
    for _ in range(MONTHS_AHEAD + 1):
        yield month
        month = next_month(month)


def _stray_months(table: MonthlyTable) -> set[datetime]:
    query = sql.SQL("SELECT DISTINCT date_trunc('month', {column}, 'UTC') FROM {default}")
    with database.cursor() as cursor:
        cursor.execute(query.format(column=sql.Identifier(table.column), default=sql.Identifier(table.default)))
        return {month_of(month) for (month,) in cursor.fetchall()}


def _make(table: MonthlyTable, month: datetime) -> None:
    """Make a month's partition and move the rows there that had fallen into the default one."""
    name = partition_name(table, month)
    names = {
        "parent": sql.Identifier(table.name),
        "default": sql.Identifier(table.default),
        "column": sql.Identifier(table.column),
        "new": sql.Identifier(name),
        "since": sql.Literal(month),
        "until": sql.Literal(next_month(month)),
    }
    with transaction.atomic(), database.cursor() as cursor:
        _lock(table)
        if month in partitions_of(table):  # another maintenance was first
            return
        # Without the lock a row that comes between the move and the attachment would make the attachment fail.
        for statement in (
            "LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE",
            "CREATE TABLE {new} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            "WITH moved AS (DELETE FROM {default} WHERE {column} >= {since} AND {column} < {until} RETURNING *)"
            " INSERT INTO {new} SELECT * FROM moved",
            "SET CONSTRAINTS ALL IMMEDIATE",  # a table with foreign keys still to check cannot be attached
            "ALTER TABLE {parent} ATTACH PARTITION {new} FOR VALUES FROM ({since}) TO ({until})",
        ):
            cursor.execute(sql.SQL(statement).format(**names))
    logger.info("partition_made", partition=name)


def _drop(table: MonthlyTable, name: str) -> None:
    with transaction.atomic(), database.cursor() as cursor:
        _lock(table)
        names = {"parent": sql.Identifier(table.name), "old": sql.Identifier(name)}
        cursor.execute(sql.SQL("ALTER TABLE {parent} DETACH PARTITION {old}").format(**names))
        cursor.execute(sql.SQL("DROP TABLE {old}").format(**names))
    logger.info("partition_dropped", partition=name)


def _delete_old_strays(table: MonthlyTable, cutoff: datetime) -> None:
    """Delete what lies in no month and is too old, a part at a time; a row that somebody has locked waits a turn."""
    query = sql.SQL(
        "DELETE FROM {default} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {default} WHERE {column} < {cutoff}"
        " LIMIT {most} FOR UPDATE SKIP LOCKED))"
    ).format(
        default=sql.Identifier(table.default),
        column=sql.Identifier(table.column),
        cutoff=sql.Literal(cutoff),
        most=sql.Literal(AT_ONCE),
    )
    with database.cursor() as cursor:
        cursor.execute(query)
        while cursor.rowcount:
            cursor.execute(query)


def _lock(table: MonthlyTable) -> None:
    """Let one maintenance work at a time, and none wait long: the wait for a table stops everybody behind it."""
    with database.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK_SPACE, table.name])
