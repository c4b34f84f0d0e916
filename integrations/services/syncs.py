"""Runs of a sync: each page's records, counts and cursor commit together, and a run never claims more than it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from django.db import DatabaseError, transaction
from django.db import connection as database
from django.utils import timezone

from integrations.base.errors import IntegrationError, ReauthorizationRequired
from integrations.base.http import CallStatistics
from integrations.base.records import Page, Unreadable
from integrations.models import Connection, Quarantine, RunStatus, SyncCursor, SyncRun
from integrations.services.connections import mark_needs_reauthorization

logger = structlog.get_logger(__name__)

FULL, WINDOW = "full", "window"
LOCK_SPACE = 7201  # our own first half of PostgreSQL's two-part advisory lock keys


class SyncNotPossible(Exception):
    """A sync that cannot start now; `str()` is the sentence for people."""


@dataclass(frozen=True, slots=True)
class SaveCounts:
    """What storing one page did."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class StreamReader:
    """How one stream is read and stored: the caller's two functions and the client's counters.

    `read(position)` yields pages from there on; `save(records)` stores one page's records inside the transaction.
    """

    name: str
    read: Callable[[dict[str, Any]], Iterator[Page]]
    save: Callable[[list[Any]], SaveCounts]
    statistics: CallStatistics


def run_sync(
    *,
    connection: Connection,
    stream: StreamReader,
    mode: str,
    cursor: SyncCursor,
    on_page: Callable[[SyncRun], None] | None = None,
) -> SyncRun:
    """Read a stream from its cursor to its end and return the finished run.

    SUCCEEDED means: read to the end, nothing quarantined. Anything less is PARTIAL with a sentence. An error of our
    own is FAILED and raised. Raises SyncNotPossible when the connection is not active or a run is under way.
    """
    check_active(connection)
    with _only_run(connection, stream.name):
        run = _start(connection, stream.name, mode)
        try:
            for page in stream.read(cursor.position):
                _commit_page(run, cursor, page, stream)
                _stop_when_not_active(connection)
                if on_page:
                    on_page(run)
        except IntegrationError as problem:
            return _stop_short(run, stream, problem)
        except KeyboardInterrupt:
            _finish(run, stream, RunStatus.PARTIAL, "It was stopped by hand. The next run goes on from here.")
            raise
        except Exception:
            reference = f"run {run.pk}"
            _finish(run, stream, RunStatus.FAILED, f"An error of ours stopped it. Tell support: {reference}.")
            raise
        return _succeed(run, cursor, stream)


def _stop_when_not_active(connection: Connection) -> None:
    """Raise the error that ends a run when somebody paused or disconnected the connection meanwhile."""
    connection.refresh_from_db(fields=["status"])
    if not connection.is_active:
        raise IntegrationError(f"{connection} is not active any more ({connection.get_status_display()}).")


@contextmanager
def _only_run(connection: Connection, stream: str) -> Iterator[None]:
    """Hold an advisory lock as long as the run lasts: a killed worker's lock ends with its database session."""
    key = (LOCK_SPACE, connection.pk)
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        if not cursor.fetchone()[0]:
            raise SyncNotPossible(
                f"A sync of {connection} is already running. Its progress is on the connection's page."
            )
    try:
        yield
    finally:
        # With the database away the session is gone, and its lock with it.
        with suppress(DatabaseError), database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)


def _start(connection: Connection, stream: str, mode: str) -> SyncRun:
    with transaction.atomic():
        # Whoever holds the lock is alone, so a row that still says RUNNING lost its worker.
        connection.runs.filter(status=RunStatus.RUNNING, stream=stream).update(
            status=RunStatus.PARTIAL,
            finished_at=timezone.now(),
            sentence="It was cut off before its end. The next run went on from its last page.",
        )
        Connection.objects.filter(pk=connection.pk).update(sync_requested_at=None)
        return SyncRun.objects.create(connection=connection, stream=stream, mode=mode)


def _commit_page(run: SyncRun, cursor: SyncCursor, page: Page, stream: StreamReader) -> None:
    with transaction.atomic():
        counts = stream.save(page.records)
        _quarantine(run, page.unreadable)
        _release(run, [record.external_id for record in page.records])
        cursor.position = page.cursor
        cursor.save(update_fields=["position", "updated_at"])
        run.pages += 1
        run.read += len(page.records) + len(page.unreadable)
        run.created += counts.created
        run.changed += counts.changed
        run.unchanged += counts.unchanged
        run.quarantined += len(page.unreadable)
        run.heartbeat_at = timezone.now()
        _count_calls(run, stream.statistics)
        run.save()


def _count_calls(run: SyncRun, statistics: CallStatistics) -> None:
    run.calls = statistics.calls
    run.retries = statistics.retries
    run.waited_seconds = round(statistics.waited_seconds, 2)


def _quarantine(run: SyncRun, unreadable: Sequence[Unreadable]) -> None:
    for record in unreadable:
        Quarantine.objects.update_or_create(
            connection=run.connection,
            stream=run.stream,
            external_id=record.external_id,
            resolved_at=None,
            defaults={
                "reason": record.reason,
                "payload": orjson.dumps(record.payload).decode(),
                "run": run,
            },
        )


def _release(run: SyncRun, external_ids: list[str]) -> None:
    """Close the quarantine of records that can be read again."""
    held = Quarantine.objects.filter(connection=run.connection, stream=run.stream, resolved_at=None)
    again = set(held.values_list("external_id", flat=True)).intersection(external_ids)
    if again:
        held.filter(external_id__in=again).update(resolved_at=timezone.now())


def _succeed(run: SyncRun, cursor: SyncCursor, stream: StreamReader) -> SyncRun:
    if run.quarantined:
        noun = "record" if run.quarantined == 1 else "records"
        status = RunStatus.PARTIAL
        sentence = (
            f"{run.quarantined} {noun} could not be read and wait in quarantine with the reason. The rest is stored."
        )
    else:
        status, sentence = RunStatus.SUCCEEDED, "Everything was read."
    with transaction.atomic():
        cursor.position = {}
        cursor.complete_until = cursor.full_read_started_at if run.mode == FULL else cursor.window_until
        cursor.full_read_started_at = None
        cursor.window_until = None
        cursor.save()
        Connection.objects.filter(pk=run.connection_id).update(last_good_call_at=timezone.now())
        _finish(run, stream, status, sentence)
    return run


def _stop_short(run: SyncRun, stream: StreamReader, problem: IntegrationError) -> SyncRun:
    logger.warning("sync_stopped_short", run=run.pk, reason=type(problem).__name__, request_id=problem.request_id)
    if isinstance(problem, ReauthorizationRequired):
        mark_needs_reauthorization(connection=run.connection, problem=problem)
    stored = f" {run.read} records are stored." if run.read else ""
    _finish(
        run, stream, RunStatus.PARTIAL, f"{problem.sentence}{stored} Nothing is lost: the next run goes on from here."
    )
    return run


def _finish(run: SyncRun, stream: StreamReader, status: RunStatus, sentence: str) -> None:
    run.status = status
    run.sentence = sentence
    run.finished_at = run.heartbeat_at = timezone.now()
    _count_calls(run, stream.statistics)
    run.save()


def connection_for_sync(connection_id: int) -> Connection:
    """Return an active connection; raises SyncNotPossible with a sentence otherwise."""
    connection = Connection.objects.select_related("organization").filter(pk=connection_id).first()
    if connection is None:
        raise SyncNotPossible(f"There is no connection {connection_id}.")
    check_active(connection)
    return connection


def check_active(connection: Connection) -> None:
    """Raise SyncNotPossible unless the connection may be read from."""
    if connection.is_active:
        return
    why = f" {connection.problem}" if connection.problem else ""
    raise SyncNotPossible(f"{connection} is not active ({connection.get_status_display()}), so nothing was read.{why}")
