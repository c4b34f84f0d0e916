"""Processes the waiting events of one connection: one worker at a time, many events at once, nothing lost by a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from time import monotonic

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.utils import timezone

from integrations.base.errors import (
    ConfigurationError,
    IntegrationError,
    PermissionMissing,
    ReauthorizationRequired,
    TransientError,
)
from integrations.models import Connection, EventStatus, Lease, WebhookEvent
from integrations.models.webhook import WAITING
from integrations.services.connections import mark_needs_reauthorization
from integrations.services.leases import EVENTS, UNSYNCED, Held, leased

logger = structlog.get_logger(__name__)

EVENTS_A_BATCH = 100  # about half a second's work
# How long one connection has a worker while others may wait: whoever has fifty thousand events queues up again.
TURN = timedelta(seconds=1)
ATTEMPTS = 24  # with the waits below: about 18 hours
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=1)
ATTEMPT = attrgetter("attempts")
# What stops every event of a connection alike, and what somebody will end: no event is to blame.
OF_THE_CONNECTION = (TransientError, ReauthorizationRequired, ConfigurationError, PermissionMissing)


@dataclass(frozen=True, slots=True)
class NotYet:
    """Why an event's work cannot be done yet, which is nothing of the others': it alone is tried again."""

    reason: str


# Does the work of some events; returns, by event id, why there was nothing to do or not yet. Raises what stopped it.
Handler = Callable[[Sequence[WebhookEvent]], Mapping[int, str | NotYet]]


def process_events(*, connection: Connection, handle: Handler) -> int:
    """Process a connection's due events until none is left or its turn is over; return how many were taken.

    One worker at a time has a connection's events, so no object is read by two and many events cost one read. A
    worker that finds another at work goes away: the other looks again after letting go. A failure in passing leaves
    the events waiting, for longer each time; a connection that is not active keeps them for later.
    """
    taken, until = 0, monotonic() + TURN.total_seconds()
    while connection.is_active:
        with leased(f"{EVENTS} {connection.pk}") as held:
            if held is None:
                return taken
            batch = _claim(connection, held)
            taken += len(batch)
            is_well = not batch or _work(connection, batch, handle)
        if not is_well or monotonic() > until or not _due(connection, timezone.now()).exists():
            return taken
        connection.refresh_from_db(fields=["status"])
    return taken


def _due(connection: Connection, now: datetime) -> QuerySet[WebhookEvent]:
    return WebhookEvent.objects.filter(connection=connection, status__in=WAITING, next_attempt_at__lte=now)


def _claim(connection: Connection, held: Held) -> list[WebhookEvent]:
    """Return the next due events, marked as tried: events that kill their worker come back later and later.

    One statement, since each question costs a turn of a busy machine: it gives nothing once the lease is another's,
    nobody can take the lease before it is done, and losing it in a crash only lets the events be taken again.
    """
    table, lease = WebhookEvent._meta.db_table, Lease._meta.db_table
    statement = (
        f"WITH held AS (SELECT 1 FROM {lease} WHERE name = %(name)s AND fence = %(fence)s AND {UNSYNCED} FOR SHARE),"  # noqa: S608
        f" due AS (SELECT id, received_at FROM {table} WHERE connection_id = %(connection)s"
        " AND status = ANY(%(waiting)s) AND next_attempt_at <= %(now)s AND EXISTS (SELECT 1 FROM held)"
        " ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED)"
        f" UPDATE {table} AS event SET attempts = event.attempts + 1, next_attempt_at = %(now)s"
        " + least(%(first)s * power(2, least(event.attempts, 12)), %(longest)s)"
        " FROM due WHERE event.id = due.id AND event.received_at = due.received_at RETURNING event.*"
    )
    facts = {
        "name": held.name, "fence": held.fence, "connection": connection.pk, "waiting": list(WAITING),
        "now": timezone.now(), "most": EVENTS_A_BATCH, "first": FIRST_WAIT, "longest": LONGEST_WAIT,
    }  # fmt: skip
    return sorted(WebhookEvent.objects.raw(statement, facts), key=attrgetter("pk"))


def _work(connection: Connection, events: Sequence[WebhookEvent], handle: Handler) -> bool:
    """Process a batch; return False when the connection is in trouble and the rest had better wait."""
    try:
        reasons = handle(events)
    except OF_THE_CONNECTION as problem:
        _postpone(events, problem.sentence, getattr(problem, "retry_after", None))
        if isinstance(problem, ReauthorizationRequired):
            mark_needs_reauthorization(connection=connection, problem=problem)
        return False
    except (OperationalError, InterfaceError):
        raise  # the database is away or busy: the claim has set the next attempt
    except Exception as problem:  # one object that cannot be handled must not hold back the others
        return _work_apart(connection, events, handle, problem)
    _finish(events, reasons)
    return True


def _work_apart(connection: Connection, events: Sequence[WebhookEvent], handle: Handler, problem: Exception) -> bool:
    """Process a batch object by object; an object alone is parked, or tried again when the error is ours."""
    groups: dict[tuple[str, str], list[WebhookEvent]] = {}
    for event in events:
        groups.setdefault((event.object_type, event.object_id), []).append(event)
    if len(groups) > 1:
        return all(_work(connection, group, handle) for group in groups.values())
    if isinstance(problem, IntegrationError):
        _settle(events, EventStatus.PARKED, problem.sentence)
    else:
        logger.exception("event_not_processed", events=[event.pk for event in events], exc_info=problem)
        _postpone(events, f"An error of ours stopped it ({type(problem).__name__}). Tell support.", None)
    return True


def _finish(events: Sequence[WebhookEvent], reasons: Mapping[int, str | NotYet]) -> None:
    _settle([event for event in events if event.pk not in reasons], EventStatus.PROCESSED, "")
    by_reason: dict[str | NotYet, list[WebhookEvent]] = {}
    for event in events:
        if event.pk in reasons:
            by_reason.setdefault(reasons[event.pk], []).append(event)
    for reason, own in by_reason.items():
        if isinstance(reason, NotYet):
            _postpone(own, reason.reason, None)
        else:
            _settle(own, EventStatus.IGNORED, reason)


def _settle(events: Sequence[WebhookEvent], status: EventStatus, reason: str) -> None:
    for _attempts, rows in _rows(events):
        rows.update(status=status, reason=reason, processed_at=timezone.now())


def _postpone(events: Sequence[WebhookEvent], reason: str, retry_after: float | None) -> None:
    """Leave events for their next attempt, not before `retry_after` seconds; park those that had enough."""
    tired = [event for event in events if event.attempts >= ATTEMPTS]
    _settle(tired, EventStatus.PARKED, f"{reason} It was tried {ATTEMPTS} times; replay it when the cause is gone.")
    for _attempts, rows in _rows([event for event in events if event.attempts < ATTEMPTS]):
        rows.update(status=EventStatus.FAILED, reason=reason)
        if retry_after:
            not_before = timezone.now() + min(timedelta(seconds=retry_after), LONGEST_WAIT)
            rows.filter(next_attempt_at__lt=not_before).update(next_attempt_at=not_before)


def _rows(events: Sequence[WebhookEvent]) -> Iterator[tuple[int, QuerySet[WebhookEvent]]]:
    """Yield the events' rows by their attempts, looked for in their months only, and only as this worker has them.

    The number of attempts is an event's fence: whoever claims it next counts one more, and a replay begins at none.
    """
    for attempts, own in groupby(sorted(events, key=ATTEMPT), key=ATTEMPT):
        claimed = list(own)
        times = [event.received_at for event in claimed]
        rows = WebhookEvent.objects.filter(
            pk__in=[event.pk for event in claimed],
            attempts=attempts,
            received_at__gte=min(times),
            received_at__lte=max(times),
        )
        yield attempts, rows
