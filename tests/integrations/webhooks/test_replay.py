from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_scopes import scopes_disabled

from accounts import lists
from crm.hubspot.tasks import process_hubspot_events
from crm.models import Deal
from crm.services import invoice_due_deals
from integrations.models import Connection, EventStatus, WebhookDelivery, WebhookEvent
from integrations.services.webhooks import split_deliveries
from invoices.models import Invoice
from tests.factories import make_user
from tests.integrations.webhooks.conftest import Post, told, work
from tests.sandbox_process import SandboxProcess
from tests.webhook_signing import post

pytestmark = pytest.mark.django_db
LIST = "admin:integrations_webhookevent_changelist"


@pytest.fixture
def staff(client: Client) -> Client:
    user = make_user(is_staff=True, is_superuser=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def event(synced: Connection, deliver: Post) -> WebhookEvent:
    """Return a processed event of a deal that has an invoice held back."""
    invoice_due_deals(connection=synced)
    deal = Deal.objects.won().order_by("pk").first()
    assert deal is not None
    deliver(told(object_id=deal.external_id))
    work(synced)
    return WebhookEvent.objects.get()


def replayed(*arguments: Any) -> str:
    out = StringIO()
    call_command("replay_webhook", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_shows_the_effects_and_does_nothing_without_yes(event: WebhookEvent) -> None:
    said = replayed(event.pk)
    assert f"1 deal would be read again from HubSpot: {event.object_id}." in said
    drafts = Invoice.objects.filter(source_external_id=event.object_id).count()
    assert f"{drafts} open draft" in said
    assert "Nothing was done. Add --yes" in said
    event.refresh_from_db()
    assert event.status == EventStatus.PROCESSED


def test_with_yes_the_event_is_processed_again_and_no_invoice_is_made_twice(
    event: WebhookEvent, synced: Connection, sandbox: SandboxProcess
) -> None:
    before = Invoice.objects.count()
    sandbox.edit("deals", event.object_id, dealname="Found by the replay")
    assert "Replayed" in replayed(event.pk, "--yes")
    event.refresh_from_db()
    assert (event.status, event.attempts) == (EventStatus.RECEIVED, 0)
    process_hubspot_events(synced.pk)
    event.refresh_from_db()
    assert event.status == EventStatus.PROCESSED
    assert Deal.objects.get(external_id=event.object_id).name == "Found by the replay"
    assert Invoice.objects.count() == before


def test_an_id_that_no_event_has_is_told(db: None) -> None:
    with pytest.raises(CommandError, match="There is no event 424242"):
        replayed(424242)


def test_an_account_connected_since_gets_its_event(connection: Connection, deliver: Post) -> None:
    deliver(told(portalId=888))
    split_deliveries()
    with scopes_disabled():
        event = WebhookEvent.objects.get()
        assert "Replaying leaves it as it is" in replayed(event.pk, "--yes")
        connection.external_account_id = "888"
        connection.save()
        replayed(event.pk, "--yes")
        event.refresh_from_db()
        assert (event.connection, event.status) == (connection, EventStatus.RECEIVED)


def test_the_admin_asks_first_and_replays_then(event: WebhookEvent, staff: Client) -> None:
    form = {"action": "replay", "_selected_action": [event.pk]}
    asked = staff.post(reverse(LIST), form)
    assert "1 deal would be read again from HubSpot" in asked.content.decode()
    event.refresh_from_db()
    assert event.status == EventStatus.PROCESSED
    done = staff.post(reverse(LIST), {**form, "confirmed": "yes"}, follow=True)
    assert "processed again as soon as a worker is free" in done.content.decode()
    event.refresh_from_db()
    assert event.status == EventStatus.RECEIVED


def test_the_list_filters_searches_and_never_counts_the_whole_table(
    connection: Connection, staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    WebhookEvent.objects.bulk_create(
        [
            WebhookEvent(
                delivery_id=1, provider="hubspot", external_account_id="1", connection=connection, received_at=now,
                event_type="deal.creation", object_id=str(number), key=str(number), payload="{}",
            )
            for number in range(120)
        ]
    )  # fmt: skip
    monkeypatch.setattr(lists, "COUNTED", 100)
    with CaptureQueriesContext(database) as queries:
        page = staff.get(reverse(LIST))
    assert page.context["cl"].result_count == 100
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "webhookevent" in query["sql"]]
    assert counts
    assert all("LIMIT 101" in each for each in counts)
    assert staff.get(reverse(LIST), {"q": "77"}).context["cl"].result_count == 1
    assert staff.get(reverse(LIST), {"status__exact": "parked"}).context["cl"].result_count == 0
    assert staff.get(reverse(LIST), {"external_account_id": "2"}).context["cl"].result_count == 0


def test_a_parked_delivery_can_be_split_again(staff: Client, connection: Connection, settings: Any) -> None:
    post(staff, b"{broken", settings.PUBLIC_URL)
    split_deliveries()
    delivery = WebhookDelivery.objects.get()
    address = reverse("admin:integrations_webhookdelivery_changelist")
    staff.post(address, {"action": "split_again", "_selected_action": [delivery.pk]})
    delivery.refresh_from_db()
    assert (delivery.processed_at, delivery.problem) == (None, "")
