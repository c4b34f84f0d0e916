"""The fast way into PostgreSQL: COPY into a temporary table, then one INSERT … ON CONFLICT of what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from django.db import DatabaseError, models
from django.db import connection as database
from psycopg import errors, sql

T = TypeVar("T")
DEADLOCKS = 3
RACES = (errors.DeadlockDetected, errors.UniqueViolation)


@dataclass(frozen=True, slots=True)
class Upserted:
    """What an upsert wrote: ids by external id, split into new rows and changed ones."""

    created: dict[str, int]
    changed: dict[str, int]

    @property
    def written(self) -> dict[str, int]:
        """Return ids of all rows written, by external id."""
        return {**self.created, **self.changed}


def upsert(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], *, compared: Sequence[str] = ()
) -> Upserted:
    """Write rows keyed by (connection_id, external_id); an unchanged row is not touched, an older one never wins.

    Older is by source_updated_at, and of two reads of one version by stored_at, the instant when the read began: what
    is around a record, its lines for example, changes without its version.

    `columns` are column names, among them connection_id, external_id, content_hash and source_updated_at; jsonb
    values are given as JSON text. A row has changed when its content_hash has, or one of the `compared` columns, which
    are those that the hash cannot know. Must run inside a transaction. Of two rows with one key the later-updated
    counts.
    """
    table = sql.Identifier(model._meta.db_table)
    staged = sql.Identifier(f"staged_{model._meta.db_table}")
    names = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
    with database.cursor() as cursor:
        _stage(cursor, table, staged, names, rows)
        cursor.execute(_upsert_statement(table, staged, names, columns, compared))
        created: dict[str, int] = {}
        changed: dict[str, int] = {}
        for external_id, row_id, is_new in cursor.fetchall():
            (created if is_new else changed)[external_id] = row_id
        cursor.execute(sql.SQL("TRUNCATE {}").format(staged))
    return Upserted(created, changed)


def retry_deadlocks(work: Callable[[], T]) -> T:
    """Return what a transaction returns, begun anew when PostgreSQL ended it for what another one did beside it.

    That is a deadlock, or a row (a line that moved between two records) that the other one had just written. A COPY
    raises the driver's own error, all else Django's around it.
    """
    for _ in range(DEADLOCKS):
        try:
            return work()
        except (DatabaseError, psycopg.Error) as problem:
            if not isinstance(problem.__cause__ or problem, RACES):
                raise
    return work()


def _stage(cursor: Any, table: sql.Identifier, staged: sql.Identifier, names: sql.Composable, rows: Any) -> None:
    # Kept by the session: making three tables anew for every page filled the catalogue and cost a twentieth of it.
    cursor.execute("SELECT to_regclass(%s)", [f"pg_temp.{staged.as_string()}"])
    if cursor.fetchone()[0] is None:
        create = "CREATE TEMP TABLE {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA"
        cursor.execute(sql.SQL(create).format(staged, names, table))
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(staged, names)) as copy:
        for row in rows:
            copy.write_row(row)


def _upsert_statement(
    table: sql.Identifier,
    staged: sql.Identifier,
    names: sql.Composable,
    columns: Sequence[str],
    compared: Sequence[str],
) -> sql.Composable:
    """Return the one statement; what is the same already is left out of it, because ON CONFLICT locks what it meets."""

    def differ(one: str, other: str) -> sql.Composable:
        return sql.SQL(" OR ").join(
            sql.SQL("{0}.{2} IS DISTINCT FROM {1}.{2}").format(sql.SQL(one), sql.SQL(other), sql.Identifier(column))
            for column in ("content_hash", *compared)
        )

    updates = sql.SQL(", ").join(
        sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column))
        for column in columns
        if column not in {"connection_id", "external_id"}
    )
    return sql.SQL(
        """
        INSERT INTO {table} AS kept ({names})
        SELECT DISTINCT ON (external_id) {names} FROM {staged} staged
        WHERE NOT EXISTS (
            SELECT FROM {table} same
            WHERE same.connection_id = staged.connection_id AND same.external_id = staged.external_id AND NOT ({same})
        )
        ORDER BY external_id, source_updated_at DESC NULLS LAST
        ON CONFLICT (connection_id, external_id) DO UPDATE SET {updates}
        WHERE ({changed})
          AND (kept.source_updated_at IS NULL OR EXCLUDED.source_updated_at IS NULL
               OR kept.source_updated_at < EXCLUDED.source_updated_at
               OR (kept.source_updated_at = EXCLUDED.source_updated_at AND kept.stored_at <= EXCLUDED.stored_at))
        RETURNING kept.external_id, kept.id, (kept.xmax = 0)
        """
    ).format(
        table=table,
        names=names,
        staged=staged,
        updates=updates,
        same=differ("same", "staged"),
        changed=differ("kept", "EXCLUDED"),
    )
