"""Where the values of invoices come from, and that the same facts make the same bytes."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Organization, User
from crm.converters import convert
from crm.facts import from_snapshot
from crm.services import activate, sync_deals
from crm.tasks import invoice_waiting_deals
from integrations.models import Connection
from invoices.models import Invoice, Status
from invoices.rules import default_rules
from invoices.services.explaining import trace_invoice
from invoices.services.ruling import save_draft
from invoices.tracing import NotTraceable
from tests.invoices.making import make_business
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]


@pytest.fixture
def invoices(organization: Organization, connection: Connection, sandbox: SandboxProcess, owner: User) -> list[Invoice]:
    make_business(organization, sandbox.get("/_control/businesses")[0])
    content = {
        "document": {"note": ["=Thank you"]},
        "lines": {"unit_code": {"cases": [{"property": "line.name", "like": "*", "value": "KGM"}]}},
    }
    activate(rule_set=save_draft(organization=organization, content=content, by=owner), by=owner)
    sync_deals(connection=connection)
    invoice_waiting_deals()
    return list(Invoice.objects.order_by("pk"))


def test_the_stored_snapshot_makes_the_same_draft_again(invoices: list[Invoice]) -> None:
    assert len(invoices) > 10
    for invoice in invoices:
        rules = invoice.rule_set.rules if invoice.rule_set else default_rules()
        again = convert(
            from_snapshot(json.loads(json.dumps(invoice.snapshot))),
            connection_id=invoice.connection_id,
            rules=rules,
            rule_set_id=invoice.rule_set_id,
        ).draft
        assert json.loads(json.dumps(again.to_json())) == invoice.draft


def test_every_value_of_a_document_has_an_origin(invoices: list[Invoice]) -> None:
    ready = [invoice for invoice in invoices if invoice.status == Status.READY]
    for invoice in ready:
        traced = {each.path: each for each in trace_invoice(invoice=invoice)}
        assert "worked out by the program" not in {each.origin for each in traced.values()}
        document = json.loads(invoice.body)
        assert traced["irn"].value == document["irn"]
        assert traced["note"].origin == "Version 1: document.note"
        assert traced["invoice_line.0.price.price_unit"].origin.startswith("Version 1: lines.unit_code pattern *")
        assert traced["accounting_customer_party.tin"].origin == "HubSpot, company property tin"
        assert traced["accounting_customer_party.tin"].given == document["accounting_customer_party"]["tin"]
        assert traced["accounting_supplier_party.tin"].origin == "your business profile"
        assert traced["invoice_line.0.invoiced_quantity"].source == "line.quantity"


def test_a_held_draft_is_traced_too(invoices: list[Invoice]) -> None:
    held = next(invoice for invoice in invoices if invoice.status == Status.DRAFT)
    traced = {each.path: each for each in trace_invoice(invoice=held)}
    assert traced["missing"].value


def test_a_changed_snapshot_is_told_and_no_error(invoices: list[Invoice]) -> None:
    invoice = invoices[0]
    invoice.snapshot = {"external_id": "1"}
    with pytest.raises(NotTraceable):
        trace_invoice(invoice=invoice)


def test_an_invoice_is_explained_by_its_irn_or_number(invoices: list[Invoice]) -> None:
    ready = next(invoice for invoice in invoices if invoice.status == Status.READY)
    for name in (ready.irn, ready.number):
        out = StringIO()
        call_command("explain", "invoice", name, stdout=out)
        assert f"irn = {ready.irn}" in out.getvalue()
        assert "note = Thank you  ←  Version 1: document.note" in out.getvalue()
    with pytest.raises(CommandError, match="No invoice has the IRN or number INV9"):
        call_command("explain", "invoice", "INV9")
