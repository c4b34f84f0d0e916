from __future__ import annotations

import pytest

from crm.models import Company, Contact, Deal
from crm.services import invoice_due_deals, sync_deals
from integrations.models import Connection, RunStatus
from invoices.models import Invoice, Status
from tests.invoices.standing import stand_at
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits", "business")]


def without_calls_by_id(connection: Connection, sandbox: SandboxProcess) -> None:
    """Sync a window in which no deal is read again by its id, so that only what changed can be found."""
    sandbox.fail_next("POST", "/crm/objects/2026-09/deals/batch/read", status=503, times=60)
    sync_deals(connection=connection, days_back=0)
    sandbox.set(fail_next=[])


def test_a_company_that_changed_without_its_deals_is_found_by_a_window_of_its_own(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    deal = Deal.objects.won().exclude(company=None).exclude(amount=None).select_related("company").order_by("pk")[0]
    assert deal.company is not None
    sandbox.edit("companies", deal.company.external_id, tin="")
    sync_deals(connection=connection, full=True)
    invoice_due_deals(connection=connection)
    draft = Invoice.objects.get(source_external_id=deal.external_id)
    assert "buyer.tin" in [fact["field"] for fact in draft.missing]
    sandbox.edit("companies", deal.company.external_id, tin="90099999-0001")
    without_calls_by_id(connection, sandbox)
    assert Company.objects.get(pk=deal.company_id).tin == "90099999-0001"
    deal.refresh_from_db()
    assert deal.invoice_due
    invoice_due_deals(connection=connection)
    assert "buyer.tin" not in [fact["field"] for fact in Invoice.objects.get(pk=draft.pk).missing]


def test_a_contact_that_changed_is_found_by_its_own_change_time(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    contact = Contact.objects.filter(deals__is_won=True).order_by("pk").first()
    assert contact is not None
    Deal.objects.update(invoice_due=False)
    sandbox.edit("contacts", contact.external_id, phone="+2348000000777")
    without_calls_by_id(connection, sandbox)
    contact.refresh_from_db()
    assert contact.phone == "+2348000000777"
    due = Deal.objects.filter(invoice_due=True).values_list("contact_id", flat=True)
    assert set(due) == {contact.pk}


def test_a_changed_buyer_that_no_deal_stands_on_is_not_kept(connection: Connection, sandbox: SandboxProcess) -> None:
    sync_deals(connection=connection)
    stranger = Company.objects.filter(deals=None).first() or Company.objects.order_by("pk").first()
    assert stranger is not None
    Deal.objects.filter(company=stranger).update(company=None)
    external_id = stranger.external_id
    stranger.delete()
    sandbox.edit("companies", external_id, name="Nobody's Buyer Ltd (invented)")
    without_calls_by_id(connection, sandbox)
    assert not Company.objects.filter(external_id=external_id).exists()


def test_a_changed_buyer_with_more_changes_than_a_page_is_found_too(
    connection: Connection, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.hubspot.client.SEARCH_PAGE", 2)
    monkeypatch.setattr("crm.hubspot.search.SEARCH_PAGE", 2)
    sync_deals(connection=connection)
    names = {company.external_id: f"Renamed {company.external_id} (invented)" for company in Company.objects.all()[:7]}
    for external_id, name in names.items():
        sandbox.edit("companies", external_id, name=name)
    run = sync_deals(connection=connection, days_back=0)
    assert run.status == RunStatus.SUCCEEDED
    assert dict(Company.objects.filter(external_id__in=names).values_list("external_id", "name")) == names


def test_a_changed_buyer_that_cannot_be_read_stops_nothing(connection: Connection, sandbox: SandboxProcess) -> None:
    sync_deals(connection=connection)
    broken, sound = Company.objects.order_by("pk")[:2]
    sandbox.edit("companies", broken.external_id, name="NUL \x00 inside")
    sandbox.edit("companies", sound.external_id, name="Sound again Ltd (invented)")
    without_calls_by_id(connection, sandbox)
    broken_name = broken.name
    broken.refresh_from_db()
    sound.refresh_from_db()
    assert (broken.name, sound.name) == (broken_name, "Sound again Ltd (invented)")


def test_a_registered_invoice_is_not_touched_by_its_buyers_change(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    invoice = Invoice.objects.exclude(status=Status.DRAFT).order_by("pk").first()
    assert invoice is not None
    stand_at(invoice, Status.SIGNED)
    deal = Deal.objects.select_related("company").get(external_id=invoice.source_external_id)
    assert deal.company is not None
    sandbox.edit("companies", deal.company.external_id, city="Elsewhere")
    sync_deals(connection=connection, days_back=0)
    invoice_due_deals(connection=connection)
    after = Invoice.objects.get(pk=invoice.pk)
    assert (after.number, after.document) == (invoice.number, invoice.document)


def test_a_numbered_invoice_that_nobody_has_handed_in_is_made_anew_under_its_number(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    invoice_due_deals(connection=connection)
    invoice = Invoice.objects.exclude(status=Status.DRAFT).order_by("pk").first()
    assert invoice is not None
    deal = Deal.objects.select_related("company").get(external_id=invoice.source_external_id)
    assert deal.company is not None
    sandbox.edit("companies", deal.company.external_id, city="Elsewhere")
    sync_deals(connection=connection, days_back=0)
    invoice_due_deals(connection=connection)
    after = Invoice.objects.get(pk=invoice.pk)
    assert (after.number, after.irn, after.status) == (invoice.number, invoice.irn, Status.READY)
    assert '"city_name":"Elsewhere"' in (after.document or "")
