"""Keeps what processes tell of the queues, gathers it with what is due, and forgets it after a day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection as database
from django.db.models import Count, Max, Min
from django.utils import timezone
from django.utils.module_loading import import_string
from django_scopes import scopes_disabled

from integrations.base.registry import providers_of
from integrations.models import Canary, ConnectionStatus, Pulse, QueueMinute, WebhookDelivery, WebhookEvent
from integrations.models.queue import BEAT, WORKER
from integrations.models.webhook import WAITING
from integrations.queue_health import DueWork, Minute, Process, QueueFacts, Report, judge
from integrations.queues import BATCH, HIGH, QUEUES, STANDARD
from integrations.retention import delete_in_parts
from integrations.services.connections import connections_waiting_for_sync

KEPT = timedelta(days=1)
SHOWN = timedelta(hours=1)


def note_process(*, name: str, kind: str, queues: Sequence[str], started_at: datetime) -> None:
    """Say that a process is alive."""
    told = {"kind": kind, "queues": list(queues), "started_at": started_at, "beaten_at": timezone.now()}
    Pulse.objects.bulk_create(
        [Pulse(name=name, **told)], update_conflicts=True, unique_fields=["name"], update_fields=list(told)
    )


def forget_process(name: str) -> None:
    """Say that a process has ended as it should."""
    Pulse.objects.filter(name=name).delete()


def note_minute(
    *, queue: str, taken: int = 0, failed: int = 0, depth: int | None = None, wait_ms: int | None = None
) -> None:
    """Add to what is known of a queue's present minute."""
    with database.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {QueueMinute._meta.db_table} AS kept (queue, minute_at, taken, failed, depth, wait_ms)"  # noqa: S608
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (queue, minute_at) DO UPDATE SET"
            " taken = kept.taken + excluded.taken, failed = kept.failed + excluded.failed,"
            " depth = greatest(kept.depth, excluded.depth), wait_ms = greatest(kept.wait_ms, excluded.wait_ms)",
            [queue, timezone.now().replace(second=0, microsecond=0), taken, failed, depth, wait_ms],
        )


def hear_canary(*, queue: str, sent_at: datetime | None) -> None:
    """Note that a canary came through; `sent_at` is None for one that was sent by hand."""
    now = timezone.now()
    told = {"sent_at": sent_at or now, "heard_at": now}
    Canary.objects.bulk_create(
        [Canary(queue=queue, **told)], update_conflicts=True, unique_fields=["queue"], update_fields=list(told)
    )
    if sent_at:
        note_minute(queue=queue, wait_ms=max(0, int((now - sent_at).total_seconds() * 1000)))


def served_until(queue: str) -> datetime | None:
    """Return when a worker of this queue last said that it is alive; None when none did for a day."""
    workers = Pulse.objects.filter(kind=WORKER, queues__contains=[queue])
    found: datetime | None = workers.aggregate(latest=Max("beaten_at"))["latest"]
    return found


def report_queues(*, waiting: dict[str, int] | None) -> Report:
    """Return how the queues are; `waiting` is the broker's word on their depths, None when it does not answer."""
    now = timezone.now()
    processes = [
        Process(each.name, each.kind, tuple(each.queues), each.beaten_at)
        for each in Pulse.objects.filter(beaten_at__gt=now - KEPT).order_by("name")
    ]
    canaries = {canary.queue: canary for canary in Canary.objects.all()}
    due = due_work(now)
    facts = [
        QueueFacts(
            queue=queue,
            workers=tuple(each for each in processes if each.kind == WORKER and queue.name in each.queues),
            canary_sent_at=canaries[queue.name].sent_at if queue.name in canaries else None,
            canary_heard_at=canaries[queue.name].heard_at if queue.name in canaries else None,
            depth=None if waiting is None else waiting.get(queue.name, 0),
            due=tuple(work for work in due if work.queue == queue.name),
            minutes=_minutes(queue.name, now),
        )
        for queue in QUEUES
    ]
    beats = [each for each in processes if each.kind == BEAT]
    return judge(facts, beats, is_broker_there=waiting is not None, now=now)


def _minutes(queue: str, now: datetime) -> tuple[Minute, ...]:
    """Return each minute of the last hour, empty ones too, the oldest first."""
    this = now.replace(second=0, microsecond=0)
    rows = {row.minute_at: row for row in QueueMinute.objects.filter(queue=queue, minute_at__gt=this - SHOWN)}
    wanted = [this - timedelta(minutes=back) for back in reversed(range(int(SHOWN.total_seconds() // 60)))]
    return tuple(
        Minute(at, row.taken, row.failed, row.depth, row.wait_ms) if (row := rows.get(at)) else Minute(at)
        for at in wanted
    )


def due_work(now: datetime) -> list[DueWork]:
    """Return what is due by the database; settings.QUEUE_WORK names who tells it."""
    found: list[DueWork] = []
    for path in settings.QUEUE_WORK:
        tell: Callable[[datetime], Iterable[DueWork]] = import_string(path)
        found += [work for work in tell(now) if work.count]
    return found


def webhooks_and_syncs(now: datetime) -> list[DueWork]:
    """Return the deliveries, events and wanted syncs that are due."""
    tills = providers_of("pos")
    found = []
    with scopes_disabled():
        for queue, is_till in ((HIGH, True), (STANDARD, False)):
            deliveries = WebhookDelivery.objects.filter(processed_at=None).order_by()
            # Those of a paused connection wait because somebody wants it.
            active = WebhookEvent.objects.filter(connection__status=ConnectionStatus.ACTIVE).order_by()
            events = active.filter(status__in=WAITING, next_attempt_at__lte=now)
            for rows, what in ((deliveries, "webhook deliveries"), (events, "webhook events")):
                own = rows.filter(provider__in=tills) if is_till else rows.exclude(provider__in=tills)
                told = own.aggregate(count=Count("pk"), oldest=Min("received_at"))
                found.append(DueWork(queue, what, told["count"], told["oldest"]))
    wanted = connections_waiting_for_sync()
    asked = [each.sync_requested_at for each in wanted if each.sync_requested_at]
    return [*found, DueWork(BATCH, "wanted syncs", len(wanted), min(asked, default=None))]


def prune_queues(*, now: datetime) -> int:
    """Delete what is older than a day; return how many rows went."""
    old = now - KEPT
    minutes, pulses = QueueMinute.objects.filter(minute_at__lt=old), Pulse.objects.filter(beaten_at__lt=old)
    return delete_in_parts(minutes) + delete_in_parts(pulses)
