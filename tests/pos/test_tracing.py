"""Where the values of tills' invoices come from: each has an origin, of a sale alone and of a day together."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organization, Role
from integrations.models import Connection
from invoices.irn import in_lagos
from invoices.models import Business, Invoice, Status
from invoices.services.explaining import trace_invoice
from invoices.tracing import NotTraceable, Traced
from pos.models import CatalogObject
from pos.readback import from_snapshot
from pos.records import SaleRecord
from pos.services.invoicing import invoice_due_sales
from pos.services.saving import save_sales
from tests.factories import make_member
from tests.invoices.making import make_business
from tests.pages.conftest import MODEL_BACKEND
from tests.pos.making import LINE, line_of, make_till, sale_of
from tests.pos.test_invoicing import use_rules
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db
YESTERDAY = in_lagos(timezone.now()).replace(hour=12, minute=0) - timedelta(days=1)
BY_SKU: dict[str, Any] = {
    "lines": {
        "tax_category": {"cases": [{"property": "line.sku", "like": "YAM*", "value": "EXEMPTED"}]},
        "hsn_code": {"default": "0714.30"},
        "product_category": {"default": "Tubers"},
    }
}


@pytest.fixture
def till(organization: Organization, sandbox: SandboxProcess) -> Connection:
    make_business(organization, sandbox.get("/_control/businesses")[0], hsn_code="2106.90", product_category="Food")
    till = make_till(organization)
    till.provider = "square"
    till.save()
    CatalogObject.objects.create(
        organization=organization, connection=till, external_id="var-yam", kind="variation", sku="YAM-1", name="Loose"
    )
    return till


def made(till: Connection, *sales: SaleRecord) -> Invoice:
    save_sales(connection=till, records=list(sales))
    invoice_due_sales(connection=till)
    return Invoice.objects.get()


def traced(invoice: Invoice) -> dict[str, Traced]:
    return {each.path: each for each in trace_invoice(invoice=invoice)}


def leaves(node: Any, path: str = "") -> dict[str, str]:
    if isinstance(node, (dict, list)):
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        return {key: text for name, each in pairs for key, text in leaves(each, f"{path}.{name}".lstrip(".")).items()}
    return {path: str(node)}


def test_every_value_of_a_sales_document_has_its_origin(till: Connection) -> None:
    use_rules(till, BY_SKU)
    yam = line_of("500.00", name="Yam", sku="", catalog_id="var-yam")
    invoice = made(till, sale_of(LINE, yam))
    assert invoice.missing == []
    found = traced(invoice)
    assert invoice.document is not None
    document = json.loads(invoice.document, parse_float=str, parse_int=str)
    assert {path: each.value.lower() for path, each in found.items()} == {
        path: text.lower() for path, text in leaves(document).items()
    }
    assert "worked out by the program" not in {each.origin for each in found.values()}
    first, second = "invoice_line.0", "invoice_line.1"
    assert found["invoice_kind"].origin == "Square: to a business where you gave the customer's TIN, else to a consumer"
    assert found[f"{second}.hsn_code"].origin == "Version 1: lines.hsn_code default"
    assert found["accounting_supplier_party.tin"].origin == "your business profile"
    assert found[f"{second}.item.sellers_item_identification"].value == "YAM-1"
    assert found[f"{first}.price.price_amount"].origin == "Square: what it came to, divided by how much was sold"


def test_a_tax_category_is_the_tills_tax_or_what_a_rule_says_of_the_price_list(till: Connection) -> None:
    use_rules(till, BY_SKU)
    invoice = made(till, sale_of(LINE, line_of("500.00", name="Yam", sku="", catalog_id="var-yam")))
    tracer = traced_draft(invoice)
    assert (tracer["lines.1.tax_category"].origin, tracer["lines.1.tax_category"].given) == (
        "Square: the tax that the till took", "VAT 7.5 %",
    )  # fmt: skip
    rule = tracer["lines.2.tax_category"]
    assert rule.origin == "Version 1: lines.tax_category pattern YAM*, by Square, line property sku"
    assert rule.given == "YAM-1"


def test_a_tax_category_that_neither_rule_nor_tax_says_is_the_sellers(till: Connection) -> None:
    Business.objects.update(default_tax_category="EXEMPTED")
    tracer = traced_draft(made(till, sale_of(line_of("500.00", name="Yam"))))
    category = tracer["lines.1.tax_category"]
    assert (category.value, category.origin) == ("EXEMPTED", "your business profile")


def traced_draft(invoice: Invoice) -> dict[str, Traced]:
    """Return the trace of the draft's own facts, as of an invoice that has no document yet."""
    invoice.document = None
    return traced(invoice)


def test_of_a_day_together_each_line_names_how_many_sales_it_is_of(till: Connection) -> None:
    use_rules(till, {"sales": {"by_day": True}})
    sales = [sale_of(external_id=f"s{number}", sold_at=YESTERDAY) for number in range(5)]
    found = traced(made(till, *sales))
    assert found["invoice_line.0.invoiced_quantity"].origin == (
        "Square: how much was sold, of 5 sales: s0, s1, s2 and 2 more"
    )
    assert "worked out by the program" not in {each.origin for each in found.values()}


def test_what_no_price_divides_says_that_it_stands_for_the_whole(till: Connection) -> None:
    odd = line_of("0.01", quantity=Decimal(30_000))
    found = traced_draft(made(till, sale_of(odd)))
    assert found["lines.1.quantity"].origin.startswith("worked out: one of the whole")


def test_a_held_sale_is_traced_too(till: Connection) -> None:
    invoice = made(till, sale_of(line_of("500.00", name="Yam", catalog_id="var-yam")))
    assert invoice.status == Status.DRAFT
    assert traced(invoice)["lines.1.quantity"].origin == "Square: how much was sold"


def test_a_snapshot_makes_the_same_sale_again(till: Connection) -> None:
    sale = sale_of(LINE, line_of("500.00", name="Yam"), sold_at=YESTERDAY)
    invoice = made(till, sale)
    [row] = invoice.snapshot["sales"]
    again = from_snapshot(json.loads(json.dumps(row)))
    assert (again.lines, again.tenders, again.total_amount) == (sale.lines, sale.tenders, sale.total_amount)
    assert again.sold_at == sale.sold_at


@pytest.mark.parametrize("change", [{"quantity": "3"}, {"name": "Another bowl"}, {"total_amount": "2.15"}])
def test_an_invoice_that_would_come_out_otherwise_now_is_not_traced(till: Connection, change: dict[str, str]) -> None:
    invoice = made(till, sale_of())
    invoice.snapshot["sales"][0]["lines"][0] |= change
    with pytest.raises(NotTraceable):
        trace_invoice(invoice=invoice)


def test_another_default_of_the_seller_since_changes_no_trace(till: Connection) -> None:
    Business.objects.update(default_tax_category="ZERO_VAT")
    invoice = made(till, sale_of(line_of("500.00", name="Yam", sku="", catalog_id="")))
    assert invoice.missing == []
    Business.objects.update(default_tax_category="EXEMPTED")
    invoice.refresh_from_db()
    assert traced_draft(invoice)["lines.1.tax_category"].value == "ZERO_VAT"


def test_the_page_and_the_command_tell_it(till: Connection, capsys: Any) -> None:
    invoice = made(till, sale_of())
    browser = Client()
    browser.force_login(make_member(till.organization, Role.VIEWER), backend=MODEL_BACKEND)
    page = browser.get(reverse("invoice_origins", args=[invoice.pk])).content.decode()
    assert "what it came to, divided by how much was sold" in page
    assert f"{reverse('sales')}?q={invoice.source_external_id}" in page
    call_command("explain", "invoice", invoice.number)
    assert "what it came to, divided by how much was sold" in capsys.readouterr().out
