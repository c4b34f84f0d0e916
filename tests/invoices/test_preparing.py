"""Prices with tax, and sales in other currencies, in the terms of the document."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.drafts import LineDraft
from invoices.drafts.lines import taxable, totals_of
from invoices.drafts.preparing import prepare, taxable_of
from invoices.law import Pinned
from invoices.taxes import CENT, ZERO, Totals, line_amounts, money
from tests.invoices.making import GOODS, LAW, SERVICE, TAX, make_draft

DAY = date(2026, 11, 20)
VAT = Decimal("7.5")
DOLLAR = Pinned("USD", date(2026, 11, 18), Decimal("1500.25"), "Central Bank, closing rate")


def plain(price: str, quantity: str = "1", **changes: object) -> LineDraft:
    values = {"quantity": Decimal(quantity), "unit_price": Decimal(price), "discount": ZERO, "discount_rate": None}
    return replace(SERVICE, **{**values, **changes})  # type: ignore[arg-type]


def totals(*lines: LineDraft, discount: str = "0", charge: str = "0") -> Totals:
    draft = make_draft(
        lines=lines, document_discount=Decimal(discount), document_charge=Decimal(charge), prices_include_tax=True
    )
    prepared = prepare(draft, LAW, DAY)
    found = totals_of(prepared.draft, DAY, TAX)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("lines", "net", "payable"),
    [
        ((plain("107.50"),), "100.00", "107.50"),
        ((plain("100"),), "93.02", "100.00"),
        ((plain("10.75", "3"),), "30.00", "32.25"),
        ((plain("100", tax_category="EXEMPTED"),), "100.00", "100.00"),
        ((plain("107.5"), plain("50", tax_category="ZERO_VAT")), "150.00", "157.50"),
        ((plain("1075", "0.125"),), "125.00", "134.38"),
    ],
)
def test_what_was_quoted_with_tax_is_what_is_paid(lines: tuple[LineDraft, ...], net: str, payable: str) -> None:
    found = totals(*lines)
    assert (found.tax_exclusive_amount, found.payable_amount) == (Decimal(net), Decimal(payable))


def test_a_sum_that_no_tax_makes_is_a_kobo_less_and_never_more() -> None:
    assert totals(plain("0.07")).payable_amount == Decimal("0.06")  # 0.06 and 0.00 is less, 0.07 and 0.01 is more


@given(st.integers(1, 10**9))
def test_a_gross_sum_comes_to_itself_or_a_kobo_less(kobo: int) -> None:
    gross = Decimal(kobo) / 100
    net = taxable_of(gross, VAT)
    assert net + money(net * VAT / 100) in (gross, gross - CENT)


amounts = st.decimals(min_value="0.01", max_value="99999", places=2)
gross_lines = st.lists(
    st.tuples(
        amounts,
        st.decimals(min_value="0.001", max_value="99", places=3),
        st.integers(0, 100),
        st.sampled_from(["STANDARD_VAT", "ZERO_VAT", "EXEMPTED"]),
    ),
    min_size=1,
    max_size=6,
)


@given(gross_lines, st.integers(0, 100), st.sampled_from(["0", "0.01", "12.34"]))
def test_all_sums_hold_and_nobody_pays_more_than_was_quoted(
    rows: list[tuple[Decimal, Decimal, int, str]], off: int, charge: str
) -> None:
    lines = tuple(
        plain(str(price), str(quantity), tax_category=category, discount=money(money(price * quantity) * percent / 100))
        for price, quantity, percent, category in rows
    )
    whole = sum((line_amounts(line, ZERO).net for line in taxable(lines)), ZERO)
    discount, on = money(whole * off / 100), Decimal(charge) if whole else ZERO
    found = totals(*lines, discount=str(discount), charge=str(on))
    quoted = whole - discount + on
    kinds = {category for _, _, _, category in rows if category == "STANDARD_VAT"}
    assert quoted - CENT * len(kinds) <= found.payable_amount <= quoted
    assert sum((each.net for each in found.lines), ZERO) == found.line_extension_amount
    assert found.tax_amount == sum((each.tax_amount for each in found.subtotals), ZERO)
    assert found.payable_amount == found.tax_exclusive_amount + found.tax_amount


def test_a_price_that_six_decimals_cannot_hold_is_invoiced_as_one_piece() -> None:
    draft = make_draft(lines=(plain("0.03", "999983"),), document_discount=ZERO, prices_include_tax=True)
    line = prepare(draft, LAW, DAY).draft.lines[0]
    found = totals_of(prepare(draft, LAW, DAY).draft, DAY, TAX)
    assert found is not None
    assert abs(found.payable_amount - Decimal("29999.49")) <= CENT
    assert line.quantity == 1
    assert "999983 pieces" in line.description


def in_dollars(**changes: object) -> object:
    return make_draft(currency="USD", lines=(plain("10.10", "3"),), document_discount=Decimal("0.30"), **changes)


def test_a_sale_in_dollars_is_converted_line_by_line_and_says_so() -> None:
    law = replace(LAW, exchange=(DOLLAR,))
    prepared = prepare(in_dollars(note="With thanks"), law, DAY)  # type: ignore[arg-type]
    assert prepared.missing == ()
    assert prepared.rate == DOLLAR
    assert prepared.draft.currency == "NGN"
    assert prepared.draft.lines[0].unit_price == Decimal("15152.525000")
    assert prepared.draft.document_discount == Decimal("450.08")
    assert prepared.draft.note == ("With thanks · 32.25 USD at 1500.25 NGN (Central Bank, closing rate, 18 Nov 2026)")


@pytest.mark.parametrize("days", [8, -1])
def test_without_a_rate_of_the_day_the_draft_waits_and_says_so(days: int) -> None:
    old = replace(DOLLAR, day=date.fromordinal(DAY.toordinal() - days))
    prepared = prepare(in_dollars(), replace(LAW, exchange=(old,)), DAY)  # type: ignore[arg-type]
    assert [fact.field for fact in prepared.missing] == ["currency"]
    assert "Exchange rates" in prepared.missing[0].where
    assert prepared.draft.currency == "USD"


def test_a_pinned_rate_stays() -> None:
    newer = replace(DOLLAR, day=DAY, rate=Decimal(1600))
    prepared = prepare(in_dollars(), replace(LAW, exchange=(newer,)), DAY, pinned=DOLLAR)  # type: ignore[arg-type]
    assert prepared.rate == DOLLAR


def test_a_document_can_stay_in_the_currency_of_its_source() -> None:
    law = replace(LAW, exchange=(DOLLAR,), keeps_foreign=True)
    prepared = prepare(in_dollars(), law, DAY)  # type: ignore[arg-type]
    assert (prepared.draft.currency, prepared.rate) == ("USD", DOLLAR)


def test_naira_before_tax_is_left_as_it_is() -> None:
    draft = make_draft(lines=(GOODS, SERVICE))
    assert prepare(draft, LAW, DAY).draft is draft
