"""Runs of a sync: each page's records, counts and cursor commit together, and a run never claims more than it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from billiard.exceptions import SoftTimeLimitExceeded  # what the worker raises in the middle of our work
from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django_scopes import scopes_disabled
from psycopg.pq import TransactionStatus

from integrations.base.errors import IntegrationError, ReauthorizationRequired, TransientError
from integrations.base.http import LONG_WAIT, CallStatistics
from integrations.base.records import Page
from integrations.bulk import retry_deadlocks
from integrations.models import Connection, RunStatus, StopRequest, SyncCursor, SyncRun
from integrations.models.sync import FULL, WINDOW
from integrations.retention import delete_in_parts
from integrations.services.connections import mark_needs_reauthorization, put_off, request_sync
from integrations.services.leases import SYNC, Held, LeaseLost, hold_until_commit, leased
from integrations.services.quarantine import release, set_aside

logger = structlog.get_logger(__name__)

IDLE_KEPT = timedelta(days=30)
MAX_FINDINGS = 100  # of a preview; the counts go on
# Never all fields: somebody may be writing stop_requested at the same time.
PAGE_FIELDS = [
    "pages", "read", "created", "changed", "unchanged", "quarantined", "silent_changes", "findings", "heartbeat_at",
    "calls", "retries", "waited_seconds",
]  # fmt: skip


class SyncNotPossible(Exception):
    """A sync that cannot start now; `str()` is the sentence for people."""


@dataclass(frozen=True, slots=True)
class SaveCounts:
    """What storing one page did, or would do.

    `silent` counts changes that a webhook should have announced and did not; `findings` says for a preview what would
    change, record by record.
    """

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    silent: int = 0
    findings: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Which read comes next: its mode, the cursor that it moves (None moves none), and how many records it expects."""

    mode: str
    cursor: SyncCursor | None
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class StreamReader:
    """How one stream is read and stored: the caller's functions and the client's counters.

    `plan()` decides what to read once no other run can; `read(plan)` yields pages from its cursor's position on;
    `save(page)` stores one page inside the transaction, or only compares it for a preview.
    """

    name: str
    plan: Callable[[], Plan]
    read: Callable[[Plan], Iterator[Page]]
    save: Callable[[Page], SaveCounts]
    statistics: CallStatistics


class StopAsked(Exception):
    """Somebody asked this run to stop; raised between two pages."""

    def __init__(self, request: str) -> None:
        super().__init__(request)
        self.request = request


def run_sync(
    *, connection: Connection, stream: StreamReader, on_page: Callable[[SyncRun], None] | None = None
) -> SyncRun:
    """Read a stream from its cursor to its end and return the finished run.

    SUCCEEDED means: read to the end, nothing quarantined. Anything less is PARTIAL with a sentence, PAUSED or
    CANCELLED when somebody asked for that. An error of our own is FAILED and raised. Raises SyncNotPossible when the
    connection is not active or a run is under way, and IntegrationError when it fails before there is a run.
    """
    check_active(connection)
    with _only_run(connection, stream.name) as held:
        run = _start(connection, stream.name)
        try:
            return _read(run, stream, held, on_page)
        except LeaseLost:
            # Cut off for longer than the lease: whoever has it now has closed this run, and goes on with its cursor.
            logger.warning("sync_taken_over", run=run.pk)
            run.refresh_from_db()
            return run


def _read(run: SyncRun, stream: StreamReader, held: Held, on_page: Callable[[SyncRun], None] | None) -> SyncRun:
    try:
        plan = _planned(run, stream)
        is_resumed = plan.cursor is not None and bool(plan.cursor.position)
        for page in stream.read(plan):
            retry_deadlocks(partial(_commit_page, run, plan, page, stream, held))
            _stop_when_not_active(run.connection)
            if on_page:
                on_page(run)
            _check_stop(run)
    except LeaseLost:
        raise
    except IntegrationError as problem:
        return _stop_short(run, stream, problem)
    except StopAsked as asked:
        return _stop_as_asked(run, plan, stream, asked.request, held)
    except KeyboardInterrupt:
        _leave_interrupted_statement()
        _finish(run, stream, RunStatus.PARTIAL, "It was stopped by hand. The next run goes on from here.")
        raise
    except SoftTimeLimitExceeded:
        request_sync(connection=run.connection)
        _finish(run, stream, RunStatus.PARTIAL, "It took as long as one run may. The next one goes on from here.")
        return run
    except Exception:
        reference = f"run {run.pk}"
        _finish(run, stream, RunStatus.FAILED, f"An error of ours stopped it. Tell support: {reference}.")
        raise
    return _succeed(run, plan, stream, held, is_resumed=is_resumed)


def _leave_interrupted_statement() -> None:
    """Close a database connection that was stopped in mid-statement; the next use opens another."""
    raw = database.connection
    if raw is not None and raw.pgconn.transaction_status == TransactionStatus.ACTIVE:
        database.close()


def _stop_when_not_active(connection: Connection) -> None:
    """Raise the error that ends a run when somebody paused or disconnected the connection meanwhile."""
    connection.refresh_from_db(fields=["status"])
    if not connection.is_active:
        raise IntegrationError(f"{connection} is not active any more ({connection.get_status_display()}).")


@contextmanager
def _only_run(connection: Connection, stream: str) -> Iterator[Held]:
    """Hold the stream's lease as long as the run lasts: a killed worker's ends seconds after it."""
    with leased(lease_of(connection, stream)) as held:
        if held is None:
            raise SyncNotPossible(
                f"A sync of {connection} is already running. Its progress is on the connection's page."
            )
        yield held


def lease_of(connection: Connection, stream: str) -> str:
    """Return the name of the lease that a run of a stream holds."""
    return f"{SYNC} {connection.pk} {stream}"


def _start(connection: Connection, stream: str) -> SyncRun:
    with transaction.atomic():
        # Whoever holds the lock is alone, so a row that still says RUNNING lost its worker.
        connection.runs.filter(status=RunStatus.RUNNING, stream=stream).update(
            status=RunStatus.PARTIAL,
            finished_at=timezone.now(),
            sentence="It was cut off before its end. The next run went on from its last page.",
        )
        return SyncRun.objects.create(connection=connection, stream=stream)


def _planned(run: SyncRun, stream: StreamReader) -> Plan:
    try:
        plan = stream.plan()
    except TransientError:
        raise
    except IntegrationError:
        # Nothing will be another way in half a minute, when the sweep would ask for it again.
        Connection.objects.filter(pk=run.connection_id).update(sync_requested_at=None)
        raise
    if plan.cursor is not None:  # a preview is not the sync that somebody wants
        Connection.objects.filter(pk=run.connection_id).update(sync_requested_at=None)
    run.mode, run.expected = plan.mode, plan.expected
    run.save(update_fields=["mode", "expected"])
    return plan


def _commit_page(run: SyncRun, plan: Plan, page: Page, stream: StreamReader, held: Held) -> None:
    with transaction.atomic():
        held.check()
        counts = stream.save(page)
        if plan.cursor is not None:
            set_aside(connection=run.connection, stream=run.stream, unreadable=page.unreadable, run=run)
            release(connection=run.connection, stream=run.stream, external_ids=[r.external_id for r in page.records])
            plan.cursor.position = page.cursor
            plan.cursor.save(update_fields=["position", "updated_at"])
        run.pages += 1
        run.read += len(page.records) + len(page.unreadable)
        run.created += counts.created
        run.changed += counts.changed
        run.unchanged += counts.unchanged
        run.quarantined += len(page.unreadable)
        run.silent_changes += counts.silent
        run.findings += counts.findings[: MAX_FINDINGS - len(run.findings)]
        run.heartbeat_at = timezone.now()
        _count_calls(run, stream.statistics)
        run.save(update_fields=PAGE_FIELDS)


def _count_calls(run: SyncRun, statistics: CallStatistics) -> None:
    run.calls = statistics.calls
    run.retries = statistics.retries
    run.waited_seconds = round(statistics.waited_seconds, 2)


def _check_stop(run: SyncRun) -> None:
    asked = SyncRun.objects.filter(pk=run.pk).values_list("stop_requested", flat=True).first()
    if asked:
        run.stop_requested = asked
        raise StopAsked(asked)


def request_stop(*, run: SyncRun, request: StopRequest) -> bool:
    """Ask a running sync to pause or cancel after its page; return False when it is not running any more."""
    return bool(SyncRun.objects.filter(pk=run.pk, status=RunStatus.RUNNING).update(stop_requested=request))


def request_full_read(*, connection: Connection) -> bool:
    """Let the next run read everything; return False while a run is under way, whose end would undo the wish."""
    with transaction.atomic():
        cursors = SyncCursor.objects.filter(connection=connection)
        if not all(hold_until_commit(lease_of(connection, each.stream)) for each in cursors):
            return False
        cursors.update(position={}, full_read_started_at=timezone.now(), window_since=None, window_until=None)
        request_sync(connection=connection)
    return True


def _stop_as_asked(run: SyncRun, plan: Plan, stream: StreamReader, request: str, held: Held) -> SyncRun:
    if request == StopRequest.PAUSE:
        sentence = "Paused. What was read is stored; it goes on from here when a sync is next asked for or due."
        _finish(run, stream, RunStatus.PAUSED, sentence)
        return run
    with transaction.atomic():
        held.check()
        if plan.cursor is not None:
            _drop_read(plan.cursor)
        _finish(run, stream, RunStatus.CANCELLED, "Cancelled. What was read is stored; the next run starts anew.")
    return run


def _drop_read(cursor: SyncCursor) -> None:
    """Forget the unfinished read; what was complete before it stays complete."""
    cursor.position = {}
    cursor.full_read_started_at = None
    cursor.window_since = None
    cursor.window_until = None
    cursor.save()


def _succeed(run: SyncRun, plan: Plan, stream: StreamReader, held: Held, *, is_resumed: bool) -> SyncRun:
    status, sentence = _ending(run, plan)
    with transaction.atomic():
        held.check()
        if plan.cursor is not None:
            plan.cursor.complete_until = (
                plan.cursor.full_read_started_at if run.mode == FULL else plan.cursor.window_until
            )
            _drop_read(plan.cursor)
        if is_resumed:
            # It began perhaps days ago: what changed since then is wanted now, and not at the next night.
            request_sync(connection=run.connection)
            sentence += " It had begun earlier; what changed since then is read next."
        Connection.objects.filter(pk=run.connection_id).update(last_good_call_at=timezone.now())
        _finish(run, stream, status, sentence)
    return run


def _ending(run: SyncRun, plan: Plan) -> tuple[RunStatus, str]:
    if plan.cursor is None:
        return RunStatus.SUCCEEDED, (
            f"Nothing was stored. A sync now would add {run.created}, change {run.changed}, leave {run.unchanged} as "
            f"they are and set {run.quarantined} aside."
        )
    if run.quarantined:
        noun = "record" if run.quarantined == 1 else "records"
        return RunStatus.PARTIAL, (
            f"{run.quarantined} {noun} could not be read and wait in quarantine with the reason. The rest is stored."
        )
    return RunStatus.SUCCEEDED, "Everything was read."


def _stop_short(run: SyncRun, stream: StreamReader, problem: IntegrationError) -> SyncRun:
    logger.warning("sync_stopped_short", run=run.pk, reason=type(problem).__name__, request_id=problem.request_id)
    if isinstance(problem, ReauthorizationRequired):
        mark_needs_reauthorization(connection=run.connection, problem=problem)
    elif isinstance(problem, TransientError) and (problem.retry_after or 0) > LONG_WAIT:
        put_off(connection=run.connection, seconds=problem.retry_after or 0)
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
    run.save(update_fields=["status", "sentence", "finished_at", *PAGE_FIELDS])


def prune_runs(*, now: datetime) -> int:
    """Delete runs that found nothing new, a month after; return how many. The newest of each stream stays.

    A terminal's payments are read 288 times a day, and nearly always nothing is there.
    """
    newer = {"connection": OuterRef("connection"), "stream": OuterRef("stream"), "pk__gt": OuterRef("pk")}
    nothing = {"created": 0, "changed": 0, "quarantined": 0, "silent_changes": 0}
    with scopes_disabled():
        ended = SyncRun.objects.filter(status=RunStatus.SUCCEEDED, mode=WINDOW, finished_at__lt=now - IDLE_KEPT)
        return delete_in_parts(ended.filter(Exists(SyncRun.objects.filter(**newer)), **nothing))


def connection_for_sync(connection_id: int) -> Connection:
    """Return an active connection; raises SyncNotPossible with a sentence otherwise."""
    connection = Connection.objects.select_related("organization").filter(pk=connection_id).first()
    if connection is None:
        raise SyncNotPossible(f"There is no connection {connection_id}.")
    check_active(connection)
    return connection


def check_active(connection: Connection) -> None:
    """Raise SyncNotPossible unless the connection may be read from, and now."""
    if connection.is_active and connection.not_before and connection.not_before > timezone.now():
        raise SyncNotPossible(
            f"{connection} asked not to be called before {connection.not_before:%d %b %Y, %H:%M} UTC. It is read then."
        )
    if connection.is_active:
        return
    why = f" {connection.problem}" if connection.problem else ""
    raise SyncNotPossible(f"{connection} is not active ({connection.get_status_display()}), so nothing was read.{why}")


def may_be_read(connection: Connection) -> bool:
    """Tell whether `check_active` lets a connection pass."""
    try:
        check_active(connection)
    except SyncNotPossible:
        return False
    return True
