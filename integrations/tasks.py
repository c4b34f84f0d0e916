"""Rings the workers for what is wanted and has not started, and keeps health and partitions by the clock."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Any

import structlog
from celery import current_app, shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_scopes import scopes_disabled
from kombu.exceptions import OperationalError

from integrations import pulse
from integrations.base.registry import connector_classes, get_connector_class
from integrations.models import Connection
from integrations.partitions import maintain_all
from integrations.queues import HIGH, STANDARD
from integrations.services.connections import connections_waiting_for_sync
from integrations.services.events import TURN, Handler, process_events
from integrations.services.health import check_health
from integrations.services.leases import BACKLOG, EVENTS, leased, may_ring
from integrations.services.queues import hear_canary as note_canary
from integrations.services.queues import prune_queues as forget_old_minutes
from integrations.services.syncs import prune_runs
from integrations.services.webhooks import (
    DELIVERIES_AT_ONCE,
    connections_with_waiting_events,
    has_waiting_deliveries,
    has_waiting_events,
    prune_webhooks,
    split_deliveries,
    split_newest,
)

logger = structlog.get_logger(__name__)

# Seconds after which a ring that nobody heard is void: the sweep has rung again by then, and a busy queue must not
# fill with a sync for every half minute that it was busy.
RING_LASTS = 40
SYNC_RING_LASTS = 20  # shorter: a sync that was rung for twice reads the account twice


def ring_sync(connection: Connection) -> None:
    """Send a connection's sync to its queue once the transaction is committed.

    With the broker away it is not lost: the wish is in the database and the sweep rings again.
    """
    _ring(get_connector_class(connection.provider).info.sync_task, [connection.pk], expires=SYNC_RING_LASTS)


def ring_preview(connection: Connection) -> None:
    """Ask for a preview of a full read; with the broker away nobody has it, and it is asked for again by hand."""
    _ring(get_connector_class(connection.provider).info.preview_task, [connection.pk])


def ring_records(connection: Connection, external_ids: Iterable[str]) -> None:
    """Ask for records to be read again, one task each; what is not heard stays on its list."""
    task = get_connector_class(connection.provider).info.record_task
    for external_id in external_ids:
        _ring(task, [external_id, connection.pk])


def _ring(task: str, arguments: list[Any], **options: Any) -> None:
    def ring() -> None:
        try:
            current_app.send_task(task, args=arguments, **options)
        except OperationalError:
            logger.warning("broker_away", task=task)

    transaction.on_commit(ring)


@shared_task(name="integrations.tasks.ring_wanted_syncs")
def ring_wanted_syncs() -> int:
    """Ring for each wanted sync again; one that is running already answers that it is."""
    waiting = connections_waiting_for_sync()
    for connection in waiting:
        try:
            ring_sync(connection)
        except Exception:  # one connection's fault must not stop the sweep for those after it
            logger.exception("sync_not_rung", connection=connection.pk)
    return len(waiting)


@shared_task(name="integrations.tasks.check_connections")
def check_connections() -> int:
    """Judge the health of every connection of every organization."""
    with scopes_disabled():
        return check_health(Connection.objects.all())


def ring_events(connection: Connection) -> None:
    """Send the processing of a connection's events to its queue; with the broker away the sweep rings again.

    One ring at a time: while one is unheard another would only give the connection a second place in the queue.
    """
    connector = connector_classes().get(connection.provider)
    if connector is None or not connector.info.webhook_task or not may_ring(f"{EVENTS} {connection.pk}"):
        return
    try:
        current_app.send_task(connector.info.webhook_task, args=[connection.pk], expires=RING_LASTS)
    except OperationalError:
        logger.warning("broker_away", task=connector.info.webhook_task, connection=connection.pk)


def take_turn(connection: Connection, handle: Handler) -> int:
    """Process a connection's due events for a turn, and ring for the rest behind those that others wait for."""
    until = monotonic() + TURN.total_seconds()
    taken = process_events(connection=connection, handle=handle)
    if monotonic() > until and has_waiting_events(connection):
        ring_events(connection)
    return taken


@shared_task(name="integrations.tasks.process_webhooks", bind=True)
def process_webhooks(self: Any) -> int:
    """Split the newest deliveries and ring for the connections with events due; returns how many were split.

    Rung when deliveries come: if another worker has split them all, that one rings. In the tills' queue only tills'
    deliveries are split, so that no flood of others keeps a sale waiting. The rest of a flood is another task's.
    """
    is_tills = _queue_of(self) == HIGH
    count = split_newest(tills_only=is_tills)
    if count:
        ring_waiting_events()
    if count == DELIVERIES_AT_ONCE:
        ring_backlog(_queue_of(self))
    return count


@shared_task(name="integrations.tasks.process_backlog", bind=True)
def process_backlog(self: Any) -> int:
    """Split for a turn what has piled up, and queue up again; returns how many were split.

    One at a time for a queue: were each delivery that comes during a flood to bring one more, they would be the queue.
    """
    queue = _queue_of(self)
    is_tills = queue == HIGH
    with leased(f"{BACKLOG} {queue}") as held:
        if held is None:
            return 0
        count = split_deliveries(tills_only=is_tills)
    ring_waiting_events()
    if has_waiting_deliveries(tills_only=is_tills):
        ring_backlog(queue)
    return count


def _queue_of(task: Any) -> str:
    return str((task.request.delivery_info or {}).get("routing_key") or STANDARD)


def ring_backlog(queue: str) -> None:
    """Ask for a turn at what has piled up, unless it was asked for; with the broker away the sweep does it."""
    if not may_ring(f"{BACKLOG} {queue}"):
        return
    try:
        process_backlog.apply_async(queue=queue, expires=RING_LASTS)
    except OperationalError:
        logger.warning("broker_away", task=process_backlog.name)


@shared_task(name="integrations.tasks.sweep_webhooks")
def sweep_webhooks() -> int:
    """Do what a lost ring or a killed worker left undone; returns how many deliveries were split."""
    count = split_deliveries()
    ring_waiting_events()
    return count


def ring_waiting_events() -> None:
    """Ring for each connection whose events are due and have no worker."""
    for connection in connections_with_waiting_events():
        ring_events(connection)


@shared_task(name="integrations.tasks.maintain_partitions")
def maintain_partitions() -> int:
    """Make the coming months' partitions, drop what is past its retention; returns the least days ahead."""
    now = timezone.now()
    done = maintain_all(now)
    prune_webhooks(now=now, retention_days=settings.WEBHOOK_RETENTION_DAYS)
    prune_runs(now=now)
    return min(each.days_ahead for each in done.values())


@shared_task(name=pulse.CANARY, bind=True)
def hear_canary(self: Any, queue: str) -> None:
    """Say that a worker took this from its queue, and how long it waited there."""
    note_canary(queue=queue, sent_at=pulse.sent_at(self))


@shared_task(name="integrations.tasks.prune_queues")
def prune_queues() -> int:
    """Forget what is older than a day of the queues' minutes and processes."""
    return forget_old_minutes(now=timezone.now())
