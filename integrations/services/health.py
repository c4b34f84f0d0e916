"""Collecting the facts of connections' health and keeping the verdict where lists and filters see it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from integrations.health import HealthFacts, Verdict, judge
from integrations.models import Connection, Credential, EventStatus, Quarantine, SyncCursor, SyncRun, WebhookEvent
from integrations.models.sync import PREVIEW
from integrations.models.webhook import WAITING

logger = structlog.get_logger(__name__)

EVENTS_ALLOWED = timedelta(minutes=15)  # several tries; one that waits longer has a fault of its own
RUN_FACTS = ("status", "sentence", "heartbeat_at", "quarantined", "silent_changes")


def with_facts(connections: QuerySet[Connection]) -> QuerySet[Connection]:
    """Return the connections with their facts joined on, in one question; needs their scope to be open."""
    # A preview stores nothing, so it says nothing of how the connection is.
    newest = SyncRun.objects.filter(connection=OuterRef("pk")).exclude(mode=PREVIEW).order_by("-pk")
    cursors = SyncCursor.objects.filter(connection=OuterRef("pk")).order_by().values("connection")
    held = Quarantine.objects.filter(connection=OuterRef("pk"), resolved_at=None).order_by().values("connection")
    facts: dict[str, Any] = {f"run_{name}": Subquery(newest.values(name)[:1]) for name in RUN_FACTS}
    # A stream that was never read to its end is behind since the connection was made.
    unread = cursors.annotate(number=Count("pk", filter=Q(complete_until=None))).values("number")
    facts["unread_streams"] = Coalesce(Subquery(unread), 1)
    unfinished = Q(full_read_started_at__isnull=False) | Q(window_until__isnull=False)
    facts["unfinished_streams"] = Coalesce(
        Subquery(cursors.annotate(number=Count("pk", filter=unfinished)).values("number")), 0
    )
    facts["late_events"] = _events(status__in=WAITING, received_at__lt=timezone.now() - EVENTS_ALLOWED)
    facts["parked_events"] = _events(status=EventStatus.PARKED)
    facts["oldest_complete"] = Subquery(cursors.annotate(oldest=Min("complete_until")).values("oldest"))
    facts["quarantined_now"] = Coalesce(Subquery(held.annotate(number=Count("pk")).values("number")), 0)
    facts["refresh_failing_since"] = Subquery(_credential("refresh_failing_since"))
    facts["token_renewed_at"] = Subquery(_credential("updated_at"))
    return connections.annotate(**facts)


def _events(**conditions: Any) -> Coalesce:
    events = WebhookEvent.objects.filter(connection=OuterRef("pk"), **conditions).order_by().values("connection")
    return Coalesce(Subquery(events.annotate(number=Count("pk")).values("number")), 0)


def _credential(column: str) -> QuerySet[Any]:
    return Credential.objects.filter(connection=OuterRef("pk")).values(column)


def facts_of(row: Any) -> HealthFacts:
    """Return the facts of a connection that came through `with_facts`."""
    return HealthFacts(
        status=row.status,
        problem=row.problem,
        connected_at=row.created_at,
        last_good_call_at=row.last_good_call_at,
        last_webhook_at=getattr(row, "last_webhook_at", None),
        token_renewed_at=row.token_renewed_at,
        refresh_failing_since=row.refresh_failing_since,
        complete_until=None if row.unread_streams else row.oldest_complete,
        quarantined=row.quarantined_now,
        run_status=row.run_status or "",
        run_sentence=row.run_sentence or "",
        run_heartbeat_at=row.run_heartbeat_at,
        run_quarantined=row.run_quarantined or 0,
        unfinished_streams=row.unfinished_streams,
        late_events=row.late_events,
        parked_events=row.parked_events,
        run_silent_changes=row.run_silent_changes or 0,
    )


def health_facts(connection: Connection) -> HealthFacts:
    """Return one connection's facts as they are now."""
    return facts_of(with_facts(Connection.objects.filter(pk=connection.pk)).get())


def check_health(connections: QuerySet[Connection]) -> int:
    """Judge connections and store each verdict that differs; return how many did. Calls no provider.

    `health_since` moves only when the health itself changes, so that a growing count does not look like news.
    """
    now, stored = timezone.now(), 0
    for row in with_facts(connections).order_by("pk").iterator(chunk_size=500):
        verdict = judge(facts_of(row), now)
        if (row.health, row.health_cause, row.health_next) != (verdict.health, verdict.cause, verdict.next_step):
            stored += _store(row, verdict)
    return stored


def _store(row: Connection, verdict: Verdict) -> int:
    values: dict[str, Any] = {
        "health": verdict.health,
        "health_cause": verdict.cause,
        "health_next": verdict.next_step,
    }
    if row.health != verdict.health:
        values["health_since"] = timezone.now()
        logger.info("health_changed", connection=row.pk, was=row.health, health=verdict.health)
    # The status is compared, so that a verdict on a connection that was just paused or reconnected is not stored.
    return Connection.objects.filter(pk=row.pk, status=row.status).update(**values)


def note_health(connection: Connection) -> None:
    """Judge one connection now, because its status has just changed."""
    check_health(Connection.objects.filter(pk=connection.pk))
    connection.refresh_from_db(fields=["health", "health_cause", "health_next", "health_since"])
