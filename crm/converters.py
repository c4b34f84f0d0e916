"""A deal into an invoice draft: pure, and never inventing; what the deal lacks or contradicts is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

from crm.records import CompanyRecord, ContactRecord, DealRecord, LineRecord
from invoices.authority import codes
from invoices.drafts import InvoiceDraft, LineDraft, Missing, PartyDraft, SourceRef

KOBO = Decimal("0.01")
ZERO = Decimal(0)
CURRENT_VAT_RATE = Decimal("7.5")
# Three stored numbers of 25 digits multiplied are still exact: a sum too large to invoice is named, not an error.
EXACT = Context(prec=100, rounding=ROUND_HALF_UP)


def money(value: Decimal) -> Decimal:
    """Round to kobo, half up."""
    return value.quantize(KOBO, rounding=ROUND_HALF_UP, context=EXACT)


def deal_to_draft(deal: DealRecord, *, connection_id: int, provider: str = "HubSpot") -> InvoiceDraft:
    """Return the invoice that a won deal makes.

    The buyer is the deal's company; `missing` names each fact that the deal lacks or contradicts itself on, and where
    at the provider to mend it. The typed amount of a deal is not invoiced: its lines are.
    """
    with localcontext(EXACT):
        return _to_draft(deal, connection_id, provider)


def _to_draft(deal: DealRecord, connection_id: int, provider: str) -> InvoiceDraft:
    company = deal.companies[0] if deal.companies else None
    contact = deal.contacts[0] if deal.contacts else None
    problems = [*_buyer_problems(deal, company, contact, provider), *_deal_problems(deal, provider)]
    return InvoiceDraft(
        source=SourceRef(connection_id, "deal", deal.external_id, "1", deal.name, deal.url, former_ids=deal.former_ids),
        kind="B2B",
        currency=deal.currency,
        buyer=to_party(company, contact) if company else None,
        lines=tuple(to_line_draft(line) for line in deal.lines),
        document_discount=money(deal.document_discount or ZERO),
        document_charge=ZERO,
        supply_date=deal.close_date,
        note=deal.name,
        missing=tuple(problems),
        snapshot=to_snapshot(deal),
    )


def to_party(company: CompanyRecord, contact: ContactRecord | None) -> PartyDraft:
    """Return the buyer: the company, with the contact's address where the company has none of its own."""
    return PartyDraft(
        name=company.name,
        tin=company.tin,
        email=company.email or (contact.email if contact else ""),
        telephone=company.phone,
        description=company.description,
        street=company.street,
        city=company.city,
        postal_zone=company.postal_zone,
        state=codes.state_code(company.state),
        country=codes.country_code(company.country),
    )


def to_line_draft(line: LineRecord) -> LineDraft:
    """Return a line; its tax category stays empty where the deal names none, for the seller's default to fill."""
    return LineDraft(
        name=line.name,
        description=line.description or line.name,
        quantity=line.quantity,
        unit_price=line.unit_price,
        discount=line_discount(line),
        discount_rate=line.discount_percent,
        fee=ZERO,
        tax_category=line.tax_category or ("STANDARD_VAT" if line.tax_rate == CURRENT_VAT_RATE else ""),
        hsn_code=line.hsn_code,
        product_category=line.product_category,
        isic_code=line.isic_code,
        service_category=codes.service_category(line.isic_code),
        sku=line.sku,
        external_id=line.external_id,
    )


def line_discount(line: LineRecord) -> Decimal:
    """Return the money off the whole line: per-unit money times quantity, or the percentage of price times quantity.

    HubSpot rounds after taking the percentage off price × quantity, not off the unit price.
    """
    if line.quantity is None or line.unit_price is None:
        return ZERO
    if line.unit_discount:
        return money(line.unit_discount * line.quantity)
    if line.discount_percent:
        return money(line.unit_price * line.quantity * line.discount_percent / 100)
    return ZERO


def _buyer_problems(
    deal: DealRecord, company: CompanyRecord | None, contact: ContactRecord | None, provider: str
) -> Iterator[Missing]:
    if deal.company_question:
        yield Missing("buyer", "Which company buys", f"{deal.company_question} Mark one as primary in {provider}.")
    elif company is None:
        seen = f" It names only the contact {_contact_name(contact)}." if contact else ""
        yield Missing(
            "buyer", "The buyer", f"The deal has no company.{seen} Put the company on the deal in {provider}."
        )
    elif company.country and not codes.country_code(company.country):
        yield Missing(
            "buyer.country",
            "The buyer's country",
            f"{company.name} has the country “{company.country}”, which is not one the tax authority knows. "
            f"Write it in {provider} as on a map, for example Nigeria.",
        )


def _contact_name(contact: ContactRecord) -> str:
    return f"{contact.first_name} {contact.last_name}".strip() or contact.email


def _deal_problems(deal: DealRecord, provider: str) -> Iterator[Missing]:
    for number, line in enumerate(deal.lines, start=1):
        yield from _line_problems(deal, line, number, provider)
    if deal.document_discount is not None and deal.document_discount < 0:
        yield Missing(
            "document_discount",
            "The discount on the deal",
            f"It is negative ({deal.document_discount}). Write a discount as a positive amount in {provider}.",
        )


def _line_problems(deal: DealRecord, line: LineRecord, number: int, provider: str) -> Iterator[Missing]:
    name = f"Line {number} ({line.name or line.external_id})"
    field = f"lines.{number}"
    if line.currency and line.currency.upper() != deal.currency:
        yield Missing(
            f"{field}.currency",
            f"{name}: one currency",
            f"The line is in {line.currency} and the deal in {deal.currency}. Make them the same in {provider}.",
        )
    if line.unit_discount and line.discount_percent:
        yield Missing(
            f"{field}.discount",
            f"{name}: one discount",
            f"It has a discount in money and one in percent. Keep one of them in {provider}.",
        )
    if line.tax_rate is not None and not line.tax_category and line.tax_rate != CURRENT_VAT_RATE:
        yield Missing(
            f"{field}.tax_category",
            f"{name}: the tax category",
            f"{provider} shows a tax rate of {line.tax_rate.normalize():f} %, which says nothing sure about VAT. "
            "Write STANDARD_VAT, ZERO_VAT or EXEMPTED in the line's tax category.",
        )
    yield from _total_problem(line, name, field, provider)


def _total_problem(line: LineRecord, name: str, field: str, provider: str) -> Iterator[Missing]:
    if line.amount is None or line.quantity is None or line.unit_price is None:
        return
    computed = money(line.quantity * line.unit_price) - line_discount(line)
    # A kobo apart is the other side's rounding; more is a price model that quantity and price do not tell.
    if abs(computed - money(line.amount)) > KOBO:
        yield Missing(
            f"{field}.amount",
            f"{name}: its total",
            f"{provider} says {money(line.amount):,} and quantity, price and discount make {computed:,}. "
            f"Correct the line in {provider}.",
        )


def to_snapshot(deal: DealRecord) -> dict[str, Any]:
    """Return all that the draft was made from, as JSON-able facts without the raw payloads."""
    snapshot: dict[str, Any] = _plain(deal)
    return snapshot


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value) if each.name != "payload"}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Decimal | date | datetime) else value
