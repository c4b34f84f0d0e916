"""A draft as its source gave it into the terms of the document: in the document's currency, with prices before tax.

Gross prices. For each tax category the gross sum G, after its share of the document's discount, is divided so that the
taxable amount T and its tax, rounded as EN 16931 asks (T times the rate, to the kobo), come to G. About one G in
fourteen at 7.5 % is the sum of no such T; then the invoice comes to one kobo less than was quoted, never to more.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from invoices.drafts.facts import InvoiceDraft, LineDraft, Missing
from invoices.drafts.lines import taxable, totals_of
from invoices.law import Law, Pinned
from invoices.taxes import (
    CENT,
    EXACT,
    HUNDRED,
    ZERO,
    CannotCalculate,
    LineAmounts,
    TaxRules,
    line_amounts,
    money,
    share,
)

NAIRA = "NGN"
PLACES = Decimal("0.000001")
NOTE_ROOM = 1000  # characters of a note that a sentence of ours may fill up to


@dataclass(frozen=True, slots=True)
class Prepared:
    """The draft in the document's terms, what it lacks for that, and the exchange rate it was converted with."""

    draft: InvoiceDraft
    missing: tuple[Missing, ...] = ()
    rate: Pinned | None = None


def prepare(draft: InvoiceDraft, law: Law, day: date, pinned: Pinned | None = None) -> Prepared:
    """Return a draft that carries its seller's defaults in the terms of the document, at the tax point `day`.

    `pinned` is the rate that it was converted with before, which stays.
    """
    rate = None
    if draft.currency and draft.currency != NAIRA:
        rate = pinned if pinned and pinned.currency == draft.currency else law.exchange_rate(draft.currency, day)
        if rate is None:
            return Prepared(draft, (_no_rate(draft, law, day),))
        if not law.keeps_foreign:
            draft = _in_naira(draft, rate, law, day)
    if draft.prices_include_tax:
        with suppress(CannotCalculate):  # what hinders the sums is named by who adds them up
            draft = _before_tax(draft, law.tax, day)
    return Prepared(draft, (), rate)


def in_naira(amount: Decimal | None, currency: str, rate: Pinned | None) -> Decimal | None:
    """Return an amount of a document in naira, None while it or its rate is not known."""
    if amount is None or currency == NAIRA:
        return amount
    return None if rate is None or rate.currency != currency else money(EXACT.multiply(amount, rate.rate))


def quoted_total(draft: InvoiceDraft) -> Decimal | None:
    """Return what a draft of prices with tax comes to as it was quoted, None for another or while it cannot be."""
    lines = taxable(draft.lines) if draft.prices_include_tax else []
    if not lines:
        return None
    whole = sum((line_amounts(line, ZERO).net for line in lines), ZERO)
    return whole - money(draft.document_discount) + money(draft.document_charge)


def _no_rate(draft: InvoiceDraft, law: Law, day: date) -> Missing:
    return Missing(
        "currency",
        f"An exchange rate for {draft.currency[:8]}",
        f"No rate of {draft.currency[:8]} to naira is kept for {day:%d %b %Y} or the {law.rate_days} days before. "
        "Staff enter it in the admin under Exchange rates; this invoice is then made by itself.",
    )


def _in_naira(draft: InvoiceDraft, rate: Pinned, law: Law, day: date) -> InvoiceDraft:
    totals = totals_of(draft, day, law.tax)
    whole = f"{totals.payable_amount:,} {draft.currency}" if totals and not draft.prices_include_tax else draft.currency
    words = f"{whole} at {rate.rate.normalize():f} NGN ({rate.source}, {rate.day:%d %b %Y})"
    note = f"{draft.note.strip()} · {words}" if draft.note.strip() else words
    return replace(
        draft,
        currency=NAIRA,
        lines=tuple(_line_in_naira(line, rate.rate) for line in draft.lines),
        document_discount=_converted(draft.document_discount, rate.rate),
        document_charge=_converted(draft.document_charge, rate.rate),
        note=note if len(note) <= NOTE_ROOM else words,
    )


def _line_in_naira(line: LineDraft, rate: Decimal) -> LineDraft:
    price = line.unit_price
    if price is not None and price.is_finite():
        price = EXACT.multiply(price, rate).quantize(PLACES, rounding=ROUND_HALF_UP, context=EXACT)
    return replace(line, unit_price=price, discount=_converted(line.discount, rate), fee=_converted(line.fee, rate))


def _converted(amount: Decimal, rate: Decimal) -> Decimal:
    return money(EXACT.multiply(amount, rate)) if amount.is_finite() else amount


def _before_tax(draft: InvoiceDraft, tax: TaxRules, day: date) -> InvoiceDraft:
    """Return the draft with prices, discounts and charges before tax; raises CannotCalculate.

    What is taken off or put on the whole document goes to its lines, so that each category comes to what was quoted.
    """
    lines = taxable(draft.lines)
    if not lines:
        raise CannotCalculate("A line cannot be added up.")
    amounts = [line_amounts(line, tax.rate_or_refuse(line.category, day)) for line in lines]
    weights = {(f"{i:06}", ZERO): line.net for i, line in enumerate(amounts)}
    off = list(share(money(draft.document_discount), weights).values())
    on = list(share(money(draft.document_charge), weights).values())
    nets = _nets([line.net - off[i] + on[i] for i, line in enumerate(amounts)], amounts)
    changed = [_line_before_tax(line, amounts[i].rate, nets[i], off[i], on[i]) for i, line in enumerate(draft.lines)]
    return replace(draft, lines=tuple(changed), document_discount=ZERO, document_charge=ZERO, prices_include_tax=False)


def _nets(quoted: list[Decimal], amounts: list[LineAmounts]) -> list[Decimal]:
    """Return each line's amount before tax; those of one category come to just what it comes to."""
    by_key: dict[tuple[str, Decimal], dict[tuple[str, Decimal], Decimal]] = defaultdict(dict)
    for i, line in enumerate(amounts):
        by_key[line.category, line.rate][f"{i:06}", ZERO] = quoted[i]
    found = [ZERO] * len(amounts)
    for (_category, rate), mine in by_key.items():
        for (position, _), amount in share(taxable_of(sum(mine.values(), ZERO), rate), mine).items():
            found[int(position)] = amount
    return found


def taxable_of(gross: Decimal, rate: Decimal) -> Decimal:
    """Return the largest amount before tax that with its tax, rounded to the kobo, comes to no more than `gross`."""
    amount = _without(gross, rate)
    while amount and amount + money(EXACT.divide(EXACT.multiply(amount, rate), HUNDRED)) > gross:
        amount -= CENT
    return amount


def _without(gross: Decimal, rate: Decimal) -> Decimal:
    return money(EXACT.divide(EXACT.multiply(gross, HUNDRED), HUNDRED + rate))


def _line_before_tax(line: LineDraft, rate: Decimal, net: Decimal, off: Decimal, on: Decimal) -> LineDraft:
    """Return the line with its price so that quantity times price, less discount, comes to `net`.

    Where no price of six decimals does, it is invoiced as one piece, and its description says so.
    """
    discount, fee = _without(money(line.discount) + off, rate), _without(money(line.fee) + on, rate)
    whole, quantity = net + discount - fee, line.quantity or Decimal(1)
    price = EXACT.divide(whole, quantity).quantize(PLACES, rounding=ROUND_HALF_UP, context=EXACT)
    changed = replace(line, discount=discount, fee=fee, discount_rate=None if off else line.discount_rate)
    if money(EXACT.multiply(price, quantity)) == whole:
        return replace(changed, unit_price=price)
    words = f"{line.description} ({quantity.normalize():f} pieces)"[:500]
    return replace(changed, quantity=Decimal(1), unit_price=whole, description=words)
