from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from crm.models import Company, Deal
from crm.services import converting, invoice_due_deals, sync_deals
from crm.tasks import invoice_waiting_deals
from integrations.models import Connection, Quarantine
from invoices.models import Invoice, Status
from invoices.services.issuing import reissue_held
from tests.invoices.making import make_business
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]


def a_due_deal() -> Deal:
    deal = Deal.objects.due().order_by("pk").first()
    assert deal is not None
    return deal


def break_conversion(monkeypatch: pytest.MonkeyPatch, external_id: str) -> None:
    convert = converting.convert

    def broken(record: Any, **options: Any) -> Any:
        if record.external_id == external_id:
            raise ZeroDivisionError
        return convert(record, **options)

    monkeypatch.setattr(converting, "convert", broken)


def test_a_deal_that_breaks_our_converter_stays_on_the_list_until_it_converts(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_deals(connection=connection)
    deal = a_due_deal()
    with monkeypatch.context() as patch:
        break_conversion(patch, deal.external_id)
        issued = invoice_due_deals(connection=connection)
    assert len(issued) == Deal.objects.won().count() - 1
    held = Quarantine.objects.get(resolved_at=None)
    assert (held.external_id, held.stream) == (deal.external_id, "conversion")
    sync_deals(connection=connection, days_back=3650)
    assert Quarantine.objects.filter(resolved_at=None).exists(), "a read that changes nothing heals nothing"
    Deal.objects.filter(pk=deal.pk).update(invoice_due=True)
    invoice_due_deals(connection=connection)
    assert not Quarantine.objects.filter(resolved_at=None).exists()
    assert Invoice.objects.filter(source_external_id=deal.external_id).exists()


def test_a_line_of_two_enormous_numbers_is_held_with_its_reason(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    deal = a_due_deal()
    line = deal.lines.first()
    assert line is not None
    sandbox.edit("line_items", line.external_id, quantity="100000000000000", price="100000000000000.1234567891")
    sync_deals(connection=connection, full=True)
    invoice_due_deals(connection=connection)
    held = Invoice.objects.get(source_external_id=deal.external_id)
    assert held.status == Status.DRAFT
    assert any(missing["field"].startswith("lines.") for missing in held.missing)
    assert not Quarantine.objects.exists()


@pytest.mark.parametrize("day", [date(1, 1, 2), date(1970, 1, 1), date(2020, 1, 31)])
def test_a_deal_closed_before_any_known_tax_rate_is_held_with_that_reason(
    day: date, connection: Connection, sandbox: SandboxProcess, business: Any
) -> None:
    flawless = next(deal for deal in sandbox.expected() if deal["won"] and not deal["flaw"])
    sync_deals(connection=connection)
    Deal.objects.filter(external_id=flawless["deal_id"]).update(close_date=day)
    invoice_due_deals(connection=connection)
    held = Invoice.objects.get(source_external_id=flawless["deal_id"])
    assert held.status == Status.DRAFT
    assert [missing["field"] for missing in held.missing] == ["supply_date"]
    assert f"{day:%d %b %Y}" in held.missing[0]["where"]


def test_lines_are_read_again_before_a_deal_that_was_stored_long_ago_is_invoiced(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    deal = a_due_deal()
    line = deal.lines.first()
    assert line is not None
    sandbox.edit("line_items", line.external_id, name="A shelf that was renamed without moving the deal")
    Deal.objects.update(stored_at=timezone.now() - timedelta(days=1))
    invoice_due_deals(connection=connection)
    invoice = Invoice.objects.get(source_external_id=deal.external_id)
    assert "A shelf that was renamed" in str(invoice.snapshot)
    assert not Deal.objects.due().exists()


def test_a_deal_that_cannot_be_read_again_stays_due(connection: Connection, sandbox: SandboxProcess) -> None:
    sync_deals(connection=connection)
    Deal.objects.update(stored_at=timezone.now() - timedelta(days=1))
    due = Deal.objects.due().count()
    sandbox.fail_next("POST", "/crm", status=503, times=50)
    assert invoice_due_deals(connection=connection) == []
    assert Deal.objects.due().count() == due
    sandbox.set(fail_next=[])
    assert len(invoice_due_deals(connection=connection)) == due


def test_a_quarantined_deal_is_not_invoiced_from_what_was_stored_before(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    deal = a_due_deal()
    sandbox.edit("deals", deal.external_id, amount="NaN")
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    assert not Invoice.objects.filter(source_external_id=deal.external_id).exists()
    sandbox.edit("deals", deal.external_id, amount="1000")
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    assert Invoice.objects.filter(source_external_id=deal.external_id).exists()


def test_completing_a_buyer_moves_a_draft_whose_deal_lies_outside_of_the_window(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.reset(deals=250)
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    company = Company.objects.filter(tin="", deals__is_won=True).first()
    assert company is not None
    sandbox.edit("companies", company.external_id, tin="90077777-0001")
    run = sync_deals(connection=connection, days_back=0)
    assert run.mode == "window"
    company.refresh_from_db()
    assert company.tin == "90077777-0001"
    invoice_due_deals(connection=connection)
    drafts = Invoice.objects.filter(source_external_id__in=company.deals.values("external_id"))
    assert drafts.exists()
    assert not any(missing["field"] == "buyer.tin" for draft in drafts for missing in draft.missing)


def test_one_connections_fault_does_not_stop_the_sweep_for_the_others(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_deals(connection=connection)
    asked: list[int] = []

    def broken(*, connection: Connection) -> Any:
        asked.append(connection.pk)
        raise RuntimeError("the first connection's fault")

    second = Connection.objects.create(
        organization=connection.organization, provider="hubspot", name="Second", external_account_id="7"
    )
    first = a_due_deal()
    first.pk = None
    first.connection = second
    first.amount = Decimal(1)
    first.save()
    monkeypatch.setattr("crm.tasks.invoice_due_deals", broken)
    assert invoice_waiting_deals() == 0
    assert sorted(asked) == sorted([connection.pk, second.pk])


def test_held_invoices_of_deals_that_were_read_long_ago_are_tried_only_after_another_read(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    business = make_business(connection.organization, sandbox.get("/_control/businesses")[0])
    flawless = [deal["deal_id"] for deal in sandbox.expected() if deal["won"] and not deal["flaw"]]
    old, fresh = flawless[:2]
    Deal.objects.filter(external_id=old).update(stored_at=timezone.now() - timedelta(hours=1))
    line = Deal.objects.get(external_id=old).lines.order_by("position").first()
    assert line is not None
    sandbox.edit("line_items", line.external_id, name="Renamed since (invented)")
    reissue_held(organization=business.organization)
    assert Invoice.objects.get(source_external_id=fresh).status == Status.READY
    assert Invoice.objects.get(source_external_id=old).status == Status.DRAFT
    assert Deal.objects.get(external_id=old).invoice_due
    invoice_due_deals(connection=connection)
    assert "Renamed since (invented)" in (Invoice.objects.get(source_external_id=old).document or "")
