"""Deliveries that the sandbox itself signs and sends: what each kind of change leads to, however they arrive."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from crm.hubspot.tasks import process_hubspot_events
from crm.models import Deal, DealAlias
from crm.services import preview_deals, sync_deals
from integrations.models import Connection, WebhookEvent
from integrations.services.webhooks import split_deliveries
from invoices.models import Business, Invoice
from tests.invoices.making import make_business
from tests.sandbox.receiver import Receiver
from tests.sandbox_process import SandboxProcess
from tests.webhook_signing import PATH, SECRET

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wire(sandbox: SandboxProcess, settings: Any) -> Iterator[Receiver]:
    """Yield what takes the sandbox's deliveries, at the address that we are known by."""
    receiver = Receiver()
    settings.PUBLIC_URL = receiver.url
    sandbox.set(webhook_target={"url": receiver.url + PATH, "secret": SECRET})
    yield receiver
    receiver.close()


@pytest.fixture
def business(organization: Any, sandbox: SandboxProcess) -> Business:
    return make_business(organization, sandbox.get("/_control/businesses")[0])


def change_everything(sandbox: SandboxProcess, ids: list[str]) -> dict[str, str]:
    """Let people do all that they can do, and return the ids by what was done."""
    line = Deal.objects.get(external_id=ids[0]).lines.order_by("pk").first()
    company = Deal.objects.exclude(company=None).select_related("company").order_by("pk")[5].company
    assert line is not None
    assert company is not None
    sandbox.edit("deals", ids[1], dealname="Renamed by its people")
    sandbox.edit("line_items", line.external_id, quantity="7")
    sandbox.edit("companies", company.external_id, name="Renamed Works Ltd")
    sandbox.archive("deals", ids[2])
    sandbox.archive("deals", ids[3])
    sandbox.restore("deals", ids[3])
    merged = sandbox.merge(ids[4], ids[5])
    sandbox.add_line(ids[6], name="One more shelf", quantity="1", price="100")
    sandbox.associate("deals", ids[7], "companies", company.external_id, primary=True)
    made = sandbox.add_deal([{"name": "A new shelf", "quantity": "2", "price": "50"}], dealname="Made just now")
    return {"archived": ids[2], "restored": ids[3], "merged": merged, "made": made["id"]}


def all_delivered(sandbox: SandboxProcess) -> bool:
    return sandbox.webhooks()["pending"] == 0


def post_all(wire: Receiver, deliveries: list[Any]) -> None:
    def post(each: Any) -> int:
        kept = {k: v for k, v in each.headers.items() if k.lower().startswith("x-hubspot")}
        try:
            return Client().post(PATH, data=each.body, content_type="application/json", headers=kept).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(post, deliveries)) == {200}


def wait_until_sent(sandbox: SandboxProcess) -> None:
    import time

    deadline = time.monotonic() + 20
    while not all_delivered(sandbox) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert all_delivered(sandbox)


@pytest.mark.parametrize("form", ["classic", "generic"])
@pytest.mark.parametrize("tidy", [True, False])
def test_every_kind_of_change_ends_in_the_state_that_the_provider_has(
    form: str, tidy: bool, connection: Connection, sandbox: SandboxProcess, wire: Receiver, business: Business,
    settings: Any,
) -> None:  # fmt: skip
    settings.HUBSPOT_WEBHOOK_SECRET = SECRET
    sync_deals(connection=connection)
    untidy: dict[str, Any] = {"webhook_duplicates": 2, "webhook_shuffle": True, "webhook_batch": 5}
    sandbox.set(webhook_form=form, **({} if tidy else untidy))
    done = change_everything(sandbox, list(Deal.objects.order_by("pk").values_list("external_id", flat=True)))
    wait_until_sent(sandbox)
    deliveries = list(wire.received)
    if not tidy:
        random.Random(7).shuffle(deliveries)
    post_all(wire, deliveries)
    split_deliveries()
    process_hubspot_events(connection.pk)

    preview = preview_deals(connection=connection)
    assert (preview.created, preview.changed, preview.findings) == (0, 0, [])
    gone = set(Deal.objects.filter(is_archived=True).values_list("external_id", flat=True))
    former = set(DealAlias.objects.values_list("external_id", flat=True))
    assert gone == {done["archived"], *former}
    assert len(former) == 2
    assert Deal.objects.get(external_id=done["merged"]).aliases.count() == 2
    assert not Deal.objects.get(external_id=done["restored"]).is_archived
    assert Deal.objects.get(external_id=done["made"]).lines.count() == 1
    assert not WebhookEvent.objects.filter(status__in=["received", "failed", "parked", "unknown_account"]).exists()
    assert not Invoice.objects.filter(source_external_id__in=[done["archived"], *former], number=None).exists()
