"""Deliveries are stored, split into events, and forgotten when their time is over; an event can be replayed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import OperationalError, transaction
from django.db import connection as database
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django_scopes import scopes_disabled

from integrations.base.records import Notice
from integrations.base.registry import connector_classes, get_connector_class
from integrations.models import (
    Connection,
    ConnectionStatus,
    EventStatus,
    WebhookDelivery,
    WebhookEvent,
    WebhookEventKey,
)
from integrations.models.webhook import WAITING
from integrations.services.events import LOCK_SPACE as WORKER_LOCKS

logger = structlog.get_logger(__name__)

SPLIT_ATTEMPTS = 5
DELIVERY_DAYS = 7  # the events hold all that a delivery held; a week is for looking at how it came
HEARD_GRAIN = timedelta(seconds=10)  # a connection's row is not rewritten for each of a hundred deliveries a second
DELETED_AT_ONCE = 10_000
NO_ACCOUNT = "No connection to this account exists here. Connect it, and its first sync reads everything anyway."
DISCONNECTED = "The account is disconnected, so nothing is read from it."


def receive_delivery(*, provider: str, body: bytes, headers: dict[str, str]) -> WebhookDelivery:
    """Store a delivery and return once it is committed; raises DatabaseError when it is not.

    Raises RuntimeError inside an outer transaction: the answer would leave before the commit.
    """
    with transaction.atomic(durable=True):
        return WebhookDelivery.objects.create(provider=provider, body=body, headers=headers)


def split_deliveries() -> int:
    """Split every waiting delivery into events, each in its own transaction; return how many.

    Any number of workers may do this at once. A delivery that breaks our code is tried again by later calls, and
    after SPLIT_ATTEMPTS it is left with its problem.
    """
    count, after = 0, 0
    with scopes_disabled():
        while (delivery := _split_next(after)) is not None:
            count, after = count + 1, delivery.pk
    return count


def _split_next(after: int) -> WebhookDelivery | None:
    with transaction.atomic():
        waiting = WebhookDelivery.objects.filter(processed_at=None, pk__gt=after).order_by("pk")
        delivery = waiting.select_for_update(skip_locked=True).first()
        if delivery is None:
            return None
        try:
            with transaction.atomic():
                delivery.problem = _store_events(delivery)
            delivery.processed_at = timezone.now()
        except OperationalError:
            raise  # a deadlock, a lost database: nothing is wrong with the delivery
        except Exception as problem:  # one delivery that breaks our code must not hold back those behind it
            logger.exception("delivery_not_split", delivery=delivery.pk)
            delivery.problem = f"An error of ours stopped its splitting ({type(problem).__name__}). Tell support."
            if delivery.attempts + 1 >= SPLIT_ATTEMPTS:
                delivery.processed_at = timezone.now()
        delivery.attempts += 1
        delivery.save(update_fields=["problem", "processed_at", "attempts"])
        return delivery


def _store_events(delivery: WebhookDelivery) -> str:
    """Store the new events of a delivery; return why it holds none that can be read, "" when it does."""
    connector = connector_classes().get(delivery.provider)
    if connector is None:
        return f"No connector called {delivery.provider} is installed here any more."
    try:
        notices = connector.parse_webhook(bytes(delivery.body))
    except ValueError as problem:
        logger.warning("delivery_parked", delivery=delivery.pk, reason=str(problem))
        return f"The signature was right and the body cannot be read: {problem}"
    new = _unseen(notices, delivery.received_at)
    connections = _connections(delivery.provider, {notice.external_account_id for notice in notices})
    WebhookEvent.objects.bulk_create([_event(delivery, n, connections.get(n.external_account_id)) for n in new])
    _note_heard([each.pk for each in connections.values()], delivery.received_at)
    return ""


def _unseen(notices: Iterable[Notice], now: datetime) -> list[Notice]:
    """Return the notices whose keys nobody stored before, in their order, and store their keys.

    Keys are written in their own order: two workers with the same keys would otherwise wait for each other for ever.
    """
    by_key = {notice.key: notice for notice in reversed(list(notices))}
    if not by_key:
        return []
    with database.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {WebhookEventKey._meta.db_table} (key, first_seen_at)"  # noqa: S608 - our own table's name
            " SELECT key, %s FROM unnest(%s::text[]) AS key ON CONFLICT DO NOTHING RETURNING key",
            [now, sorted(by_key)],
        )
        new = {key for (key,) in cursor.fetchall()}
    return [notice for key, notice in reversed(by_key.items()) if key in new]


def _connections(provider: str, accounts: set[str]) -> dict[str, Connection]:
    found = Connection.objects.filter(provider=provider, external_account_id__in=accounts)
    return {connection.external_account_id: connection for connection in found}


def _event(delivery: WebhookDelivery, notice: Notice, connection: Connection | None) -> WebhookEvent:
    status, reason = _first_status(notice, connection)
    return WebhookEvent(
        delivery_id=delivery.pk,
        provider=delivery.provider,
        external_account_id=notice.external_account_id,
        connection=connection,
        event_type=notice.event_type,
        object_type=notice.object_type,
        object_id=notice.object_id,
        occurred_at=notice.occurred_at,
        received_at=delivery.received_at,
        next_attempt_at=delivery.received_at,
        status=status,
        reason=reason,
        key=notice.key,
        payload=notice.payload,
    )


def _first_status(notice: Notice, connection: Connection | None) -> tuple[EventStatus, str]:
    if notice.parked:
        return EventStatus.PARKED, notice.parked
    if connection is None:
        return EventStatus.UNKNOWN_ACCOUNT, NO_ACCOUNT
    if connection.status == ConnectionStatus.DISCONNECTED:
        return EventStatus.IGNORED, DISCONNECTED
    if notice.ignored:
        return EventStatus.IGNORED, notice.ignored
    return EventStatus.RECEIVED, ""


def _note_heard(connection_ids: Sequence[int], heard_at: datetime) -> None:
    late = Q(last_webhook_at=None) | Q(last_webhook_at__lt=heard_at - HEARD_GRAIN)
    ids = Connection.objects.filter(late, pk__in=connection_ids).order_by("pk").select_for_update(no_key=True)
    if found := list(ids.values_list("pk", flat=True)):
        Connection.objects.filter(pk__in=found).update(last_webhook_at=heard_at)


def connections_with_waiting_events() -> list[Connection]:
    """Return active connections, of every organization, that have events due and no worker at them.

    The worker that holds a connection looks again after letting go, so nobody need be rung for it.
    """
    held = RawSQL(
        "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted"
        " AND classid = %s AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        [WORKER_LOCKS],
    )
    with scopes_disabled():
        due = WebhookEvent.objects.filter(status__in=WAITING, next_attempt_at__lte=timezone.now())
        active = Connection.objects.filter(status=ConnectionStatus.ACTIVE)
        return list(active.filter(pk__in=due.order_by().values("connection_id")).exclude(pk__in=held))


def replay_effects(events: Sequence[WebhookEvent]) -> list[str]:
    """Return, in sentences, what replaying these events would do. Changes nothing."""
    with scopes_disabled():
        by_connection: dict[Connection, list[WebhookEvent]] = {}
        sentences = []
        for event in events:
            connection = event.connection or _connections(event.provider, {event.external_account_id}).get(
                event.external_account_id
            )
            if connection is None:
                sentences.append(f"Event {event.pk}: {NO_ACCOUNT} Replaying leaves it as it is.")
            elif connection.status == ConnectionStatus.DISCONNECTED:
                sentences.append(f"Event {event.pk}: {DISCONNECTED} Replaying leaves it as it is.")
            else:
                by_connection.setdefault(connection, []).append(event)
        for connection, own in by_connection.items():
            connector = get_connector_class(connection.provider)
            effects = connector.webhook_effects(connection.pk, [event.payload for event in own])
            sentences += [f"{connection}: {effect}" for effect in effects]
        return sentences


def replay_events(events: Sequence[WebhookEvent]) -> list[Connection]:
    """Let events be processed again; return the connections to ring for. Accounts that nobody has stay as they are."""
    connections: dict[int, Connection] = {}
    with scopes_disabled(), transaction.atomic():
        for event in events:
            own = _connections(event.provider, {event.external_account_id})
            connection = event.connection or own.get(event.external_account_id)
            if connection is None or connection.status == ConnectionStatus.DISCONNECTED:
                continue
            connections[connection.pk] = connection
            WebhookEvent.objects.filter(pk=event.pk).update(
                connection=connection, status=EventStatus.RECEIVED, reason="", attempts=0,
                next_attempt_at=timezone.now(), processed_at=None,
            )  # fmt: skip
    return list(connections.values())


def prune_webhooks(*, now: datetime, retention_days: int) -> int:
    """Delete deliveries whose events are stored for DELIVERY_DAYS, parked ones and keys when the retention is over.

    Returns how many rows went. A key outlives the provider's retries (a day) by far.
    """
    over = now - timedelta(days=retention_days)
    split = Q(processed_at__lt=now - timedelta(days=DELIVERY_DAYS), problem="")
    old = WebhookDelivery.objects.filter(split | Q(processed_at__lt=over))
    return _delete(old) + _delete(WebhookEventKey.objects.filter(first_seen_at__lt=over))


def _delete(rows: QuerySet[Any]) -> int:
    count = 0
    while gone := rows.model.objects.filter(pk__in=rows.values("pk")[:DELETED_AT_ONCE]).delete()[0]:
        count += gone
    return count
