"""The sums: random invoices through the whole arithmetic, each document checked by rules written down here again."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from random import Random
from time import perf_counter
from typing import Any

from invoices.authority.codes import names_by_code
from invoices.document import Identity, check_document
from invoices.drafts import InvoiceDraft, LineDraft, Seller, with_defaults
from invoices.drafts.missing import missing_facts
from invoices.drafts.preparing import prepare
from invoices.freezing import make_document
from invoices.irn import LAGOS
from invoices.law import Pinned
from tests.invoices.making import GOODS, LAW, SELLER_PARTY, SERVICE, make_draft

COUNT = 100_000
DAY = date(2026, 11, 20)
CATEGORIES = ("STANDARD_VAT", "STANDARD_VAT", "STANDARD_VAT", "ZERO_VAT", "EXEMPTED")
RATES = {"STANDARD_VAT": Fraction(75, 1000), "ZERO_VAT": Fraction(0), "EXEMPTED": Fraction(0)}
DOLLAR = Pinned("USD", DAY, Decimal("1500.253"), "Invented bank")
SELLER = Seller(SELLER_PARTY, "5b0e7c1a-9d42-4f6e-8c37-1a2b3c4d5e6f", "C41D9D42", "-", "-")
IDENTITY = Identity("INV000001-C41D9D42-20261120", datetime(2026, 11, 20, 10, 42, 5, tzinfo=LAGOS))
SUMMED = replace(LAW, exchange=(DOLLAR,))


def run() -> None:
    """Print how many invoices held every rule, and how fast they were made and checked."""
    started = perf_counter()
    found = check_many(COUNT, seed=20261123)
    seconds = perf_counter() - started
    gross = found["with tax"]
    print(
        f"Sums: {found['made']:,} random invoices, every rule held for all of them; {found['refused']:,} of the "
        f"{COUNT:,} drawn were refused with a reason (nothing to pay, or above a trillion).\n"
        f"{found['made'] / seconds:,.0f}/s made, checked against the schema and by a second arithmetic, on one core.\n"
        f"Of {gross:,} in naira quoted with tax {found['exact']:,} ({found['exact'] / gross:.1%}) come to the quote to "
        f"the kobo and the rest to one kobo less; none to more.\n"
    )


def check_many(count: int, *, seed: int) -> Counter[str]:
    """Make and check random invoices; raises AssertionError with the first that breaks a rule."""
    names_by_code("tax_categories")  # read before the clock counts
    random, found = Random(seed), Counter[str]()
    for _ in range(count):
        check(random_draft(random), found)
    return found


def check(draft: InvoiceDraft, found: Counter[str]) -> None:
    """Make one document and check it; counts what it was."""
    prepared = prepare(with_defaults(draft, SELLER), SUMMED, DAY)
    made = make_document(prepared.draft, SELLER, identity=IDENTITY, tax=LAW.tax)
    if made is None or not made[0].payable_amount:
        assert missing_facts(prepared.draft, SELLER), f"refused without a reason: {draft}"
        found["refused"] += 1
        return
    check_document(made[1])
    document = json.loads(made[1], parse_float=Decimal, parse_int=Decimal)
    problem = broken_rule(document)
    assert not problem, f"{problem}: {draft}"
    found["made"] += 1
    if draft.prices_include_tax and draft.currency == "NGN":
        missed = quoted(draft) - kobo(document["legal_monetary_total"]["payable_amount"])
        assert missed in (0, 1), f"{missed} kobo off: {draft}"
        found["with tax"] += 1
        found["exact"] += not missed


def broken_rule(document: dict[str, Any]) -> str:
    """Return which rule of the sums a document breaks, "" for none; whole kobo and fractions, no Decimal arithmetic."""
    by_category: Counter[str] = Counter()
    for line in document["invoice_line"]:
        net = half_up(Fraction(line["invoiced_quantity"]) * Fraction(line["price"]["price_amount"]) * 100)
        net += kobo(line.get("fee_amount", 0)) - kobo(line.get("discount_amount", 0))
        if net != kobo(line["line_extension_amount"]) or net < 0:
            return "1 line"
        by_category["lines"] += net
    legal, tax = document["legal_monetary_total"], document["tax_total"][0]
    changes = sum(kobo(each["amount"]) * (1 if each["charge_indicator"] else -1) for each in _changes(document))
    exclusive = kobo(legal["tax_exclusive_amount"])
    if by_category["lines"] != kobo(legal["line_extension_amount"]):
        return "2 sum of lines"
    if exclusive != by_category["lines"] + changes:
        return "3 after discounts and charges"
    for part in tax["tax_subtotal"]:
        rate = RATES[part["tax_category"]["id"]]
        if Fraction(part["tax_category"]["percent"]) != rate * 100 or kobo(part["taxable_amount"]) < 0:
            return "4 rate"
        if half_up(kobo(part["taxable_amount"]) * rate) != kobo(part["tax_amount"]):
            return "4 tax of a category"
    taxes = sum(kobo(part["tax_amount"]) for part in tax["tax_subtotal"])
    if taxes != kobo(tax["tax_amount"]) or exclusive != sum(kobo(p["taxable_amount"]) for p in tax["tax_subtotal"]):
        return "5 tax total"
    if kobo(legal["tax_inclusive_amount"]) != exclusive + taxes:
        return "6 with tax"
    return "" if kobo(legal["payable_amount"]) == exclusive + taxes else "7 to be paid"


def quoted(draft: InvoiceDraft) -> int:
    """Return what a draft of prices with tax was quoted at, in kobo."""
    gross = sum(half_up(Fraction(line.quantity or 0) * Fraction(line.unit_price or 0) * 100) for line in draft.lines)
    lines = gross + sum(kobo(line.fee) - kobo(line.discount) for line in draft.lines)
    return lines - kobo(draft.document_discount) + kobo(draft.document_charge)


def random_draft(random: Random) -> InvoiceDraft:
    """Return a draft with one to six lines: fractions, discounts, fees, several categories, gross and foreign ones."""
    lines = tuple(_line(random) for _ in range(random.randint(1, 6)))
    whole = quoted(make_draft(lines=lines, document_discount=Decimal(0)))
    share = random.choice((0, 0, 5, 33, 99)) * whole // 100
    return make_draft(
        external_id="1",
        lines=lines,
        document_discount=Decimal(share) / 100,
        document_charge=_money(random, 5_000) if whole and random.random() < 0.3 else Decimal(0),
        prices_include_tax=random.random() < 0.4,
        currency=random.choice(("NGN", "NGN", "NGN", "USD")),
        supply_date=DAY,
    )


def _line(random: Random) -> LineDraft:
    quantity = Decimal(random.choice((random.randint(1, 500), random.randint(1, 99_999)))).scaleb(
        random.choice((0, 0, -1, -3))
    )
    price = Decimal(random.randint(1, 10 ** random.randint(2, 8))).scaleb(random.choice((-2, -2, 0, -4, -6)))
    gross = half_up(Fraction(quantity) * Fraction(price) * 100)
    discount = gross * random.choice((0, 0, random.randint(0, 100))) // 100
    return replace(
        random.choice((GOODS, SERVICE)),
        quantity=quantity,
        unit_price=price,
        discount=Decimal(discount) / 100,
        discount_rate=None,
        fee=_money(random, 500) if random.random() < 0.2 else Decimal(0),
        tax_category=random.choice(CATEGORIES),
    )


def _money(random: Random, most: int) -> Decimal:
    return Decimal(random.randint(0, most * 100)) / 100


def _changes(document: dict[str, Any]) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = document.get("allowance_charge", [])
    return changes


def kobo(amount: Decimal | int) -> int:
    """Return an amount of whole kobo; raises AssertionError for one with a part of a kobo."""
    exact = Fraction(amount) * 100
    assert exact.denominator == 1, amount
    return exact.numerator


def half_up(number: Fraction) -> int:
    """Return the nearest whole number of a non-negative one, a half up."""
    return int(number + Fraction(1, 2))
