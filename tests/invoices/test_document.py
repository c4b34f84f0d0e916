"""The document against published examples, its own check, and exact numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.document import DocumentInvalid, Identity, build_document, check_document, document_bytes
from invoices.drafts import InvoiceDraft, Seller, with_defaults
from invoices.drafts.lines import totals_of
from invoices.irn import LAGOS
from tests.invoices.making import GOODS, SERVICE, TAX, day, make_draft

GOLDEN = Path(__file__).parent / "golden"


def exact(text: bytes | str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def document_of(draft: InvoiceDraft, seller: Seller, irn: str, issued_at: datetime) -> bytes:
    draft = with_defaults(draft, seller)
    totals = totals_of(draft, issued_at.date(), TAX)
    assert totals is not None
    return document_bytes(build_document(identity=Identity(irn, issued_at), seller=seller, draft=draft, totals=totals))


@pytest.fixture
def body(seller: Seller) -> bytes:
    draft = make_draft(supply_date=day("2026-11-20"), note="Delivery in two lots")
    return document_of(draft, seller, "ADU000187-C41D9D42-20261120", datetime(2026, 11, 20, 10, 42, 5, tzinfo=LAGOS))


def test_the_published_invoice_is_made_from_its_facts(body: bytes) -> None:
    assert exact(body) == exact((GOLDEN / "b2b_invoice.json").read_text())
    check_document(body)


def test_the_published_receipt_is_made_from_its_facts(seller: Seller) -> None:
    line = replace(GOODS, quantity=Decimal(3), discount=Decimal(0), discount_rate=None)
    draft = make_draft(
        kind="B2C", buyer=None, lines=(line,), document_discount=Decimal(0), supply_date=day("2026-11-20")
    )
    seller = replace(seller, payment_terms_days=0, payment_means_code="48")
    body = document_of(draft, seller, "ADURC004410-C41D9D42-20261121", datetime(2026, 11, 21, 10, 42, 5, tzinfo=LAGOS))
    assert exact(body) == exact((GOLDEN / "b2c_receipt.json").read_text())
    check_document(body)


def test_the_tax_point_is_never_after_the_issue(seller: Seller) -> None:
    draft = make_draft(supply_date=day("2026-12-24"))
    body = document_of(draft, seller, "ADU000188-C41D9D42-20261120", datetime(2026, 11, 20, 10, 0, 0, tzinfo=LAGOS))
    assert exact(body)["tax_point_date"] == "2026-11-20"


def test_numbers_are_raw_and_exact(seller: Seller) -> None:
    line = replace(
        SERVICE, quantity=Decimal("1.250000"), unit_price=Decimal("9007199254.740993"), discount=Decimal("0.10")
    )
    draft = make_draft(lines=(line,), document_discount=Decimal(0))
    body = document_of(draft, seller, "ADU000189-C41D9D42-20261120", datetime(2026, 11, 20, 10, 0, 0, tzinfo=LAGOS))
    assert b'"price_amount":9007199254.740993' in body
    assert b'"invoiced_quantity":1.25,' in body
    assert b'"discount_amount":0.10,' in body
    check_document(body)


@given(
    st.decimals(min_value="0.001", max_value="99999", places=3),
    st.decimals(min_value="0.01", max_value="9999999", places=4),
    st.integers(0, 99),
)
def test_whatever_is_built_passes_the_check(seller: Seller, quantity: Decimal, price: Decimal, percent: int) -> None:
    line = replace(SERVICE, quantity=quantity, unit_price=price, tax_category="ZERO_VAT")
    gross = (quantity * price).quantize(Decimal("0.01"))
    draft = make_draft(lines=(GOODS, replace(line, discount=gross * percent / 100)), document_discount=Decimal("0.07"))
    check_document(document_of(draft, seller, "A1-C41D9D42-20261120", datetime(2026, 11, 20, 10, 0, 0, tzinfo=LAGOS)))


def broken(body: bytes, *path: Any, to: Any) -> bytes:
    document = json.loads(body)
    place = document
    for part in path[:-1]:
        place = place[part]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "to", "where", "says"),
    [
        (("irn",), "no irn", "irn", "does not match"),
        (("accounting_customer_party",), None, "", "accounting_customer_party"),
        (("accounting_customer_party", "tin"), "1", "accounting_customer_party.tin", "shorter"),
        (("invoice_line", 0, "item", "description"), "", "invoice_line.0.item.description", "shorter"),
        (("invoice_line", 0, "invoiced_quantity"), "10", "invoice_line.0.invoiced_quantity", "number"),
        (("issue_date",), "2026-02-30", "issue_date", "date"),
        (("invoice_line", 0, "line_extension_amount"), 237499.99, "invoice_line.0", "quantity times price"),
        (("allowance_charge", 0, "amount"), 7499, "legal_monetary_total", "discounts and charges"),
        (("legal_monetary_total", "line_extension_amount"), 1, "legal_monetary_total", "the lines"),
        (("tax_total", 0, "tax_amount"), 20250.01, "tax_total", "tax subtotals"),
        (("tax_total", 0, "tax_subtotal", 0, "taxable_amount"), 1, "tax_total", "taxable amounts"),
        (("tax_total", 0, "tax_subtotal", 0, "tax_category", "percent"), 5, "tax_total", "rate times"),
        (("legal_monetary_total", "tax_inclusive_amount"), 1, "legal_monetary_total", "net and tax"),
        (("legal_monetary_total", "payable_amount"), 1, "legal_monetary_total", "amount with tax"),
    ],
)
def test_a_broken_document_is_refused_with_the_place(
    body: bytes, path: tuple[Any, ...], to: Any, where: str, says: str
) -> None:
    with pytest.raises(DocumentInvalid, match=says) as refused:
        check_document(broken(body, *path, to=to))
    assert refused.value.path == where


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(DocumentInvalid, match="not JSON"):
        check_document(b"<html>")


def test_a_number_that_is_none_never_gets_into_a_document() -> None:
    with pytest.raises(TypeError):
        document_bytes({"amount": Decimal("NaN")})


def test_a_telephone_number_or_description_that_would_be_refused_is_left_out(seller: Seller) -> None:
    party = replace(seller.party, telephone="0803 000 0000", description="abc", state="Lagos", lga="Ikorodu")
    body = document_of(
        make_draft(),
        replace(seller, party=party),
        "A1-C41D9D42-20261120",
        datetime(2026, 11, 20, 10, 0, 0, tzinfo=LAGOS),
    )
    supplier = exact(body)["accounting_supplier_party"]
    assert not {"telephone", "business_description"} & set(supplier)
    assert not {"state", "lga"} & set(supplier["postal_address"])
    check_document(body)
