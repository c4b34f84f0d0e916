"""Deliveries are stored, split into events, and forgotten when their time is over; an event can be replayed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import cycle
from time import monotonic

import structlog
from django.db import OperationalError, transaction
from django.db import connection as database
from django.db.models import CharField, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django_scopes import scopes_disabled

from integrations.base.records import Notice
from integrations.base.registry import connector_classes, get_connector_class, providers_of
from integrations.models import (
    Connection,
    ConnectionStatus,
    EventStatus,
    WebhookDelivery,
    WebhookEvent,
    WebhookEventKey,
)
from integrations.models.webhook import WAITING
from integrations.retention import delete_in_parts
from integrations.services.events import TURN
from integrations.services.leases import EVENTS, is_leased

logger = structlog.get_logger(__name__)

SPLIT_ATTEMPTS = 5
DELIVERIES_AT_ONCE = 100
DELIVERY_DAYS = 7  # the events hold all that a delivery held; a week is for looking at how it came
HEARD_GRAIN = timedelta(seconds=10)  # a connection's row is not rewritten for each of a hundred deliveries a second
NO_ACCOUNT = "No connection to this account exists here. Connect it, and its first sync reads everything anyway."
DISCONNECTED = "The account is disconnected, so nothing is read from it."


def receive_delivery(*, provider: str, body: bytes, headers: dict[str, str], account: str = "") -> WebhookDelivery:
    """Store a delivery and return once it is committed; raises DatabaseError when it is not.

    `account` is whose key signed it, where it came to an account's own address.
    Raises RuntimeError inside an outer transaction: the answer would leave before the commit.
    """
    with transaction.atomic(durable=True):
        return WebhookDelivery.objects.create(
            provider=provider, body=body, headers=headers, external_account_id=account
        )


def split_newest(*, tills_only: bool = False) -> int:
    """Split the newest waiting deliveries into events, in one transaction; return how many there were."""
    with scopes_disabled():
        return len(_split_next(_waiting(tills_only).order_by("-pk")))


def split_deliveries(*, tills_only: bool = False) -> int:
    """Split waiting deliveries into events for a turn, some in a transaction; return how many.

    Any number of workers may do this at once. The oldest and the newest take turns, so that what comes while one
    sender's thousands wait is not behind all of them. A delivery that breaks our code is tried again by later calls,
    and after SPLIT_ATTEMPTS it is left with its problem.
    """
    count, until = 0, monotonic() + TURN.total_seconds()
    broken: set[int] = set()
    with scopes_disabled():
        for order in cycle(("pk", "-pk")):
            deliveries = _split_next(_waiting(tills_only).exclude(pk__in=broken).order_by(order))
            count += len(deliveries)
            broken.update(each.pk for each in deliveries if each.processed_at is None)
            if len(deliveries) < DELIVERIES_AT_ONCE or monotonic() > until:
                break  # those that came meanwhile have a ring of their own
    return count


def has_waiting_deliveries(*, tills_only: bool = False) -> bool:
    """Tell whether a delivery waits to be split."""
    return _waiting(tills_only).exists()


def _waiting(tills_only: bool) -> QuerySet[WebhookDelivery]:
    waiting = WebhookDelivery.objects.filter(processed_at=None)
    if tills_only:
        return waiting.filter(provider__in=providers_of("pos"))
    return waiting


def _split_next(waiting: QuerySet[WebhookDelivery]) -> list[WebhookDelivery]:
    with transaction.atomic():
        deliveries = list(waiting.select_for_update(skip_locked=True)[:DELIVERIES_AT_ONCE])
        if not _split(deliveries):
            for delivery in deliveries:  # one that breaks our code must not hold back those beside it
                _split([delivery])
        _write(deliveries)
        return deliveries


def _write(deliveries: Sequence[WebhookDelivery]) -> None:
    """Store what became of deliveries; nearly always it is the same for all."""
    alike: dict[tuple[str, datetime | None, int], list[int]] = {}
    for each in deliveries:
        alike.setdefault((each.problem, each.processed_at, each.attempts), []).append(each.pk)
    for (problem, processed_at, attempts), ids in alike.items():
        WebhookDelivery.objects.filter(pk__in=ids).update(problem=problem, processed_at=processed_at, attempts=attempts)


def _split(deliveries: Sequence[WebhookDelivery]) -> bool:
    """Store the events of deliveries, all or none; return False when several of them are to be split alone."""
    try:
        with transaction.atomic():
            problems = _store_events(deliveries)
    except OperationalError:
        raise  # a deadlock, a lost database: nothing is wrong with the deliveries
    except Exception as problem:
        if len(deliveries) > 1:
            return False
        _give_up_on(deliveries[0], problem)
        return True
    now = timezone.now()
    for delivery, said in zip(deliveries, problems, strict=True):
        delivery.problem, delivery.processed_at = said, now
        delivery.attempts += 1
    return True


def _give_up_on(delivery: WebhookDelivery, problem: Exception) -> None:
    """Leave a delivery that broke our code for the next call, or for good after SPLIT_ATTEMPTS."""
    logger.error("delivery_not_split", delivery=delivery.pk, exc_info=problem)
    delivery.problem = f"An error of ours stopped its splitting ({type(problem).__name__}). Tell support."
    delivery.attempts += 1
    if delivery.attempts >= SPLIT_ATTEMPTS:
        delivery.processed_at = timezone.now()


def _store_events(deliveries: Sequence[WebhookDelivery]) -> list[str]:
    """Store the new events of deliveries; return for each why it holds none that can be read, "" when it does."""
    parsed = [_parse(delivery) for delivery in deliveries]
    noticed = [(delivery, notice) for delivery, (_, found) in zip(deliveries, parsed, strict=True) for notice in found]
    new = _unseen([notice for _, notice in noticed])
    first = {notice.key: (delivery, notice) for delivery, notice in reversed(noticed)}
    connections = _connections({(d.provider, n.external_account_id) for d, n in noticed})
    WebhookEvent.objects.bulk_create(
        _event(delivery, notice, connections.get((delivery.provider, notice.external_account_id)))
        for delivery, notice in (first[key] for key in new)
    )
    if deliveries:
        _note_heard([each.pk for each in connections.values()], max(each.received_at for each in deliveries))
    return [problem for problem, _ in parsed]


def _parse(delivery: WebhookDelivery) -> tuple[str, list[Notice]]:
    """Return a delivery's notices, or the sentence that says why it has none."""
    connector = connector_classes().get(delivery.provider)
    if connector is None:
        return f"No connector called {delivery.provider} is installed here any more.", []
    try:
        notices = connector.parse_webhook(bytes(delivery.body))
        return "", [_of_account(notice, delivery.external_account_id) for notice in notices]
    except ValueError as problem:
        logger.warning("delivery_parked", delivery=delivery.pk, reason=str(problem))
        return f"The signature was right and the body cannot be read: {problem}", []


def _of_account(notice: Notice, account: str) -> Notice:
    """Return a notice as that of the account whose key signed it, "" where the provider signs for all of them.

    Whoever signs with a key of its own may write what it likes, so its notice is never taken for another's copy.
    """
    if not account:
        return notice
    key = hashlib.sha256(f"{account} {notice.key}".encode()).hexdigest()
    return replace(notice, external_account_id=account, key=key)


def _unseen(notices: Iterable[Notice]) -> list[str]:
    """Return the keys that nobody stored before, in the order of the notices, and store them.

    Keys are written in their own order: two workers with the same keys would otherwise wait for each other for ever.
    """
    keys = list(dict.fromkeys(notice.key for notice in notices))
    if not keys:
        return []
    with database.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {WebhookEventKey._meta.db_table} (key, first_seen_at)"  # noqa: S608 - our own table's name
            " SELECT key, %s FROM unnest(%s::text[]) AS key ON CONFLICT DO NOTHING RETURNING key",
            [timezone.now(), sorted(keys)],
        )
        new = {key for (key,) in cursor.fetchall()}
    return [key for key in keys if key in new]


def _connections(accounts: Collection[tuple[str, str]]) -> dict[tuple[str, str], Connection]:
    """Return the connections to these accounts, by (provider, external account id)."""
    found = Connection.objects.filter(
        provider__in={provider for provider, _ in accounts}, external_account_id__in={each for _, each in accounts}
    )
    return {(connection.provider, connection.external_account_id): connection for connection in found}


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


def has_waiting_events(connection: Connection) -> bool:
    """Tell whether an active connection has events due and no worker at them."""
    return bool(connections_with_waiting_events(only=connection.pk))


def connections_with_waiting_events(*, only: int | None = None) -> list[Connection]:
    """Return active connections, of every organization, that have events due and no worker at them.

    The worker that holds a connection's lease looks again after giving it back, so nobody need be rung for it.
    """
    is_held = is_leased(Value(f"{EVENTS} "), Cast(OuterRef("pk"), CharField()))
    with scopes_disabled():
        due = WebhookEvent.objects.filter(status__in=WAITING, next_attempt_at__lte=timezone.now())
        active = Connection.objects.filter(status=ConnectionStatus.ACTIVE)
        if only is not None:
            due, active = due.filter(connection=only), active.filter(pk=only)
        return list(active.filter(~is_held, pk__in=due.order_by().values("connection_id")))


def replay_effects(events: Sequence[WebhookEvent]) -> list[str]:
    """Return, in sentences, what replaying these events would do. Changes nothing."""
    with scopes_disabled():
        by_connection: dict[Connection, list[WebhookEvent]] = {}
        sentences = []
        for event in events:
            connection = event.connection or _connection_of(event)
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


def _connection_of(event: WebhookEvent) -> Connection | None:
    account = (event.provider, event.external_account_id)
    return _connections({account}).get(account)


def replay_events(events: Sequence[WebhookEvent]) -> list[Connection]:
    """Let events be processed again; return the connections to ring for. Accounts that nobody has stay as they are."""
    connections: dict[int, Connection] = {}
    with scopes_disabled(), transaction.atomic():
        for event in events:
            connection = event.connection or _connection_of(event)
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
    return delete_in_parts(old) + delete_in_parts(WebhookEventKey.objects.filter(first_seen_at__lt=over))
