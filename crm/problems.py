"""What a deal lacks or contradicts itself on, named for people with where to mend it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Context, Decimal

from crm.records import ContactRecord, DealRecord, LineRecord
from invoices.authority import codes
from invoices.drafts import Missing

KOBO = Decimal("0.01")
ZERO = Decimal(0)
# Three stored numbers of 25 digits multiplied are still exact: a sum too large to invoice is named, not an error.
EXACT = Context(prec=100, rounding=ROUND_HALF_UP)


def money(value: Decimal) -> Decimal:
    """Round to kobo, half up."""
    return value.quantize(KOBO, ROUND_HALF_UP, EXACT)


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


def line_net(line: LineRecord) -> Decimal | None:
    """Return what a line comes to before tax, None while a number lacks; of tiered prices the provider's amount."""
    if is_tiered(line):
        return None if line.amount is None else money(line.amount)
    if line.quantity is None or line.unit_price is None:
        return None
    return money(line.quantity * line.unit_price) - line_discount(line)


def is_tiered(line: LineRecord) -> bool:
    """Tell whether the price depends on the quantity, so that only the provider knows what it comes to."""
    return bool(line.extra.get("pricing_model"))


def lines_net(deal: DealRecord) -> Decimal | None:
    """Return what the lines come to before tax and the deal's discount; None without lines, or while one is open."""
    nets = [line_net(line) for line in deal.lines]
    if not nets or None in nets:
        return None
    return sum((net for net in nets if net is not None), ZERO)


def deal_total(deal: DealRecord) -> Decimal | None:
    """Return what the lines come to less the deal's discount, before tax; None while a line cannot be added up."""
    net = lines_net(deal)
    return None if net is None else net - money(deal.document_discount or ZERO)


def amount_contradiction(deal: DealRecord, provider: str) -> Missing | None:
    """Return the named difference of a deal's typed amount and its lines, None when there is none to speak of."""
    total = deal_total(deal)
    if total is None or deal.amount is None or abs(money(deal.amount) - total) <= KOBO:
        return None
    return Missing(
        "amount",
        "One amount of the deal",
        f"The deal says {money(deal.amount):,} and its lines less its discount come to {total:,}. "
        f"Make them agree in {provider}.",
    )


def buyer_problems(deal: DealRecord, contact: ContactRecord | None, provider: str) -> Iterator[Missing]:
    """Yield why nobody can be named as the buyer."""
    if deal.company_question:
        yield Missing("buyer", "Which company buys", f"{deal.company_question} Mark one as primary in {provider}.")
        return
    seen = f" It names only the contact {contact.full_name or contact.email}." if contact else ""
    yield Missing("buyer", "The buyer", f"The deal has no company.{seen} Put the company on the deal in {provider}.")


def country_problem(name: str, country: str, provider: str) -> Iterator[Missing]:
    """Yield the country that nobody knows."""
    if country and not codes.country_code(country):
        yield Missing(
            "buyer.country",
            "The buyer's country",
            f"{name} has the country “{country}”, which is not one the tax authority knows. "
            f"Write it in {provider} as on a map, for example Nigeria.",
        )


def discount_problem(deal: DealRecord, provider: str) -> Iterator[Missing]:
    """Yield a discount on the deal that is none."""
    if deal.document_discount is not None and deal.document_discount < 0:
        yield Missing(
            "document_discount",
            "The discount on the deal",
            f"It is negative ({deal.document_discount}). Write a discount as a positive amount in {provider}.",
        )


def line_problems(
    deal: DealRecord, line: LineRecord, number: int, provider: str, *, has_category: bool
) -> Iterator[Missing]:
    """Yield what contradicts itself in line `number`; `has_category`: its tax category is known for sure."""
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
    if line.tax_rate is not None and not has_category:
        yield Missing(
            f"{field}.tax_category",
            f"{name}: the tax category",
            f"{provider} shows a tax rate of {line.tax_rate.normalize():f} %, which says nothing sure about VAT. "
            "Write STANDARD_VAT, ZERO_VAT or EXEMPTED in the line's tax category.",
        )
    yield from _total_problem(line, name, field, provider)


def _total_problem(line: LineRecord, name: str, field: str, provider: str) -> Iterator[Missing]:
    if is_tiered(line):
        if line.amount is None:
            where = f"Its price is tiered, and {provider} gives no total. Open and save the line in {provider}."
            yield Missing(f"{field}.amount", f"{name}: its total", where)
        return
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
