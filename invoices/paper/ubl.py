"""The invoice as UBL 2.1 in the shape of Peppol BIS Billing 3.0, made from the frozen document.

The authority's type codes 380 and 381 stand the other way round than UNTDID 1001, and its 384 is UNTDID's 383.
What the document does not know is left out, so a receiver outside Nigeria may ask for more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lxml import etree

from invoices.paper.ubl_parts import CAC, CBC, Maker, UblNotPossible, line_into, party_into, tax_category_into

INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CREDIT_NOTE = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
CUSTOMIZATION = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
TYPES = {"381": "380", "380": "381", "384": "383"}
ZERO = Decimal(0)
# Characters that no XML can hold, and that a CRM's text may.
ILLEGAL = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")

__all__ = ["LineTax", "UblNotPossible", "ubl_of"]


@dataclass(frozen=True, slots=True)
class LineTax:
    """The category and rate in percent of one line, which the authority's document does not hold."""

    category: str
    percent: Decimal


def ubl_of(document: dict[str, Any], *, rc_number: str, line_taxes: Sequence[LineTax]) -> bytes:
    """Return the XML of a document in the authority's shape with Decimals; same document, same bytes.

    `line_taxes` has one entry a line. Raises UblNotPossible for a type or tax category that has no place in UBL.
    """
    type_code = TYPES.get(document["invoice_type_code"])
    if type_code is None:
        raise UblNotPossible(f"A document of type {document['invoice_type_code']} has no place in Peppol BIS Billing.")
    is_credit = type_code == "381"
    clean: dict[str, Any] = _clean(document)
    namespace = CREDIT_NOTE if is_credit else INVOICE
    root = etree.Element(
        f"{{{namespace}}}{'CreditNote' if is_credit else 'Invoice'}", nsmap={None: namespace, "cac": CAC, "cbc": CBC}
    )
    make = Maker(root, clean["document_currency_code"])
    _header(make, clean, type_code)
    _references(make, clean)
    party_into(make.group("AccountingSupplierParty"), clean["accounting_supplier_party"], rc_number=_clean(rc_number))
    party_into(make.group("AccountingCustomerParty"), clean.get("accounting_customer_party") or {}, is_buyer=True)
    _delivery_and_payment(make, clean, is_credit)
    changes = _changes(clean, line_taxes)
    for change in changes:
        _allowance(make.group("AllowanceCharge"), *change)
    _taxes(make, clean)
    _totals(make, clean, changes)
    for number, (line, tax) in enumerate(zip(clean["invoice_line"], line_taxes, strict=True), start=1):
        into = make.group("CreditNoteLine" if is_credit else "InvoiceLine")
        line_into(into, number, line, tax.category, tax.percent, is_credit=is_credit)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _header(make: Maker, document: dict[str, Any], type_code: str) -> None:
    is_credit, currency = type_code == "381", document["document_currency_code"]
    make.text("CustomizationID", CUSTOMIZATION)
    make.text("ProfileID", PROFILE)
    make.text("ID", document["irn"].rsplit("-", 2)[0])
    make.text("IssueDate", document["issue_date"])
    if is_credit:
        make.text("TaxPointDate", document.get("tax_point_date"))
        make.text("CreditNoteTypeCode", type_code)
        make.text("Note", document.get("note"))
    else:
        make.text("DueDate", document.get("due_date"))
        make.text("InvoiceTypeCode", type_code)
        make.text("Note", document.get("note"))
        make.text("TaxPointDate", document.get("tax_point_date"))
    make.text("DocumentCurrencyCode", currency)
    make.text("AccountingCost", document.get("accounting_cost"))
    make.text("BuyerReference", document.get("buyer_reference"))


def _references(make: Maker, document: dict[str, Any]) -> None:
    if period := document.get("invoice_delivery_period"):
        into = make.group("InvoicePeriod")
        into.text("StartDate", period["start_date"])
        into.text("EndDate", period["end_date"])
    if order := document.get("order_reference"):
        make.group("OrderReference").text("ID", order)
    for reference in document.get("billing_reference") or []:
        into = make.group("BillingReference").group("InvoiceDocumentReference")
        into.text("ID", reference["irn"].rsplit("-", 2)[0])
        into.text("IssueDate", reference["issue_date"])
    into = make.group("AdditionalDocumentReference")
    into.text("ID", document["irn"])
    into.text("DocumentDescription", "Invoice Reference Number (IRN)")


def _delivery_and_payment(make: Maker, document: dict[str, Any], is_credit: bool) -> None:
    if day := document.get("actual_delivery_date"):
        make.group("Delivery").text("ActualDeliveryDate", day)
    for means in document.get("payment_means") or []:
        into = make.group("PaymentMeans")
        into.text("PaymentMeansCode", means["payment_means_code"])
        if is_credit:
            into.text("PaymentDueDate", means.get("payment_due_date"))
    if note := document.get("payment_terms_note"):
        make.group("PaymentTerms").text("Note", note)


def _changes(document: dict[str, Any], line_taxes: Sequence[LineTax]) -> list[tuple[Decimal, str, Decimal]]:
    """Return what changes each tax category above its lines: (amount, below zero for a discount, category, percent).

    EN 16931 wants one category for each document discount; the authority's document names none, but its taxable
    amounts say how the discount was shared.
    """
    nets: dict[tuple[str, Decimal], Decimal] = {}
    for line, tax in zip(document["invoice_line"], line_taxes, strict=True):
        key = (tax.category, tax.percent.normalize())
        nets[key] = nets.get(key, ZERO) + line["line_extension_amount"]
    changes = []
    for part in _subtotals(document):
        category, percent = part["tax_category"]["id"], part["tax_category"]["percent"]
        change = part["taxable_amount"] - nets.get((category, percent.normalize()), ZERO)
        if change:
            changes.append((change, category, percent))
    return changes


def _allowance(into: Maker, change: Decimal, category: str, percent: Decimal) -> None:
    into.text("ChargeIndicator", "true" if change > 0 else "false")
    into.text("AllowanceChargeReason", "Charge" if change > 0 else "Discount")
    into.amount("Amount", abs(change))
    tax_category_into(into.group("TaxCategory"), category, percent)


def _taxes(make: Maker, document: dict[str, Any]) -> None:
    total = make.group("TaxTotal")
    total.amount("TaxAmount", sum((tax["tax_amount"] for tax in document["tax_total"]), ZERO))
    for part in _subtotals(document):
        into = total.group("TaxSubtotal")
        into.amount("TaxableAmount", part["taxable_amount"])
        into.amount("TaxAmount", part["tax_amount"])
        category = part["tax_category"]
        tax_category_into(into.group("TaxCategory"), category["id"], category["percent"], says_why=True)


def _totals(make: Maker, document: dict[str, Any], changes: list[tuple[Decimal, str, Decimal]]) -> None:
    into, legal = make.group("LegalMonetaryTotal"), document["legal_monetary_total"]
    into.amount("LineExtensionAmount", legal["line_extension_amount"])
    into.amount("TaxExclusiveAmount", legal["tax_exclusive_amount"])
    into.amount("TaxInclusiveAmount", legal["tax_inclusive_amount"])
    for name, amounts in (
        ("AllowanceTotalAmount", [-change for change, *_ in changes if change < 0]),
        ("ChargeTotalAmount", [change for change, *_ in changes if change > 0]),
    ):
        if amounts:
            into.amount(name, sum(amounts, ZERO))
    into.amount("PayableAmount", legal["payable_amount"])


def _subtotals(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for tax in document["tax_total"] for part in tax["tax_subtotal"]]


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return ILLEGAL.sub("", value)
    if isinstance(value, list):
        return [_clean(each) for each in value]
    if isinstance(value, dict):
        return {name: _clean(each) for name, each in value.items()}
    return value
