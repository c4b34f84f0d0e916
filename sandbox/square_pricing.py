"""A basket's sums as Square makes them, in kobo: discounts, subtotal charges, taxes, total charges, cash rounding.

Square's order of work: percentage discounts of lines, of the order, then fixed amounts of lines, of the order; service
charges of the subtotal; taxes; service charges of the total. Each tax is rounded half-even once for the order and then
spread over its lines, so that the parts always sum to the whole. A gift card line bears neither discount nor tax.
"""

import re
from dataclasses import dataclass, field
from fractions import Fraction

from sandbox.money import shares

GIFT_CARD = "GIFT_CARD"
SUBTOTAL, TOTAL = "SUBTOTAL_PHASE", "TOTAL_PHASE"
ADDITIVE, INCLUSIVE = "ADDITIVE", "INCLUSIVE"


class BadBasket(ValueError):
    """A basket that no till would ring up; the argument says why."""


@dataclass(slots=True)
class Discount:
    """One discount of a line or of the order: a percentage, or an amount in kobo."""

    uid: str
    name: str
    percentage: str = ""
    amount: int = 0
    applied: int = 0


@dataclass(slots=True)
class Tax:
    """One tax of the order; `percentage` is like "7.5"."""

    uid: str
    name: str
    percentage: str
    type: str = ADDITIVE
    catalog_object_id: str = ""
    applied: int = 0


@dataclass(slots=True)
class Modifier:
    """An addition to a line; `price` is for each unit of the line, in kobo."""

    uid: str
    name: str
    price: int
    total: int = 0


@dataclass(slots=True)
class Line:
    """One line; `quantity` is a decimal as text. The sums are filled in by `price`."""

    uid: str
    name: str
    quantity: str
    base_price: int
    item_type: str = "ITEM"
    catalog_object_id: str = ""
    variation_name: str = ""
    unit: str = ""
    note: str = ""
    modifiers: list[Modifier] = field(default_factory=list)
    discounts: list[Discount] = field(default_factory=list)
    tax_uids: list[str] = field(default_factory=list)
    variation_total: int = 0
    gross: int = 0
    discount: int = 0
    tax: int = 0
    total: int = 0
    applied_discounts: dict[str, int] = field(default_factory=dict)
    applied_taxes: dict[str, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """What remains after the discounts so far."""
        return self.gross - self.discount


@dataclass(slots=True)
class ServiceCharge:
    """One service charge; it can bear tax only in the subtotal phase."""

    uid: str
    name: str
    percentage: str = ""
    amount: int = 0
    phase: str = SUBTOTAL
    taxable: bool = False
    gratuity: bool = False
    applied: int = 0
    tax: int = 0
    total: int = 0
    applied_taxes: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Basket:
    """What is on the till; `rounding_to` is the smallest coin in kobo (0: none), tips stand outside the total."""

    lines: list[Line]
    discounts: list[Discount] = field(default_factory=list)
    taxes: list[Tax] = field(default_factory=list)
    charges: list[ServiceCharge] = field(default_factory=list)
    rounding_to: int = 0
    rounding: int = 0
    discount: int = 0
    tax: int = 0
    charged: int = 0
    total: int = 0


def quantity_of(text: str) -> Fraction:
    """Return a quantity from its text: above 0, with five decimals at most; raises BadBasket."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,5})?", text) or not Fraction(text):
        raise BadBasket(f"{text} is no quantity: it must be above 0, with five decimals at most.")
    return Fraction(text)


def share_of(amount: int, percentage: str) -> int:
    """Return that percentage of an amount, half-even."""
    return round(Fraction(amount) * Fraction(percentage) / 100)


def spread(amount: int, weights: list[int]) -> list[int]:
    """Divide an amount by weights that may all be zero."""
    return shares(amount, weights) if any(weights) else [0] * len(weights)


def price(basket: Basket) -> Basket:
    """Fill in every sum of a basket and return it; raises BadBasket."""
    for line in basket.lines:
        _price_line(line)
    _apply_discounts(basket)
    subtotal = sum(line.left for line in basket.lines)
    for charge in basket.charges:
        if charge.phase == SUBTOTAL:
            charge.applied = share_of(subtotal, charge.percentage) if charge.percentage else charge.amount
    for tax in basket.taxes:
        _apply_tax(basket, tax)
    _total_lines_and_charges(basket)
    _close(basket)
    return basket


def _price_line(line: Line) -> None:
    quantity = quantity_of(line.quantity)
    line.variation_total = round(quantity * line.base_price)
    for modifier in line.modifiers:
        modifier.total = round(quantity * modifier.price)
    line.gross = line.variation_total + sum(modifier.total for modifier in line.modifiers)


def _apply_discounts(basket: Basket) -> None:
    able = [line for line in basket.lines if line.item_type != GIFT_CARD]
    steps = [(discount, [line]) for line in able for discount in line.discounts]
    whole = [(discount, able) for discount in basket.discounts]
    percentages = [step for step in (*steps, *whole) if step[0].percentage]
    amounts = [step for step in (*steps, *whole) if not step[0].percentage]
    for discount, lines in percentages + amounts:
        left = sum(line.left for line in lines)
        value = share_of(left, discount.percentage) if discount.percentage else min(discount.amount, left)
        discount.applied = value
        for line, part in zip(lines, spread(value, [each.left for each in lines]), strict=True):
            if part:
                line.discount += part
                line.applied_discounts[discount.uid] = part
    basket.discount = sum(line.discount for line in basket.lines)


def _apply_tax(basket: Basket, tax: Tax) -> None:
    """Reckon one tax on all that bears it; a taxable charge bears every tax of the order."""
    bearers: list[Line | ServiceCharge] = [
        line for line in basket.lines if tax.uid in line.tax_uids and line.item_type != GIFT_CARD
    ]
    bearers += [charge for charge in basket.charges if charge.taxable and charge.phase == SUBTOTAL]
    bases = [bearer.left if isinstance(bearer, Line) else bearer.applied for bearer in bearers]
    rate, base = Fraction(tax.percentage), sum(bases)
    tax.applied = round(base * rate / (100 + rate)) if tax.type == INCLUSIVE else share_of(base, tax.percentage)
    for bearer, part in zip(bearers, spread(tax.applied, bases), strict=True):
        bearer.applied_taxes[tax.uid] = part


def _bearers(basket: Basket) -> list[Line | ServiceCharge]:
    return [*basket.lines, *basket.charges]


def _total_lines_and_charges(basket: Basket) -> None:
    types = {tax.uid: tax.type for tax in basket.taxes}
    for bearer in _bearers(basket):
        kinds = {types[uid] for uid in bearer.applied_taxes}
        if len(kinds) > 1:
            raise BadBasket(f"{bearer.name}: inclusive and additive tax on one line are not played here.")
        bearer.tax = sum(bearer.applied_taxes.values())
        base = bearer.left if isinstance(bearer, Line) else bearer.applied
        bearer.total = base + (bearer.tax if kinds == {ADDITIVE} else 0)


def _close(basket: Basket) -> None:
    total = sum(bearer.total for bearer in _bearers(basket))
    for charge in basket.charges:
        if charge.phase == TOTAL:
            charge.applied = share_of(total, charge.percentage) if charge.percentage else charge.amount
            charge.total = charge.applied
    basket.charged = sum(charge.applied for charge in basket.charges)
    basket.tax = sum(tax.applied for tax in basket.taxes)
    basket.total = total + sum(charge.total for charge in basket.charges if charge.phase == TOTAL)
    if basket.rounding_to:
        coins = (2 * basket.total + basket.rounding_to) // (2 * basket.rounding_to)
        basket.rounding = coins * basket.rounding_to - basket.total
        basket.total += basket.rounding
