"""The conversion: a stored deal by rules to the authority's document, checked, and the sums of random invoices."""

from __future__ import annotations

import random
from decimal import Decimal
from time import process_time

from crm.converters import convert
from crm.milestones import split
from invoices.document import Identity, build_document, check_document, document_bytes
from invoices.drafts import missing_facts, with_defaults
from invoices.drafts.lines import totals_of
from invoices.drafts.missing import tax_point
from invoices.drafts.preparing import prepare
from invoices.irn import make_irn
from invoices.rules import read_rules
from invoices.taxes import CENT, ZERO, TaxableLine, calculate, line_amounts, money
from tests.crm.examples import DEAL
from tests.golden.making import ISSUED, SELLER
from tests.invoices.making import LAW, TAX

COUNT = 5_000
CATEGORIES = ("STANDARD_VAT", "ZERO_VAT", "EXEMPTED")


def run() -> None:
    """Print documents a second on one core; asked: 4,000."""
    by_pattern = {"sources": ["line.tax_category"], "cases": [{"like": "SUP-*", "value": "EXEMPTED"}]}
    rules = read_rules({"lines": {"tax_category": by_pattern}})
    started = process_time()
    for number in range(COUNT):
        whole = convert(DEAL, connection_id=1, rules=rules, tax=TAX)
        [part] = split(whole, DEAL, rules, today=None, provider="HubSpot").due
        assert not missing_facts(part.draft, SELLER)
        day = tax_point(part.draft.supply_date, ISSUED.date())
        draft = prepare(with_defaults(part.draft, SELLER), LAW, day).draft
        totals = totals_of(draft, day, TAX)
        assert totals is not None
        identity = Identity(make_irn(f"INV{number + 1:06}", SELLER.service_id, ISSUED.date()), ISSUED)
        check_document(document_bytes(build_document(identity=identity, seller=SELLER, draft=draft, totals=totals)))
    seconds = process_time() - started
    print(f"Deal → validated document by rules, one line: {COUNT / seconds:,.0f}/s of CPU time (asked 4,000).\n")


def run_sums(count: int) -> None:
    """Check EN 16931's sums on random invoices and print how long that took; stops at the first that does not hold."""
    chance = random.Random(7)
    started = process_time()
    for _ in range(count):
        _check_one(chance)
    seconds = process_time() - started
    print(f"EN 16931 sums held on {count:,} of {count:,} random invoices, {count / seconds:,.0f}/s of CPU time.\n")


def _check_one(chance: random.Random) -> None:
    lines = [_line(chance) for _ in range(chance.randint(1, 12))]
    whole = sum((line_amounts(line, ZERO).net for line in lines), ZERO)
    discount = money(whole * chance.randint(0, 1000) / 1000) if chance.random() < 0.5 else ZERO
    charge = Decimal(chance.randint(0, 99_999)) / 100 if whole and chance.random() < 0.3 else ZERO
    found = calculate(lines, document_discount=discount, document_charge=charge, day=ISSUED.date(), rules=TAX)
    for line in found.lines:
        assert line.net == money(line.quantity * line.unit_price) - line.discount + line.fee
    assert found.line_extension_amount == sum((line.net for line in found.lines), ZERO)
    assert found.tax_exclusive_amount == found.line_extension_amount - found.allowance_amount + found.charge_amount
    assert found.tax_exclusive_amount == sum((each.taxable_amount for each in found.subtotals), ZERO)
    for each in found.subtotals:
        assert each.tax_amount == money(each.taxable_amount * each.rate / 100)
    assert found.tax_amount == sum((each.tax_amount for each in found.subtotals), ZERO)
    assert found.payable_amount == found.tax_inclusive_amount == found.tax_exclusive_amount + found.tax_amount
    assert all(amount == amount.quantize(CENT) for amount in (found.payable_amount, found.tax_amount))


def _line(chance: random.Random) -> TaxableLine:
    quantity = Decimal(chance.randint(1, 99_999_999)) / 10 ** chance.randint(0, 6)
    price = Decimal(chance.randint(0, 99_999_999_999)) / 10 ** chance.randint(2, 6)
    gross = money(quantity * price)
    off = money(gross * chance.randint(0, 100) / 100) if chance.random() < 0.5 else ZERO
    fee = Decimal(chance.randint(0, 9_999)) / 100 if chance.random() < 0.2 else ZERO
    return TaxableLine(quantity, price, off, fee, chance.choice(CATEGORIES))
