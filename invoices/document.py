"""The authority's JSON document: built from facts, frozen as exact bytes, and checked before anybody sees it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import jsonschema_rs
import orjson

from invoices.authority.codes import DATA
from invoices.drafts import InvoiceDraft, LineDraft, PartyDraft, Seller
from invoices.drafts.facts import terms_of
from invoices.drafts.missing import tax_point
from invoices.taxes import CENT, ZERO, LineAmounts, Totals, money

TELEPHONE = re.compile(r"\+[0-9]{6,18}")
LGA = re.compile(r"NG-[A-Z]{2}-[A-Z]{3,4}")
STATE = re.compile(r"NG-[A-Z]{2}")
TELEPHONE_SIGNS = re.compile(r"[\s().-]")
LONGEST_DESCRIPTION = 255
ONE = Decimal(1)
NOTHING: tuple[Any, ...] = (None, "", [])
_exact_json = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal)


class DocumentInvalid(ValueError):
    """The document breaks a rule; `sentence` says which, `path` where ("invoice_line.0.price")."""

    def __init__(self, sentence: str, path: str) -> None:
        super().__init__(f"{sentence} (at {path or 'the document itself'})")
        self.sentence = sentence
        self.path = path


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a document this one: the reference number and the moment of issue on Nigeria's clock."""

    irn: str
    issued_at: datetime

    @property
    def issue_date(self) -> date:
        """Return the issue date, the same that the reference number ends in."""
        return self.issued_at.date()


def due_date(issue_date: date, terms_days: int) -> date:
    """Return the day by which payment is due."""
    return issue_date + timedelta(days=terms_days)


def build_document(*, identity: Identity, seller: Seller, draft: InvoiceDraft, totals: Totals) -> dict[str, Any]:
    """Return the document as a dictionary with Decimals.

    The draft must be complete and carry the seller's defaults. What is not known is left out, never made up.
    """
    due = due_date(identity.issue_date, terms_of(draft, seller))
    document: dict[str, Any] = {
        "business_id": seller.business_id,
        "irn": identity.irn,
        "invoice_kind": draft.kind,
        "issue_date": identity.issue_date.isoformat(),
        "issue_time": identity.issued_at.time().isoformat("seconds"),
        "due_date": due.isoformat(),
        "invoice_type_code": draft.type_code,
        "payment_status": "PENDING",
        "note": draft.note.strip(),
        "tax_point_date": tax_point(draft.supply_date, identity.issue_date).isoformat(),
        "document_currency_code": draft.currency,
        "tax_currency_code": draft.currency,
        "buyer_reference": draft.buyer_reference.strip(),
        "order_reference": draft.order_reference.strip(),
        "billing_reference": _billing_references(draft),
        "accounting_supplier_party": _party(seller.party),
        "accounting_customer_party": _party(draft.buyer) if draft.buyer else None,
        "actual_delivery_date": draft.supply_date.isoformat() if draft.supply_date else None,
        "payment_means": [{"payment_means_code": seller.payment_means_code, "payment_due_date": due.isoformat()}],
        "payment_terms_note": draft.payment_terms_note.strip(),
        "allowance_charge": _allowances(totals),
        "tax_total": [_tax_total(totals)],
        "legal_monetary_total": {
            "line_extension_amount": totals.line_extension_amount,
            "tax_exclusive_amount": totals.tax_exclusive_amount,
            "tax_inclusive_amount": totals.tax_inclusive_amount,
            "payable_amount": totals.payable_amount,
        },
        "invoice_line": [_line(line, sums) for line, sums in zip(draft.lines, totals.lines, strict=True)],
    }
    return _known(document)


def document_bytes(document: dict[str, Any]) -> bytes:
    """Return compact JSON with every Decimal as the raw number it is; the bytes that are frozen and sent."""
    return orjson.dumps(document, default=_raw_number)


def check_document(body: bytes) -> None:
    """Check the bytes against the authority's schema and their own sums; raises DocumentInvalid."""
    try:
        plain, document = orjson.loads(body), _exact_json.decode(body.decode())
    except ValueError as problem:
        raise DocumentInvalid("The document is not JSON", "") from problem
    error = next(_validator().iter_errors(plain), None)
    if error is not None:
        raise DocumentInvalid(error.message[:300], ".".join(str(part) for part in error.instance_path))
    _check_sums(document)


def _raw_number(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} has no place in a document")


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    schema = json.loads((DATA / "invoice.schema.json").read_text(encoding="utf-8"))
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def _known(document: dict[str, Any]) -> dict[str, Any]:
    # What is true is looked at no further: a Decimal is slow to say that it equals no text and no list.
    return {name: value for name, value in document.items() if value or value not in NOTHING}


def _party(party: PartyDraft) -> dict[str, Any]:
    telephone = TELEPHONE_SIGNS.sub("", party.telephone)
    description = party.description.strip()[:LONGEST_DESCRIPTION]
    state = party.state if STATE.fullmatch(party.state) else ""
    address = {
        "street_name": party.street.strip(),
        "city_name": party.city.strip(),
        "postal_zone": party.postal_zone.strip(),
        "lga": party.lga if state and LGA.fullmatch(party.lga) else "",
        "state": state,
        "country": party.country,
    }
    return _known(
        {
            "party_name": party.name.strip(),
            "tin": party.tin.strip(),
            "email": party.email.strip(),
            "telephone": telephone if TELEPHONE.fullmatch(telephone) else "",
            # The authority refuses a shorter one, and does without.
            "business_description": description if len(description) >= 5 else "",
            "postal_address": _known(address),
        }
    )


def _billing_references(draft: InvoiceDraft) -> list[dict[str, str]]:
    reference = draft.billing_reference
    return [{"irn": reference.irn, "issue_date": reference.issue_date.isoformat()}] if reference else []


def _allowances(totals: Totals) -> list[dict[str, Any]]:
    amounts = ((False, totals.allowance_amount), (True, totals.charge_amount))
    return [{"charge_indicator": is_charge, "amount": amount} for is_charge, amount in amounts if amount]


def _tax_total(totals: Totals) -> dict[str, Any]:
    subtotals = [
        {
            "taxable_amount": subtotal.taxable_amount,
            "tax_amount": subtotal.tax_amount,
            "tax_category": {"id": subtotal.category, "percent": _plain(subtotal.rate)},
        }
        for subtotal in totals.subtotals
    ]
    return {"tax_amount": totals.tax_amount, "tax_subtotal": subtotals}


def _line(line: LineDraft, sums: LineAmounts) -> dict[str, Any]:
    rate = line.discount_rate
    body = {
        "hsn_code": line.hsn_code,
        "product_category": line.product_category.strip(),
        "isic_code": line.isic_code,
        "service_category": line.service_category.strip(),
        "discount_rate": _plain(rate) if sums.discount and rate and rate.is_finite() and 0 < rate <= 100 else None,
        "discount_amount": sums.discount or None,
        "fee_amount": sums.fee or None,
        "invoiced_quantity": _plain(sums.quantity),
        "line_extension_amount": sums.net,
        "item": _known(
            {
                "name": line.name.strip(),
                "description": line.description.strip(),
                "sellers_item_identification": line.sku.strip(),
            }
        ),
        "price": {
            "price_amount": _price(sums.unit_price),
            "base_quantity": 1,
            "price_unit": line.unit_code,
        },
    }
    return _known(body)


def _plain(number: Decimal) -> Decimal:
    """Return the number without trailing zeros, and without an exponent."""
    number = number.normalize()
    return number.quantize(ONE) if number == number.to_integral_value() else number


def _price(price: Decimal) -> Decimal:
    """Return at least two places, more only where the price has them."""
    short = price.quantize(CENT)
    return short if price == short else price.normalize()


def _check_sums(document: dict[str, Any]) -> None:
    lines, legal = document["invoice_line"], document["legal_monetary_total"]
    for index, line in enumerate(lines):
        _check_line(index, line)
    _equal(_total(lines, "line_extension_amount"), legal["line_extension_amount"], "legal_monetary_total", "the lines")
    changes = sum(
        (
            each["amount"] if each["charge_indicator"] else -each["amount"]
            for each in document.get("allowance_charge", [])
        ),
        ZERO,
    )
    exclusive = legal["tax_exclusive_amount"]
    _equal(legal["line_extension_amount"] + changes, exclusive, "legal_monetary_total", "lines, discounts and charges")
    subtotals = [subtotal for tax in document["tax_total"] for subtotal in tax["tax_subtotal"]]
    _equal(_total(subtotals, "taxable_amount"), exclusive, "tax_total", "the taxable amounts")
    for subtotal in subtotals:
        tax = money(subtotal["taxable_amount"] * subtotal["tax_category"]["percent"] / 100)
        _equal(tax, subtotal["tax_amount"], "tax_total", "rate times taxable amount")
    tax = _total(document["tax_total"], "tax_amount")
    _equal(_total(subtotals, "tax_amount"), tax, "tax_total", "the tax subtotals")
    _equal(exclusive + tax, legal["tax_inclusive_amount"], "legal_monetary_total", "net and tax")
    _equal(legal["tax_inclusive_amount"], legal["payable_amount"], "legal_monetary_total", "the amount with tax")


def _check_line(index: int, line: dict[str, Any]) -> None:
    price = line["price"]
    gross = money(line["invoiced_quantity"] * price["price_amount"] / price["base_quantity"])
    net = gross - line.get("discount_amount", ZERO) + line.get("fee_amount", ZERO)
    _equal(net, line["line_extension_amount"], f"invoice_line.{index}", "quantity times price less discount")


def _total(rows: Sequence[dict[str, Any]], name: str) -> Decimal:
    return sum((row[name] for row in rows), ZERO)


def _equal(worked_out: Decimal, stated: Decimal, path: str, what: str) -> None:
    if worked_out != stated:
        raise DocumentInvalid(
            f"The sums do not hold: {what} come to {worked_out:f}, the document says {stated:f}", path
        )
