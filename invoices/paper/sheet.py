"""What stands on the printed invoice: every text ready to be set, taken from the frozen document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from accounts.templatetags.show import NOTHING, money, quantity
from invoices.authority import codes
from invoices.models.status import REGISTERED, Status
from invoices.paper.words import LARGEST, amount_in_words

TITLES = {"380": "Credit note", "384": "Debit note"}
TO_PAY = {"380": "Credited to the buyer", "384": "To pay in addition"}
# A longer word would run out of its column; shorter ones stay whole, so that an e-mail address can be copied.
LONG_WORD = re.compile(r"\S{37,}")
PIECE = re.compile(r"\S{18}(?=\S)")
SANDBOX = "SANDBOX – not a tax invoice"
# Across the page and above it: what the paper is not. One that the authority holds and nobody credited has none.
STAMPS: dict[str, tuple[str, str]] = {
    Status.DRAFT: ("DRAFT", "Draft: facts are missing. This is not an invoice and has no number."),
    Status.REJECTED: ("REJECTED", "The tax authority rejected this document. It is not a tax invoice."),
    Status.VOIDED: ("VOID", "This document was given up before the tax authority had it. It is not a tax invoice."),
    Status.CREDITED: ("CREDITED", "This invoice was signed and then credited in full. Nothing is left to pay."),
}
UNSIGNED = ("NOT SIGNED", "The tax authority has not signed this document yet. It is not a tax invoice.")


@dataclass(frozen=True, slots=True)
class Standing:
    """What the document itself does not say. `rc_number` is the seller's, `qr` an SVG or empty,
    `check_at` the address where anybody can look the invoice up."""

    status: str
    number: str
    type_code: str
    rc_number: str
    is_sandbox: bool
    qr: str = ""
    check_at: str = ""


def sheet_of(paper: dict[str, Any], standing: Standing) -> dict[str, Any]:
    """Return the texts of the page, from a document in the authority's own shape with Decimals.

    A draft's unknown amounts are a dash. It never has a number, an IRN or a QR, whatever it is given.
    """
    is_draft = standing.status == Status.DRAFT
    currency = paper.get("document_currency_code") or "NGN"
    sums = paper["legal_monetary_total"]
    sheet = {
        "title": "Draft" if is_draft else TITLES.get(standing.type_code, "Tax invoice"),
        "number": "" if is_draft else standing.number,
        "irn": "" if is_draft else paper.get("irn", ""),
        "qr": "" if is_draft else standing.qr,
        "check_at": "" if is_draft else standing.check_at,
        "stamps": stamps_of(standing),
        "seller": _party(paper.get("accounting_supplier_party") or {}, standing.rc_number),
        "buyer": _party(paper.get("accounting_customer_party") or {}),
        "facts": _facts(paper),
        "currency": currency,
        "lines": [_line(row, currency) for row in paper.get("invoice_line") or []],
        "sums": _sums(paper, currency),
        "taxes": list(_taxes(paper, currency)),
        "pay_label": TO_PAY.get(standing.type_code, "To pay"),
        "pay": money(sums.get("payable_amount"), currency),
        "words": _words(sums.get("payable_amount"), currency),
        "note": paper.get("note") or "",
    }
    return {name: value if name == "qr" else _breakable(value) for name, value in sheet.items()}


def stamps_of(standing: Standing) -> list[dict[str, str]]:
    """Return the marks that the paper carries, the most important first: {short, long}."""
    marks = [{"short": "SANDBOX", "long": SANDBOX}] if standing.is_sandbox else []
    mark = STAMPS.get(standing.status, None if standing.status in REGISTERED else UNSIGNED)
    return [*marks, {"short": mark[0], "long": mark[1]}] if mark else marks


def day(text: str | None) -> str:
    """Return an ISO date as people read it, "22 Nov 2026"; a dash for none."""
    return date.fromisoformat(text).strftime("%-d %b %Y") if text else NOTHING


def tax_name(category: str) -> str:
    """Return a tax category in an accountant's words."""
    match category:
        case "STANDARD_VAT":
            return "VAT, standard rate"
        case "ZERO_VAT":
            return "VAT, zero rate"
        case "EXEMPTED":
            return "Exempt from VAT"
    return codes.tax_category_name(category) or category


def _breakable(value: Any) -> Any:
    """Return the texts of a value with a place to break in each word that is too long for a column."""
    if isinstance(value, str):
        return LONG_WORD.sub(lambda word: PIECE.sub("\\g<0>\u200b", word[0]), value)
    if isinstance(value, list):
        return [_breakable(each) for each in value]
    if isinstance(value, dict):
        return {name: _breakable(each) for name, each in value.items()}
    return value


def _party(party: dict[str, Any], rc_number: str = "") -> dict[str, Any]:
    address = party.get("postal_address") or {}
    state = codes.names_by_code("states").get(address.get("state") or "", "")
    country = {row["alpha_2"]: row["name"] for row in codes.rows("countries")}.get(address.get("country") or "", "")
    town = " ".join(_known([address.get("postal_zone"), address.get("city_name")]))
    return {
        "name": party.get("party_name") or "Not known",
        "ids": [
            {"label": label, "value": value}
            for label, value in (("TIN", party.get("tin")), ("RC/BN", rc_number))
            if value
        ],
        "lines": _known(
            [
                address.get("street_name"),
                ", ".join(_known([town, state if state != address.get("city_name") else "", country])),
                party.get("email"),
                party.get("telephone"),
            ]
        ),
    }


def _facts(paper: dict[str, Any]) -> list[dict[str, str]]:
    issued = day(paper.get("issue_date"))
    if time := paper.get("issue_time"):
        issued = f"{issued}, {str(time)[:5]}"
    means = codes.names_by_code("payment_means")
    paid_by = {str(row.get("payment_means_code", "")): "" for row in paper.get("payment_means") or []}
    period = paper.get("invoice_delivery_period") or {}
    facts = [
        ("Issued", issued if paper.get("issue_date") else ""),
        ("Supplied", day(paper["actual_delivery_date"]) if paper.get("actual_delivery_date") else ""),
        ("Period", f"{day(period['start_date'])} to {day(period['end_date'])}" if period else ""),
        ("Tax point", day(paper["tax_point_date"]) if paper.get("tax_point_date") else ""),
        ("Payment due", day(paper["due_date"]) if paper.get("due_date") else ""),
        ("Pay by", ", ".join(_known(means.get(code, "") for code in paid_by))),
        ("Order", paper.get("order_reference") or ""),
        ("Your reference", paper.get("buyer_reference") or ""),
        *(("About", f"{ref['irn']} of {day(ref['issue_date'])}") for ref in paper.get("billing_reference") or []),
    ]
    return [{"label": label, "value": value} for label, value in facts if value]


def _line(row: dict[str, Any], currency: str) -> dict[str, Any]:
    item, price = row.get("item") or {}, row.get("price") or {}
    name, described = item.get("name") or "No name", item.get("description") or ""
    hsn, isic = row.get("hsn_code"), row.get("isic_code")
    code = f"HSN {hsn}" if hsn else f"ISIC {isic}" if isic else ""
    changes = []
    if discount := row.get("discount_amount"):
        rate = f" {quantity(row['discount_rate'])} %" if row.get("discount_rate") else ""
        changes.append(f"Discount{rate} −{money(discount, currency)}")
    if fee := row.get("fee_amount"):
        changes.append(f"Fee {money(fee, currency)}")
    return {
        "name": name,
        "description": described if described != name else "",
        "small": " · ".join(_known([code, item.get("sellers_item_identification")])),
        "changes": changes,
        "quantity": quantity(row.get("invoiced_quantity")),
        "price": money(price.get("price_amount"), currency),
        "net": money(row.get("line_extension_amount"), currency),
    }


def _sums(paper: dict[str, Any], currency: str) -> list[dict[str, str]]:
    legal, changes = paper["legal_monetary_total"], paper.get("allowance_charge") or []
    rows = [("Lines together", money(legal.get("line_extension_amount"), currency))] if changes else []
    for change in changes:
        amount = money(change["amount"], currency)
        rows.append(("Charge", amount) if change["charge_indicator"] else ("Discount", f"−{amount}"))
    rows.append(("Before tax", money(legal.get("tax_exclusive_amount"), currency)))
    taxes = [tax.get("tax_amount") for tax in paper.get("tax_total") or []]
    tax = None if None in taxes else sum(taxes, Decimal(0))
    rows.append(("Tax", money(tax, currency)))
    return [{"label": label, "value": value} for label, value in rows]


def _taxes(paper: dict[str, Any], currency: str) -> Iterable[dict[str, str]]:
    for total in paper.get("tax_total") or []:
        for part in total.get("tax_subtotal") or []:
            category = part["tax_category"]
            yield {
                "name": tax_name(category["id"]),
                "rate": f"{quantity(category['percent'])} %",
                "taxable": money(part["taxable_amount"], currency),
                "tax": money(part["tax_amount"], currency),
            }


def _words(payable: Decimal | None, currency: str) -> str:
    if payable is None or abs(payable) > LARGEST:
        return ""
    return amount_in_words(payable, currency)


def _known(texts: Iterable[str | None]) -> list[str]:
    return [text for text in texts if text]
