"""What becomes of a sale on its invoice: the till's own amounts, by the organization's rules, and nothing made up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.drafts import InvoiceDraft
from invoices.drafts.lines import totals_of
from invoices.irn import in_lagos
from invoices.rules import read_rules
from invoices.taxes import Totals
from pos.converters import Shop, batch_to_draft, sale_to_draft, turnover
from pos.records import AppliedTax, SaleLineRecord, SaleRecord
from tests.invoices.making import TAX
from tests.pos.making import LINE, NOON, VAT, line_of, sale_of

DEFAULT_VAT = {"lines": {"tax_category": {"sources": ["line.tax_category"], "default": "STANDARD_VAT"}}}


def shop(rules: dict[str, Any] | None = None) -> Shop:
    return Shop(7, "Square", "Yaba shop", read_rules(rules or {}), None, TAX)


def sums(draft: InvoiceDraft) -> Totals:
    assert draft.supply_date is not None
    found = totals_of(draft, draft.supply_date, TAX)
    assert found is not None
    return found


def converted(sale: SaleRecord, **rules: Any) -> InvoiceDraft:
    return sale_to_draft(sale, shop(rules))


def fields(draft: InvoiceDraft) -> list[str]:
    return [each.field for each in draft.missing]


def test_a_sale_becomes_a_consumers_invoice_of_the_moment_it_was_made() -> None:
    draft = converted(sale_of(external_id="s9"))
    assert (draft.kind, draft.buyer, draft.currency, draft.missing) == ("B2C", None, "NGN", ())
    assert draft.source.key == (7, "sale", "s9", "1")
    assert (draft.supply_date, draft.supplied_at) == (NOON.date(), NOON)
    [line] = draft.lines
    assert (line.name, line.sku, line.quantity, line.unit_price) == ("Jollof bowl", "JOL-1", Decimal(2), Decimal(500))
    assert (line.tax_category, line.unit_code) == ("STANDARD_VAT", "H87")
    assert sums(draft).payable_amount == Decimal("1075.00")


CASES: dict[str, tuple[SaleRecord, str, str]] = {
    # name: the sale, what is to be paid, the VAT in it – each worked out by hand
    "tips are no turnover": (sale_of(tip_amount=Decimal(500)), "1075.00", "75.00"),
    "prices that hold the tax": (
        sale_of(replace(LINE, quantity=Decimal(1), gross_amount=Decimal("10750.00"), tax_amount=Decimal("750.00"),
                        total_amount=Decimal("10750.00"), taxes=(replace(VAT, is_inclusive=True),))),
        "10750.00", "750.00",
    ),
    "a discount on the line": (
        sale_of(replace(LINE, gross_amount=Decimal("1200.00"), discount_amount=Decimal("200.00"))), "1075.00", "75.00",
    ),
    "a service charge is a line": (
        sale_of(LINE, line_of("107.50", "7.50", kind="service_charge", name="Service charge", sku="")),
        "1182.50", "82.50",
    ),
    "a gift card is money paid ahead": (
        sale_of(LINE, line_of("5000.00", kind="gift_card", name="Card")), "1075.00", "75.00",
    ),
    "a custom amount": (
        sale_of(line_of("215.00", "15.00", kind="custom", name="Party room", sku="")), "215.00", "15.00",
    ),
    "a fraction of a kilogram": (
        sale_of(replace(LINE, quantity=Decimal("1.7"), gross_amount=Decimal("2550.00"), tax_amount=Decimal("191.25"),
                        total_amount=Decimal("2741.25"))),
        "2741.25", "191.25",
    ),
    "a price that divides into no kobo": (
        sale_of(replace(LINE, quantity=Decimal(3), gross_amount=Decimal("1000.00"))), "1075.00", "75.00",
    ),
    "cash rounding is of the payment": (
        sale_of(line_of("1074.50", "74.97"), rounding_amount=Decimal("0.50")), "1074.50", "74.96",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_sale_comes_to_what_the_till_took(name: str) -> None:
    sale, payable, tax = CASES[name]
    draft = converted(sale)
    assert draft.missing == ()
    assert abs(sums(draft).payable_amount - Decimal(payable)) <= Decimal("0.01") * len(draft.lines)
    assert abs(sums(draft).tax_amount - Decimal(tax)) <= Decimal("0.01") * len(draft.lines)
    assert turnover(sale) == Decimal(payable)


def test_a_price_that_divides_into_no_kobo_is_one_of_the_whole_and_says_how_many() -> None:
    [line] = converted(sale_of(replace(LINE, quantity=Decimal(7), gross_amount=Decimal("1000.01"),
                                       total_amount=Decimal("1075.01")))).lines  # fmt: skip
    net = line.quantity * line.unit_price - line.discount  # type: ignore[operator]
    assert net.quantize(Decimal("0.01")) == Decimal("1000.01")


def test_modifiers_and_variation_are_told() -> None:
    [line] = converted(sale_of(replace(LINE, variation="Large", modifiers=("Extra plantain", "No onion")))).lines
    assert line.name == "Jollof bowl – Large"
    untold = {"lines": {"description": {"sources": []}}}
    [line] = sale_to_draft(sale_of(replace(LINE, modifiers=("No onion",))), shop(untold)).lines
    assert line.description == "Jollof bowl (No onion)"


def test_rules_give_categories_and_codes_by_pattern() -> None:
    rules = {"lines": {
        "tax_category": {"cases": [{"like": "BK-*", "value": "EXEMPTED"}]},
        "hsn_code": {"default": "4901.99"}, "product_category": {"default": "Books"},
    }}  # fmt: skip
    draft = sale_to_draft(sale_of(line_of("500.00", sku="BK-1")), shop(rules))
    [line] = draft.lines
    assert (line.tax_category, line.hsn_code, line.product_category) == ("EXEMPTED", "4901.99", "Books")
    assert draft.missing == ()


@pytest.mark.parametrize(
    "taxes",
    [(), (AppliedTax("Sales tax", Decimal(5), Decimal(5)),), (AppliedTax("VAT", None, Decimal(5)),), (VAT, VAT)],
)
def test_a_category_that_neither_rules_nor_the_tills_tax_say_is_asked_for(taxes: tuple[AppliedTax, ...]) -> None:
    draft = converted(sale_of(replace(LINE, taxes=taxes)))
    assert fields(draft) == ["lines.1.tax_category"]


def test_the_sellers_default_counts_where_nothing_else_is_said() -> None:
    seller_says = replace(shop(), default_category="EXEMPTED")
    assert sale_to_draft(sale_of(line_of("500.00")), seller_says).lines[0].tax_category == "EXEMPTED"
    strange = replace(LINE, taxes=(AppliedTax("Sales tax", Decimal(5), Decimal(5)),))
    assert fields(sale_to_draft(sale_of(strange), seller_says)) == ["lines.1.tax_category"]


def test_a_till_that_took_no_tax_where_the_rules_say_vat_is_held() -> None:
    draft = sale_to_draft(sale_of(line_of("1000.00")), shop(DEFAULT_VAT))
    assert fields(draft) == ["sale.tax"]
    assert "comes to 1,075.00 NGN and the till took 1,000.00" in draft.missing[0].where


def test_a_sale_that_contradicts_itself_or_is_open_is_held_and_says_why() -> None:
    draft = converted(sale_of(state="open", problem="Its lines come to 5.00 and the till says 6.00."))
    assert fields(draft) == ["sale", "sale.state"]
    assert draft.missing[0].where == "Its lines come to 5.00 and the till says 6.00."


def test_the_same_sale_makes_the_same_draft() -> None:
    sale = sale_of()
    assert converted(sale).to_json() == converted(replace(sale)).to_json()


def test_alike_goods_of_a_day_stand_on_one_line_and_every_sale_is_evidence() -> None:
    sales = [
        sale_of(),
        sale_of(LINE, line_of("215.00", "15.00", name="Water", sku="WA")),
        sale_of(sold_at=NOON.replace(hour=9)),
    ]
    draft = batch_to_draft(sales, shop(), source_id="yaba:2026-11-20:NGN", part="1", day=NOON.date())
    assert [(line.name, line.quantity) for line in draft.lines] == [("Jollof bowl", Decimal(6)), ("Water", Decimal(1))]
    assert draft.supplied_at == NOON.replace(hour=9)
    assert draft.source.key == (7, "sales", "yaba:2026-11-20:NGN", "1")
    assert [each["external_id"] for each in draft.snapshot["sales"]] == [sale.external_id for sale in sales]
    assert sums(draft).payable_amount == Decimal("3440.00")
    with pytest.raises(ValueError, match="one currency"):
        batch_to_draft([*sales, sale_of(currency="USD")], shop(), source_id="x", part="1", day=NOON.date())


def a_line(cents: int, quantity: Decimal, name: str) -> SaleLineRecord:
    net = Decimal(cents) / 100
    tax = (net * Decimal("0.075")).quantize(Decimal("0.01"))
    return line_of(str(net + tax), str(tax), quantity=quantity, name=name, taxes=(replace(VAT, amount=tax),))


LINES = st.builds(
    a_line,
    st.integers(1, 10_000_000),
    st.decimals("0.001", 500, places=3).filter(lambda number: number > 0),
    st.sampled_from(["Rice", "Beans", "Yam"]),
)


@given(st.lists(st.lists(LINES, min_size=1, max_size=4), min_size=1, max_size=5))
def test_alone_or_together_the_net_is_exactly_the_tills_and_the_tax_within_rounding(
    days: list[list[SaleLineRecord]],
) -> None:
    sales = [sale_of(*lines) for lines in days]
    count = sum(len(lines) for lines in days)
    drafts = [converted(sale) for sale in sales]
    together = batch_to_draft(sales, shop(), source_id="d", part="1", day=in_lagos(NOON).date())
    net = sum((line.net_amount for sale in sales for line in sale.lines), Decimal(0))
    for made in (drafts, [together]):
        assert all(not draft.missing for draft in made)
        assert sum(sums(draft).tax_exclusive_amount for draft in made) == net
        whole = sum(sums(draft).payable_amount for draft in made)
        assert abs(whole - sum(turnover(sale) for sale in sales)) <= Decimal("0.01") * count
