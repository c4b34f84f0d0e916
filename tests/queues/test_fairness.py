"""One organization's flood is worked off in turns, and another's events do not wait for its end."""

from __future__ import annotations

import time
from datetime import timedelta

import orjson
import pytest
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from accounts.models import Organization
from crm.models import Deal
from integrations.base.auth import Tokens
from integrations.models import Connection, WebhookDelivery, WebhookEvent
from integrations.services import events
from integrations.services.connections import connect_account
from integrations.services.events import process_events
from integrations.services.webhooks import DELIVERIES_AT_ONCE, receive_delivery, split_deliveries
from integrations.tasks import process_webhooks
from sandbox.hubspot import PORTAL_ID
from tests.live import Live, wait_until
from tests.queues.conftest import ring
from tests.sandbox_process import SandboxProcess
from tests.webhook_signing import event

FLOOD = 12_000  # events; `make bench ARGS=queues` has fifty thousand
FLOODER = 777
ALLOWED = 10.0  # seconds: the promise


def bodies(portal: int, count: int, deals: list[str], first: int = 0, per_delivery: int = 100) -> list[bytes]:
    """Return deliveries that hold this many events of an account, each of another instant."""
    told = [
        event(object_id=int(deals[number % len(deals)]), portalId=portal, occurredAt=first + number)
        for number in range(count)
    ]
    return [orjson.dumps(told[start : start + per_delivery]) for start in range(0, count, per_delivery)]


def store(wanted: list[bytes]) -> None:
    WebhookDelivery.objects.bulk_create(WebhookDelivery(provider="hubspot", body=body) for body in wanted)


def connect(organization: Organization) -> Connection:
    with scope(organization=organization):
        return connect_account(organization=organization, provider="hubspot", tokens=Tokens(access_token="pat-sandbox"))


@pytest.mark.django_db(transaction=True)
def test_a_flood_of_one_organization_does_not_push_anothers_p95_over_ten_seconds(
    live: Live, connection: Connection, other_organization: Organization, sandbox: SandboxProcess
) -> None:
    with scopes_disabled():
        Connection.objects.filter(pk=connection.pk).update(external_account_id=str(FLOODER))
        deals = list(Deal.objects.values_list("external_id", flat=True))
        Deal.objects.update(invoice_due=False)  # handing in is another matter, and has its own time box
    calm = connect(other_organization)
    sandbox.set(latency_ms=100)
    live.worker("high_priority,standard,batch", "-c", "1")  # the least there can be: nothing but turns helps here
    live.beat()
    store(bodies(FLOODER, FLOOD, deals))
    ring(process_webhooks)
    with scopes_disabled():
        flood = WebhookEvent.objects.filter(connection=connection)
        wait_until(flood.filter(status="processed").exists, 30, "the flood has begun")
        for second in range(12):
            receive_delivery(provider="hubspot", body=bodies(PORTAL_ID, 1, deals, first=10**6 + second)[0], headers={})
            ring(process_webhooks)
            time.sleep(1)
        assert flood.exclude(status="processed").exists(), "a flood that is over proves nothing"
        own = WebhookEvent.objects.filter(connection=calm)
        wait_until(lambda: own.filter(processed_at__isnull=False).count() == 12, 30, "the calm one's events")
        waits = sorted((each.processed_at - each.received_at).total_seconds() for each in own if each.processed_at)
    assert waits[int(len(waits) * 0.95)] < ALLOWED, waits


@pytest.mark.django_db
def test_a_turn_ends_after_its_time_and_the_rest_stays_due(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "TURN", timedelta(seconds=0.2))
    monkeypatch.setattr(events, "EVENTS_A_BATCH", 10)
    store(bodies(PORTAL_ID, 50, deals=["1"]))
    split_deliveries()

    def slow(_: object) -> dict[int, str]:
        time.sleep(0.15)
        return {}

    taken = process_events(connection=connection, handle=slow)
    assert taken in {10, 20}, "as many batches as begin within the turn"
    due = WebhookEvent.objects.filter(status="received", next_attempt_at__lte=timezone.now())
    assert due.count() == 50 - taken


@pytest.mark.django_db
def test_the_newest_delivery_is_not_split_after_all_that_were_before_it(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(bodies(PORTAL_ID, 3 * DELIVERIES_AT_ONCE, deals=["1"], per_delivery=1))
    order: list[int] = []
    split = split_deliveries.__globals__["_split"]

    def watched(deliveries: list[WebhookDelivery]) -> bool:
        order.extend(delivery.pk for delivery in deliveries)
        return bool(split(deliveries))

    monkeypatch.setitem(split_deliveries.__globals__, "_split", watched)
    assert split_deliveries() == len(set(order)) == 3 * DELIVERIES_AT_ONCE
    assert order.index(max(order)) < 2 * DELIVERIES_AT_ONCE
    assert order.index(min(order)) == 0
