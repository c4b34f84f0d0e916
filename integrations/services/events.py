"""Processes the waiting events of one connection: one worker at a time, many events at once, nothing lost by a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from time import monotonic

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from integrations.base.errors import (
    ConfigurationError,
    IntegrationError,
    PermissionMissing,
    ReauthorizationRequired,
    TransientError,
)
from integrations.models import Connection, EventStatus, WebhookEvent
from integrations.models.webhook import WAITING
from integrations.services.connections import mark_needs_reauthorization
from integrations.services.leases import EVENTS, Held, LeaseLost, leased

logger = structlog.get_logger(__name__)

EVENTS_A_BATCH = 100
# How long one connection has a worker while others may wait: whoever has fifty thousand events queues up again.
TURN = timedelta(seconds=2)
ATTEMPTS = 24  # with the waits below: about 18 hours
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=1)
ATTEMPT = attrgetter("attempts")
# What stops every event of a connection alike, and what somebody will end: no event is to blame.
OF_THE_CONNECTION = (TransientError, ReauthorizationRequired, ConfigurationError, PermissionMissing)

# Does the work of some events; returns, by event id, why there was nothing to do. Raises what stopped it.
Handler = Callable[[Sequence[WebhookEvent]], Mapping[int, str]]


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
            try:
                while batch := _claim(connection, held):
                    taken += len(batch)
                    if not _work(connection, batch, handle):
                        return taken
                    connection.refresh_from_db(fields=["status"])
                    if not connection.is_active or monotonic() > until:
                        return taken
            except LeaseLost:
                return taken
        if not _due(connection, timezone.now()).exists():
            return taken
    return taken


def _due(connection: Connection, now: datetime) -> QuerySet[WebhookEvent]:
    return WebhookEvent.objects.filter(connection=connection, status__in=WAITING, next_attempt_at__lte=now)


def _claim(connection: Connection, held: Held) -> list[WebhookEvent]:
    """Return the next due events, marked as tried: events that kill their worker come back later and later."""
    now = timezone.now()
    with transaction.atomic():
        held.check()
        events = list(
            _due(connection, now).order_by("pk").select_for_update(skip_locked=True, of=("self",))[:EVENTS_A_BATCH]
        )
        for event in events:
            event.attempts += 1
            event.next_attempt_at = now + wait_after(event.attempts)
        WebhookEvent.objects.bulk_update(events, ["attempts", "next_attempt_at"])
    return events


def wait_after(attempts: int) -> timedelta:
    """Return how long an event rests after its n-th attempt."""
    return min(FIRST_WAIT * 2 ** min(attempts - 1, 12), LONGEST_WAIT)


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


def _finish(events: Sequence[WebhookEvent], reasons: Mapping[int, str]) -> None:
    _settle([event for event in events if event.pk not in reasons], EventStatus.PROCESSED, "")
    by_reason: dict[str, list[WebhookEvent]] = {}
    for event in events:
        if event.pk in reasons:
            by_reason.setdefault(reasons[event.pk], []).append(event)
    for reason, ignored in by_reason.items():
        _settle(ignored, EventStatus.IGNORED, reason)


def _settle(events: Sequence[WebhookEvent], status: EventStatus, reason: str) -> None:
    for rows in _rows(events):
        rows.update(status=status, reason=reason, processed_at=timezone.now())


def _postpone(events: Sequence[WebhookEvent], reason: str, retry_after: float | None) -> None:
    """Leave events for their next attempt, not before `retry_after` seconds; park those that had enough."""
    tired = [event for event in events if event.attempts >= ATTEMPTS]
    _settle(tired, EventStatus.PARKED, f"{reason} It was tried {ATTEMPTS} times; replay it when the cause is gone.")
    for rows in _rows([event for event in events if event.attempts < ATTEMPTS]):
        rows.update(status=EventStatus.FAILED, reason=reason)
        if retry_after:
            not_before = timezone.now() + min(timedelta(seconds=retry_after), LONGEST_WAIT)
            rows.filter(next_attempt_at__lt=not_before).update(next_attempt_at=not_before)


def _rows(events: Sequence[WebhookEvent]) -> Iterator[QuerySet[WebhookEvent]]:
    """Yield the events' rows, looked for in their months only, and only those that are as this worker claimed them.

    The number of attempts is an event's fence: whoever claims it next counts one more, and a replay begins at none.
    """
    for attempts, own in groupby(sorted(events, key=ATTEMPT), key=ATTEMPT):
        claimed = list(own)
        times = [event.received_at for event in claimed]
        yield WebhookEvent.objects.filter(
            pk__in=[event.pk for event in claimed],
            attempts=attempts,
            received_at__gte=min(times),
            received_at__lte=max(times),
        )
