"""What a draft lacks is named, one fact at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.drafts import InvoiceDraft, LineDraft, Missing, Seller, missing_facts, with_defaults
from tests.invoices.making import BUYER, GOODS, SERVICE, day, make_draft


def fields(draft: InvoiceDraft, seller: Seller | None) -> list[str]:
    return [fact.field for fact in missing_facts(draft, seller)]


def test_a_complete_draft_lacks_nothing(seller: Seller) -> None:
    assert missing_facts(make_draft(), seller) == ()


@pytest.mark.parametrize("name", ["name", "tin", "email", "street", "city", "postal_zone", "country"])
def test_each_fact_of_the_buyer_is_named_alone(seller: Seller, name: str) -> None:
    draft = make_draft(buyer=replace(BUYER, **{name: "  " if name != "country" else ""}))
    [fact] = missing_facts(draft, seller)
    assert fact.field == f"buyer.{name}"
    assert fact.label.startswith("The buyer's ")
    assert "Deal" in fact.where


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"tin": "1234"}, "buyer.tin", "1234 is shorter than 5 characters"),
        ({"tin": "1" * 21}, "buyer.tin", "longer than 20"),
        ({"name": "x" * 101}, "buyer.name", "longer than 100"),
        ({"email": "not an address"}, "buyer.email", "not an address is none"),
        ({"country": "XX"}, "buyer.country", "XX is not known"),
    ],
)
def test_a_fact_in_a_form_that_the_authority_refuses_is_named(
    seller: Seller, changes: dict[str, str], field: str, says: str
) -> None:
    [fact] = missing_facts(make_draft(buyer=replace(BUYER, **changes)), seller)
    assert fact.field == field
    assert says in fact.label


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"name": ""}, "name", "Line 2's name"),
        ({"description": " "}, "description", "Line 2's description"),
        ({"quantity": None}, "quantity", "Line 2's quantity"),
        ({"quantity": Decimal(0)}, "quantity", "quantity that cannot be invoiced (0)"),
        ({"quantity": Decimal("NaN")}, "quantity", "(NaN)"),
        ({"quantity": Decimal("1e1000000")}, "quantity", "(1E+1000000)"),
        ({"unit_price": None}, "unit_price", "Line 2's price"),
        ({"unit_price": Decimal("-5.00")}, "unit_price", "Line 2 has a negative price (−5.00)"),
        ({"unit_price": Decimal("Infinity")}, "unit_price", "(Infinity)"),
        ({"unit_price": Decimal("1e-9")}, "unit_price", "cannot be invoiced"),
        ({"discount": Decimal("40000.01")}, "discount", "discount (40,000.01) is larger than the line (40,000.00)"),
        ({"discount": Decimal(-1)}, "discount", "discount that cannot be invoiced (−1)"),
        ({"fee": Decimal("NaN")}, "fee", "fee that cannot be invoiced"),
        ({"tax_category": ""}, "tax_category", "Line 2's tax category"),
        ({"tax_category": "VAT"}, "tax_category", "the tax category VAT"),
        ({"isic_code": "", "service_category": ""}, "classification", "Line 2's classification"),
        ({"isic_code": "9999"}, "classification", "9999 is not on the authority's list"),
        ({"isic_code": "43"}, "classification", "4 digits"),
        ({"hsn_code": "9403.20", "product_category": "x"}, "classification", "both a goods code and a service code"),
        (
            {"isic_code": "", "hsn_code": "9403", "product_category": "Furniture"},
            "classification",
            "written like 9403.20",
        ),
        ({"isic_code": "", "hsn_code": "9403.20"}, "classification", "product category"),
    ],
)
def test_each_defect_of_a_line_is_named_alone(seller: Seller, changes: dict[str, Any], field: str, says: str) -> None:
    draft = make_draft(lines=(GOODS, replace(SERVICE, **changes)), document_discount=Decimal(0))
    [fact] = missing_facts(draft, seller)
    assert fact.field == f"lines.2.{field}"
    assert says in fact.label
    assert fact.where.startswith("Correct line 2 of the deal Deal")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"buyer": None}, "buyer"),
        ({"lines": ()}, "lines"),
        ({"currency": ""}, "currency"),
        ({"document_discount": Decimal("277500.01")}, "document_discount"),
        ({"document_discount": Decimal("277500")}, "total"),
        ({"document_discount": Decimal("NaN")}, "document_discount"),
        ({"document_charge": Decimal(-1)}, "document_charge"),
    ],
)
def test_each_defect_of_the_document_is_named_alone(seller: Seller, changes: dict[str, Any], field: str) -> None:
    assert fields(make_draft(**changes), seller) == [field]


def test_a_consumer_needs_no_buyer(seller: Seller) -> None:
    assert missing_facts(make_draft(kind="B2C", buyer=None), seller) == ()


def test_a_refund_never_becomes_an_invoice(seller: Seller) -> None:
    draft = make_draft()
    assert fields(replace(draft, source=replace(draft.source, kind="refund")), seller) == ["kind"]


def test_without_a_profile_the_seller_is_what_is_missing() -> None:
    [fact] = missing_facts(make_draft(), None)
    assert fact.field == "seller"
    assert "in the admin" in fact.where


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"service_id": "short"}, "seller.service_id"),
        ({"public_key": ""}, "seller.key_file"),
        ({"certificate": ""}, "seller.key_file"),
    ],
)
def test_each_gap_of_the_seller_is_named(seller: Seller, changes: dict[str, str], field: str) -> None:
    assert fields(make_draft(), replace(seller, **changes)) == [field]


def test_what_the_converter_found_stands_for_its_field(seller: Seller) -> None:
    told = Missing("buyer.tin", "The buyer's TIN", "Fill in the company property 'tin' in HubSpot.")
    draft = make_draft(buyer=replace(BUYER, tin="", city=""), missing=(told,))
    facts = missing_facts(draft, seller)
    assert facts[0] is told
    assert [fact.field for fact in facts] == ["buyer.tin", "buyer.city"]


def test_the_seller_fills_in_only_where_a_line_is_silent(seller: Seller) -> None:
    seller = replace(
        seller, default_tax_category="EXEMPTED", hsn_code="0101.21", product_category="Horses, for breeding"
    )
    silent = replace(GOODS, tax_category="", hsn_code="", product_category="")
    filled, kept = with_defaults(make_draft(lines=(silent, SERVICE)), seller).lines
    assert (filled.tax_category, filled.hsn_code, filled.product_category) == (
        "EXEMPTED",
        "0101.21",
        "Horses, for breeding",
    )
    assert (kept.tax_category, kept.hsn_code, kept.isic_code) == ("STANDARD_VAT", "", "4330")


def test_a_services_code_brings_its_own_words(seller: Seller) -> None:
    [line] = with_defaults(make_draft(lines=(SERVICE,)), seller).lines
    assert line.service_category == "Building completion and finishing"


@given(
    st.decimals() | st.none(),
    st.decimals() | st.none(),
    st.decimals(),
    st.decimals(),
    st.decimals(),
)
def test_any_numbers_are_judged_without_an_exception(
    quantity: Decimal | None, price: Decimal | None, discount: Decimal, fee: Decimal, off: Decimal
) -> None:
    line = replace(SERVICE, quantity=quantity, unit_price=price, discount=discount, fee=fee)
    for fact in missing_facts(make_draft(lines=(line,), document_discount=off), None):
        assert len(fact.label) < 250


@given(
    st.builds(
        LineDraft,
        **{name: st.text() for name in ("name", "description", "sku", "hsn_code", "isic_code")},
        quantity=st.none(),
        unit_price=st.decimals(allow_nan=False, allow_infinity=False),
        discount=st.just(Decimal("0.10")),
        discount_rate=st.none(),
        fee=st.just(Decimal(0)),
        tax_category=st.text(),
        product_category=st.text(),
        service_category=st.text(),
    )
)
def test_a_draft_comes_back_from_its_json(line: LineDraft) -> None:
    draft = make_draft(lines=(line,), supply_date=day("2026-11-20"), missing=(Missing("a", "b", "c"),))
    stored = json.loads(json.dumps(draft.to_json()))
    assert InvoiceDraft.from_json(stored, draft.snapshot) == draft
