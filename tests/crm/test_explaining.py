from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from crm.hubspot.tasks import process_hubspot_deal
from crm.models import Deal
from crm.services import invoice_due_deals, refresh_deals, sync_deals
from integrations.models import Connection, Quarantine
from invoices.models import Business, Invoice
from tests.crm.test_invoicing import a_due_deal, break_conversion
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]


def told(external_id: str) -> str:
    out = StringIO()
    call_command("explain", "deal", external_id, stdout=out)
    return out.getvalue()


def test_one_timeline_tells_versions_runs_decisions_and_invoices_in_order(
    connection: Connection, sandbox: SandboxProcess, business: Business
) -> None:
    sync_deals(connection=connection)
    flawless = next(deal["deal_id"] for deal in sandbox.expected() if deal["won"] and not deal["flaw"])
    deal = Deal.objects.get(external_id=flawless)
    sandbox.edit("deals", flawless, dealname="Shelves for the second shop")
    sandbox.add_line(flawless, name="One more shelf", quantity="1", price="100")
    second = sync_deals(connection=connection, days_back=0)
    sandbox.edit("deals", flawless, amount="NaN")
    sync_deals(connection=connection, days_back=0)
    sandbox.edit("deals", flawless, amount="100")
    sync_deals(connection=connection, days_back=0)
    invoice_due_deals(connection=connection)
    text = told(flawless)
    assert "First read from HubSpot" in text
    assert f"dealname: {deal.name} → Shelves for the second shop" in text
    assert f"by sync run {second.pk}" in text
    assert "which is not a number" in text
    assert "Readable again" in text
    number = Invoice.objects.get(source_external_id=flawless).number
    order = [
        text.index(words) for words in ("First read", "→ Shelves for the second shop", "Set aside", "Readable again")
    ]
    assert order == sorted(order)
    if number:
        assert number in text
    else:
        assert "Held, because facts are missing" in text


def test_a_former_id_leads_to_the_deal_it_is_now(connection: Connection, sandbox: SandboxProcess) -> None:
    sync_deals(connection=connection)
    first, second = Deal.objects.won().order_by("pk").values_list("external_id", flat=True)[:2]
    merged = sandbox.merge(first, second)
    sync_deals(connection=connection, days_back=0)
    text = told(second)
    assert f"Deal {merged} “" in text
    assert f"Deal {second} was merged into it" in text


def test_an_id_that_nobody_knows_is_a_sentence(connection: Connection) -> None:
    with pytest.raises(CommandError, match="No deal 999 is stored here"):
        told("999")


def test_a_quarantined_deal_is_released_by_reading_it_again_after_its_mending(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    victim = sorted(deal["deal_id"] for deal in sandbox.expected() if deal["won"])[0]
    sandbox.edit("deals", victim, amount="NaN")
    sync_deals(connection=connection)
    assert Quarantine.objects.filter(resolved_at=None, external_id=victim).exists()
    process_hubspot_deal(victim, connection.pk)
    assert Quarantine.objects.filter(resolved_at=None, external_id=victim).exists(), "nothing was mended"
    sandbox.edit("deals", victim, amount="5")
    process_hubspot_deal(victim, connection.pk)
    assert not Quarantine.objects.filter(resolved_at=None).exists()
    assert Invoice.objects.filter(source_external_id=victim).exists()


def test_a_deal_that_our_converter_broke_on_is_invoiced_when_it_is_tried_again(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_deals(connection=connection)
    victim = a_due_deal().external_id
    with monkeypatch.context() as patch:
        break_conversion(patch, victim)
        invoice_due_deals(connection=connection)
    process_hubspot_deal(victim, connection.pk)
    assert not Quarantine.objects.filter(resolved_at=None).exists()
    assert Invoice.objects.filter(source_external_id=victim).exists()


def unreadable_by_its_line(connection: Connection, sandbox: SandboxProcess) -> Deal:
    """Return the deal that changed longest ago, in quarantine for a line of it."""
    sync_deals(connection=connection)
    deal = Deal.objects.exclude(lines=None).earliest("source_updated_at")
    sandbox.edit("line_items", deal.lines.earliest("pk").external_id, price="abc")
    refresh_deals(connection=connection, external_ids=[deal.external_id])
    assert Quarantine.objects.get(resolved_at=None).external_id == deal.external_id
    return deal


def test_a_deal_whose_line_was_mended_comes_back_with_the_next_sync_though_its_change_time_did_not_move(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    deal = unreadable_by_its_line(connection, sandbox)
    sandbox.edit("line_items", deal.lines.earliest("pk").external_id, price="1")
    assert sync_deals(connection=connection, days_back=0).read == 1, "nothing lies in the window"
    assert not Quarantine.objects.filter(resolved_at=None).exists()


@pytest.mark.parametrize("way", ["archived", "merged"])
def test_a_quarantined_deal_that_is_gone_leaves_the_list(
    way: str, connection: Connection, sandbox: SandboxProcess
) -> None:
    deal = unreadable_by_its_line(connection, sandbox)
    if way == "archived":
        sandbox.archive("deals", deal.external_id)
    else:
        for line in deal.lines.all():
            sandbox.archive("line_items", line.external_id)
        sandbox.merge(deal.external_id, Deal.objects.exclude(pk=deal.pk).earliest("pk").external_id)
    sync_deals(connection=connection, days_back=0)
    assert not Quarantine.objects.filter(resolved_at=None).exists()
