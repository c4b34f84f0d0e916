from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from django_scopes import scope

from accounts.models import Organization
from integrations.models import (
    Connection,
    ConnectionStatus,
    EventStatus,
    WebhookDelivery,
    WebhookEvent,
    WebhookEventKey,
)
from integrations.services.connections import disconnect
from integrations.services.webhooks import prune_webhooks, receive_delivery, split_deliveries
from tests.integrations.webhooks.conftest import Post, told
from tests.webhook_signing import post

pytestmark = pytest.mark.django_db


def statuses() -> list[str]:
    return list(WebhookEvent.objects.order_by("pk").values_list("status", flat=True))


def test_a_delivery_becomes_its_events_once(connection: Connection, deliver: Post) -> None:
    deliver(told(object_id=1), told(object_id=2))
    assert (split_deliveries(), split_deliveries()) == (1, 0)
    assert list(WebhookEvent.objects.order_by("pk").values_list("object_id", flat=True)) == ["1", "2"]
    connection.refresh_from_db()
    assert connection.last_webhook_at == WebhookDelivery.objects.get().received_at


def test_copies_within_a_delivery_and_among_deliveries_are_stored_once(connection: Connection, deliver: Post) -> None:
    deliver(told(), told(attemptNumber=1), told(propertyName="amount"))
    deliver(told(attemptNumber=2, eventId=99))
    split_deliveries()
    assert WebhookEvent.objects.count() == 2


def test_a_copy_that_comes_in_the_next_month_is_known(connection: Connection, deliver: Post) -> None:
    deliver(told())
    WebhookDelivery.objects.update(received_at=datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    split_deliveries()
    deliver(told(attemptNumber=1), told(object_id=2))
    WebhookDelivery.objects.filter(processed_at=None).update(received_at=datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC))
    split_deliveries()
    assert WebhookEvent.objects.count() == 2
    with database.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT tableoid) FROM integrations_webhookevent")
        assert cursor.fetchone() == (2,)


def test_events_of_two_accounts_in_one_delivery_go_to_their_own(
    connection: Connection, other_organization: Organization, deliver: Post
) -> None:
    other = Connection.objects.create(
        organization=other_organization, provider="hubspot", name="Other", external_account_id="777"
    )
    deliver(told(object_id=1), told(object_id=2, portalId=777), told(object_id=3, portalId=888))
    split_deliveries()
    assert WebhookEvent.objects.get().connection == connection
    with scope(organization=other_organization):
        assert WebhookEvent.objects.get().connection == other


def test_an_account_that_nobody_has_is_parked_out_of_every_tenants_sight(
    connection: Connection, deliver: Post, all_tenants: None
) -> None:
    deliver(told(portalId=888))
    split_deliveries()
    event = WebhookEvent.objects.get()
    assert (event.status, event.connection) == (EventStatus.UNKNOWN_ACCOUNT, None)
    assert "No connection to this account" in event.reason
    with scope(organization=connection.organization):
        assert not WebhookEvent.objects.exists()


def test_a_disconnected_accounts_events_are_ignored_and_a_paused_ones_wait(
    connection: Connection, deliver: Post
) -> None:
    Connection.objects.update(status=ConnectionStatus.PAUSED)
    deliver(told())
    split_deliveries()
    disconnect(connection=connection)
    deliver(told(object_id=2))
    split_deliveries()
    assert statuses() == [EventStatus.RECEIVED, EventStatus.IGNORED]


def test_a_body_that_cannot_be_read_is_kept_with_the_reason(client: Client, settings: Any) -> None:
    post(client, b"{broken", settings.PUBLIC_URL)
    assert split_deliveries() == 1
    delivery = WebhookDelivery.objects.get()
    assert delivery.processed_at is not None
    assert delivery.problem == "The signature was right and the body cannot be read: it is not JSON."


def test_a_character_that_postgresql_cannot_store_stops_nothing(connection: Connection, deliver: Post) -> None:
    deliver(told("deal.\x00creation"), told(propertyName="dealname", propertyValue="a\x00b"), told(object_id=3))
    split_deliveries()
    assert len(statuses()) == 3
    assert WebhookDelivery.objects.get().problem == ""


def test_a_delivery_that_breaks_our_code_holds_nobody_back_and_is_left_after_five_attempts(
    connection: Connection, deliver: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crm.hubspot import webhooks

    def break_on_one(body: bytes) -> Any:
        if b"666" in body:
            raise RuntimeError("a fault of ours")
        return real(body)

    real = webhooks.parse_webhook
    monkeypatch.setattr(webhooks, "parse_webhook", break_on_one)
    deliver(told(object_id=666))
    deliver(told(object_id=2))
    for _ in range(7):
        split_deliveries()
    broken, good = WebhookDelivery.objects.order_by("pk")
    assert (broken.attempts, "Tell support" in broken.problem) == (5, True)
    assert (good.attempts, good.problem) == (1, "")
    assert WebhookEvent.objects.get().object_id == "2"


@pytest.mark.django_db(transaction=True)
def test_many_workers_splitting_the_same_copies_store_each_event_once(connection: Connection) -> None:
    import orjson

    for start in range(24):
        events = [told(object_id=number) for number in range(start % 3, 900)]
        body = orjson.dumps(events if start % 2 else events[::-1])
        receive_delivery(provider="hubspot", body=body, headers={})

    def worker(_: int) -> int:
        try:
            return split_deliveries()
        finally:
            database.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(worker, range(4))) == 24
    assert WebhookEvent.objects.count() == 900
    assert not WebhookDelivery.objects.exclude(problem="").exists()


def test_deliveries_go_after_a_week_parked_ones_and_keys_with_the_retention(
    connection: Connection, deliver: Post, client: Client, settings: Any
) -> None:
    deliver(told())
    post(client, b"{broken", settings.PUBLIC_URL)
    split_deliveries()
    now = timezone.now()
    prune_webhooks(now=now + timedelta(days=6), retention_days=180)
    assert WebhookDelivery.objects.count() == 2
    prune_webhooks(now=now + timedelta(days=8), retention_days=180)
    assert WebhookDelivery.objects.get().problem
    assert WebhookEventKey.objects.count() == 1
    prune_webhooks(now=now + timedelta(days=181), retention_days=180)
    assert not WebhookDelivery.objects.exists()
    assert not WebhookEventKey.objects.exists()


def test_a_delivery_that_waits_is_never_pruned(deliver: Post) -> None:
    deliver(told())
    prune_webhooks(now=timezone.now() + timedelta(days=9999), retention_days=1)
    assert WebhookDelivery.objects.count() == 1


def test_an_account_number_of_any_length_does_not_hold_back_the_events_beside_it(
    connection: Connection, deliver: Post
) -> None:
    deliver(told(portalId="9" * 200), told(object_id=2))
    split_deliveries()
    assert WebhookEvent.objects.get().object_id == "2"
