"""Tax arithmetic of one document, in Decimal: EN 16931's sums with Nigeria's rates.

Every stored amount has two places, rounded half up. Nothing here depends on the order of the lines but the
order of the line amounts themselves.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import Any, NamedTuple

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
HUNDRED = Decimal(100)
# Wide enough for every product of amounts that the database can hold (20 digits) with 6 more places.
EXACT = Context(prec=60)


class CannotCalculate(ValueError):
    """The amounts do not make a document; the text says why."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A category's rate in percent from a day on, with the law that set it; information never enters a total."""

    category: str
    percent: Decimal
    since: date
    law: str
    is_information: bool = False


@dataclass(frozen=True, slots=True)
class TaxRules:
    """The dated rates that documents are worked out with. `version` is the short hash of all of them."""

    rates: tuple[Rate, ...]
    version: str

    def rate_on(self, category: str, day: date) -> Decimal | None:
        """Return a category's rate in percent on a day, None when there is none that may enter a total."""
        found: Rate | None = None
        for rate in self.rates:
            if rate.category != category or rate.since > day or rate.is_information:
                continue
            if found is None or rate.since > found.since:
                found = rate
        return found.percent if found else None

    def rate_or_refuse(self, category: str, day: date) -> Decimal:
        """Return what `rate_on` does; raises CannotCalculate where that is None."""
        rate = self.rate_on(category, day)
        if rate is None:
            raise CannotCalculate(f"There is no rate for {category or 'a line without a tax category'} on {day}.")
        return rate

    def to_json(self) -> list[dict[str, Any]]:
        """Return the rates as JSON-able data."""
        return [_rate_as_json(rate) for rate in self.rates]


def make_rules(rates: Iterable[Rate]) -> TaxRules:
    """Return the rules of these rates; the same rates in any order make the same version."""
    ordered = tuple(sorted(rates, key=lambda rate: (rate.category, rate.since)))
    content = json.dumps([_rate_as_json(rate) for rate in ordered], sort_keys=True, ensure_ascii=False)
    return TaxRules(ordered, hashlib.sha256(content.encode()).hexdigest()[:16])


def rules_from_json(content: Iterable[Mapping[str, Any]]) -> TaxRules:
    """Return the rules that `to_json` wrote."""
    rates = (
        Rate(row["category"], Decimal(row["percent"]), date.fromisoformat(row["since"]), row["law"], row["information"])
        for row in content
    )
    return make_rules(rates)


def _rate_as_json(rate: Rate) -> dict[str, Any]:
    percent = rate.percent.normalize()  # 7.5 and 7.500 are one rate
    return {
        "category": rate.category,
        "percent": f"{percent:f}",
        "since": rate.since.isoformat(),
        "law": rate.law,
        "information": rate.is_information,
    }


# The next two are made several times for each line of each deal; a tuple takes half the time of a frozen dataclass.
class TaxableLine(NamedTuple):
    """What a line's amounts are made from; `discount` and `fee` are money for the whole line."""

    quantity: Decimal
    unit_price: Decimal
    discount: Decimal
    fee: Decimal
    category: str


class LineAmounts(NamedTuple):
    """A line's amounts, two places each but quantity and price: net = gross - discount + fee."""

    quantity: Decimal
    unit_price: Decimal
    gross: Decimal
    discount: Decimal
    fee: Decimal
    net: Decimal
    category: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class TaxSubtotal:
    """The tax of one (category, rate)."""

    category: str
    rate: Decimal
    taxable_amount: Decimal
    tax_amount: Decimal


@dataclass(frozen=True, slots=True)
class Totals:
    """A document's sums; subtotals are ordered by rate (highest first), then category."""

    lines: tuple[LineAmounts, ...]
    subtotals: tuple[TaxSubtotal, ...]
    line_extension_amount: Decimal
    allowance_amount: Decimal
    charge_amount: Decimal
    tax_exclusive_amount: Decimal
    tax_amount: Decimal
    tax_inclusive_amount: Decimal
    payable_amount: Decimal


def money(amount: Decimal) -> Decimal:
    """Return the amount with two places, rounded half up."""
    return amount.quantize(CENT, ROUND_HALF_UP, EXACT)


def line_amounts(line: TaxableLine, rate: Decimal) -> LineAmounts:
    """Return a line's amounts (rule 1)."""
    gross = money(EXACT.multiply(line.quantity, line.unit_price))
    discount, fee = money(line.discount), money(line.fee)
    net = gross - discount + fee
    return LineAmounts(line.quantity, line.unit_price, gross, discount, fee, net, line.category, rate)


def share(amount: Decimal, weights: Mapping[tuple[str, Decimal], Decimal]) -> dict[tuple[str, Decimal], Decimal]:
    """Divide an amount of money in proportion to non-negative weights so that the shares sum to it exactly.

    Largest remainder: everyone gets the proportional share cut to whole kobo, and the kobo left over go to those
    who lost most by the cut (ties by key, so the order of lines changes nothing). Raises CannotCalculate when
    there is an amount but no weight.
    """
    if not amount:
        return dict.fromkeys(weights, ZERO)
    whole = sum(weights.values(), ZERO)
    if not whole:
        raise CannotCalculate("There is a discount or charge on the document but no line amount to spread it over.")
    shares, lost = {}, {}
    for key, weight in weights.items():
        exact = EXACT.divide(EXACT.multiply(amount, weight), whole)
        shares[key] = exact.quantize(CENT, ROUND_DOWN, EXACT)
        lost[key] = exact - shares[key]
    left = int((amount - sum(shares.values(), ZERO)) / CENT)
    for key in sorted(weights, key=lambda key: (-lost[key], key))[:left]:
        shares[key] += CENT
    return shares


def calculate(
    lines: Sequence[TaxableLine], *, document_discount: Decimal, document_charge: Decimal, day: date, rules: TaxRules
) -> Totals:
    """Return a document's sums at the rates of `day`, the tax point.

    Raises CannotCalculate when a category has no rate that day, a line's net or the sum after discounts is
    negative, or a document amount has nothing to be spread over.
    """
    amounts = tuple(line_amounts(line, rules.rate_or_refuse(line.category, day)) for line in lines)
    if any(line.net < 0 for line in amounts):
        raise CannotCalculate("A line's discount is larger than the line.")
    nets: dict[tuple[str, Decimal], Decimal] = defaultdict(lambda: ZERO)
    for line in amounts:
        nets[line.category, line.rate] += line.net
    allowance, charge = money(document_discount), money(document_charge)
    whole = sum(nets.values(), ZERO)
    if allowance > whole:
        raise CannotCalculate("The document's discount is larger than the sum of its lines.")
    subtotals = _subtotals(nets, share(allowance, nets), share(charge, nets))
    exclusive = whole - allowance + charge
    tax = sum((subtotal.tax_amount for subtotal in subtotals), ZERO)
    return Totals(
        lines=amounts,
        subtotals=subtotals,
        line_extension_amount=whole,
        allowance_amount=allowance,
        charge_amount=charge,
        tax_exclusive_amount=exclusive,
        tax_amount=tax,
        tax_inclusive_amount=exclusive + tax,
        payable_amount=exclusive + tax,
    )


def _subtotals(
    nets: Mapping[tuple[str, Decimal], Decimal],
    allowances: Mapping[tuple[str, Decimal], Decimal],
    charges: Mapping[tuple[str, Decimal], Decimal],
) -> tuple[TaxSubtotal, ...]:
    found = []
    for category, rate in sorted(nets, key=lambda key: (-key[1], key[0])):
        key = (category, rate)
        taxable = nets[key] - allowances[key] + charges[key]
        tax = money(EXACT.divide(EXACT.multiply(taxable, rate), HUNDRED))
        found.append(TaxSubtotal(category, rate, taxable, tax))
    return tuple(found)
