"""The laws of the arithmetic."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.taxes import (
    CENT,
    ZERO,
    CannotCalculate,
    TaxableLine,
    Totals,
    calculate,
    line_amounts,
    money,
    share,
)
from tests.invoices.making import TAX

DAY = date(2026, 11, 20)
CATEGORIES = ["STANDARD_VAT", "ZERO_VAT", "EXEMPTED"]


def decimals(top: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(min_value=0, max_value=Decimal(top), places=places, allow_nan=False)


@st.composite
def lines(draw: st.DrawFn) -> TaxableLine:
    """A line whose discount is at most the line."""
    quantity, price = draw(decimals("9999", 3)), draw(decimals("999999", 4))
    gross = money(quantity * price)
    discount = money(gross * draw(st.integers(0, 100)) / 100)
    return TaxableLine(quantity, price, discount, draw(decimals("500", 2)), draw(st.sampled_from(CATEGORIES)))


@st.composite
def documents(draw: st.DrawFn) -> tuple[list[TaxableLine], Decimal, Decimal]:
    """Lines with a document discount of at most their sum, and a charge."""
    rows = draw(st.lists(lines(), min_size=1, max_size=8))
    whole = sum((line_amounts(row, ZERO).net for row in rows), ZERO)
    discount = money(whole * draw(st.integers(0, 1000)) / 1000)
    return rows, discount, draw(decimals("1000", 2)) if whole else ZERO


def totals_of(rows: list[TaxableLine], discount: Decimal = ZERO, charge: Decimal = ZERO) -> Totals:
    return calculate(rows, document_discount=discount, document_charge=charge, day=DAY, rules=TAX)


@given(documents())
def test_every_sum_holds_exactly(document: tuple[list[TaxableLine], Decimal, Decimal]) -> None:
    totals = totals_of(*document)
    assert totals.line_extension_amount == sum((line.net for line in totals.lines), ZERO)
    expected = totals.line_extension_amount - totals.allowance_amount + totals.charge_amount
    assert totals.tax_exclusive_amount == expected
    assert sum((each.taxable_amount for each in totals.subtotals), ZERO) == totals.tax_exclusive_amount
    assert sum((each.tax_amount for each in totals.subtotals), ZERO) == totals.tax_amount
    assert totals.payable_amount == totals.tax_inclusive_amount == totals.tax_exclusive_amount + totals.tax_amount


@given(documents())
def test_no_taxable_amount_is_negative_and_each_tax_is_its_rate(
    document: tuple[list[TaxableLine], Decimal, Decimal],
) -> None:
    for subtotal in totals_of(*document).subtotals:
        assert subtotal.taxable_amount >= 0
        assert abs(subtotal.taxable_amount * subtotal.rate / 100 - subtotal.tax_amount) <= CENT / 2


@given(documents(), st.randoms())
def test_the_order_of_lines_changes_no_total(
    document: tuple[list[TaxableLine], Decimal, Decimal], random: object
) -> None:
    rows, discount, charge = document
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = totals_of(rows, discount, charge), totals_of(shuffled, discount, charge)
    assert replace(first, lines=()) == replace(second, lines=())


@given(decimals("99999999", 2), st.lists(decimals("999999", 2), min_size=1, max_size=6))
def test_shares_sum_to_the_amount_and_stay_within_a_kobo_of_the_proportion(
    amount: Decimal, weights: list[Decimal]
) -> None:
    keyed = {(str(index), ZERO): weight for index, weight in enumerate(weights)}
    whole = sum(weights, ZERO)
    if not whole:
        return
    shares = share(amount, keyed)
    assert sum(shares.values(), ZERO) == amount
    for key, part in shares.items():
        assert abs(part - amount * keyed[key] / whole) < CENT


@pytest.mark.parametrize(
    ("amount", "weights", "expected"),
    [
        ("0.01", ["1", "1"], ["0.01", "0.00"]),
        ("0.02", ["1", "1", "1"], ["0.01", "0.01", "0.00"]),
        ("100.00", ["1", "2"], ["33.33", "66.67"]),
    ],
)
def test_the_kobo_left_over_go_to_those_who_lost_most(amount: str, weights: list[str], expected: list[str]) -> None:
    keyed = {(str(index), ZERO): Decimal(weight) for index, weight in enumerate(weights)}
    assert list(share(Decimal(amount), keyed).values()) == [Decimal(each) for each in expected]


def test_half_a_kobo_is_rounded_up() -> None:
    assert money(Decimal("0.005")) == Decimal("0.01")
    assert line_amounts(TaxableLine(Decimal("0.5"), Decimal("0.01"), ZERO, ZERO, ""), ZERO).net == Decimal("0.01")


def test_a_document_discount_is_spread_over_the_tax_categories() -> None:
    rows = [
        TaxableLine(Decimal(1), Decimal(200), ZERO, ZERO, "STANDARD_VAT"),
        TaxableLine(Decimal(1), Decimal(100), ZERO, ZERO, "EXEMPTED"),
    ]
    totals = totals_of(rows, Decimal(100))
    assert [(each.category, each.taxable_amount) for each in totals.subtotals] == [
        ("STANDARD_VAT", Decimal("133.33")),
        ("EXEMPTED", Decimal("66.67")),
    ]
    assert totals.tax_amount == Decimal("10.00")


def test_one_rate_over_the_sum_not_the_sum_of_rounded_line_taxes() -> None:
    rows = [TaxableLine(Decimal(1), Decimal("0.06"), ZERO, ZERO, "STANDARD_VAT")] * 10
    assert totals_of(rows).tax_amount == Decimal("0.05")  # ten roundings would make 0.00


def test_the_rate_is_the_one_of_the_day() -> None:
    assert TAX.rate_on("STANDARD_VAT", date(2020, 2, 1)) == Decimal("7.5")
    assert TAX.rate_on("STANDARD_VAT", date(2020, 1, 31)) is None
    assert TAX.rate_on("ZERO_VAT", DAY) == TAX.rate_on("EXEMPTED", DAY) == 0
    assert TAX.rate_on("REDUCED_VAT", DAY) is None


@pytest.mark.parametrize(
    ("line", "discount", "says"),
    [
        (TaxableLine(Decimal(1), Decimal(10), Decimal(11), ZERO, "ZERO_VAT"), "0", "larger than the line"),
        (TaxableLine(Decimal(1), Decimal(10), ZERO, ZERO, "ZERO_VAT"), "10.01", "larger than the sum"),
        (TaxableLine(Decimal(1), Decimal(10), ZERO, ZERO, "LUXURY_TAX"), "0", "no rate for LUXURY_TAX"),
        (TaxableLine(Decimal(1), Decimal(10), ZERO, ZERO, ""), "0", "without a tax category"),
    ],
)
def test_amounts_that_make_no_document_are_refused(line: TaxableLine, discount: str, says: str) -> None:
    with pytest.raises(CannotCalculate, match=says):
        totals_of([line], Decimal(discount))


def test_a_charge_with_nothing_to_spread_it_over_is_refused() -> None:
    with pytest.raises(CannotCalculate, match="no line amount"):
        totals_of([TaxableLine(Decimal(1), ZERO, ZERO, ZERO, "ZERO_VAT")], charge=Decimal(5))
