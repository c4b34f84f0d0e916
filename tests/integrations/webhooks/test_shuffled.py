from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django_scopes import scope

from crm.hubspot.tasks import process_hubspot_events
from crm.models import Deal, DealLine
from crm.services import invoice_due_deals, sync_deals
from integrations.models import Connection, EventStatus, SyncCursor, WebhookDelivery, WebhookEvent, WebhookEventKey
from integrations.services.webhooks import split_deliveries
from invoices.models import Invoice
from tests.integrations.webhooks.conftest import told
from tests.sandbox_process import SandboxProcess
from tests.webhook_signing import post

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = 1000


def prepare(connection: Connection, sandbox: SandboxProcess) -> list[dict[str, Any]]:
    """Read the first state, change it at the provider, and return the events of the changes in their order."""
    sandbox.reset()
    tables = ", ".join(
        each._meta.db_table for each in (Invoice, DealLine, Deal, WebhookEvent, WebhookEventKey, WebhookDelivery)
    )
    with database.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} CASCADE")
    SyncCursor.objects.all().delete()
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    chance = random.Random(7)
    ids = sorted(Deal.objects.values_list("external_id", flat=True))
    events = []
    for moment in range(EVENTS):
        deal = chance.choice(ids)
        name, value = chance.choice(
            [("dealname", f"Name {moment}"), ("dealstage", chance.choice(["closedwon", "contractsent"]))]
        )
        if moment % 4 == 0:  # not every change lasts; all are told
            sandbox.edit("deals", deal, **{name: value})
        events.append(told("deal.propertyChange", deal, propertyName=name, propertyValue=value, occurredAt=moment))
    return events


def state(connection: Connection) -> Any:
    deals = Deal.objects.order_by("external_id").values_list("external_id", "name", "is_won", "stage_external_id")
    lines = DealLine.objects.order_by("external_id").values_list("external_id", "deal__external_id", "name")
    invoices = Invoice.objects.order_by("source_external_id").values_list("source_external_id", "status", "source_part")
    return list(deals), list(lines), list(invoices)


def statuses() -> set[str]:
    return set(WebhookEvent.objects.values_list("status", flat=True))


def test_a_thousand_events_shuffled_tripled_and_posted_at_once_leave_the_state_of_the_ordered_run(
    connection: Connection, sandbox: SandboxProcess, client: Client, settings: Any
) -> None:
    for event in range(0, EVENTS, 100):
        if event == 0:
            events = prepare(connection, sandbox)
        assert post(client, events[event : event + 100], settings.PUBLIC_URL).status_code == 200
        split_deliveries()
        process_hubspot_events(connection.pk)
    ordered = state(connection)
    assert statuses() == {EventStatus.PROCESSED}

    events = prepare(connection, sandbox)
    assert state(connection) != ordered
    copies = [{**event, "attemptNumber": attempt} for event in events for attempt in range(3)]
    random.Random(11).shuffle(copies)
    batches = [copies[start : start + 37] for start in range(0, len(copies), 37)]

    def send(batch: list[dict[str, Any]]) -> int:
        try:
            status = int(post(Client(), batch, settings.PUBLIC_URL).status_code)
            split_deliveries()
            process_hubspot_events(connection.pk)
        finally:
            database.close()
        return status

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(send, batches)) == {200}
    split_deliveries()
    process_hubspot_events(connection.pk)
    with scope(organization=connection.organization):
        assert (WebhookEvent.objects.count(), statuses()) == (EVENTS, {EventStatus.PROCESSED})
        assert state(connection) == ordered
