"""One deal as several invoices."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.converters import convert
from crm.milestones import Parts, split, total_of, within_total
from crm.records import DealRecord
from invoices.drafts import InvoiceDraft
from invoices.rules import read_rules
from tests.crm.examples import DEAL, LINE, deal_with_line

SPLIT = [{"name": "Deposit", "percent": 30}, {"name": "Delivery", "percent": 50}, {"name": "Rest", "rest": True}]


def parts_of(deal: DealRecord, milestones: Any, today: date | None = None) -> Parts:
    rules = read_rules({"milestones": milestones})
    return split(convert(deal, connection_id=7, rules=rules), deal, rules, today=today, provider="HubSpot")


def drafts_of(deal: DealRecord, milestones: Any, today: date | None = None) -> list[InvoiceDraft]:
    return [each.draft for each in parts_of(deal, milestones, today).due]


def nets(drafts: list[InvoiceDraft]) -> list[Decimal]:
    return [net for draft in drafts if (net := total_of(draft)) is not None]


def test_without_milestones_a_deal_is_one_invoice() -> None:
    assert [draft.source.part for draft in drafts_of(DEAL, [])] == ["1"]


def test_percentages_and_a_rest_make_the_whole() -> None:
    drafts = drafts_of(DEAL, SPLIT)
    assert [draft.source.part for draft in drafts] == ["1", "2", "3"]
    assert nets(drafts) == [Decimal("71250.00"), Decimal("118750.00"), Decimal("47500.00")]
    assert all(draft.missing == () for draft in drafts)
    assert drafts[0].lines[0].description.startswith("Deposit, part of 10 × Shelf bay 2 m")


def test_a_part_keeps_category_and_codes_of_its_line() -> None:
    line = drafts_of(DEAL, SPLIT)[1].lines[0]
    assert (line.tax_category, line.hsn_code, line.quantity) == ("STANDARD_VAT", "9403.20", 1)


def test_an_amount_from_a_property() -> None:
    milestones = [{"name": "Deposit", "amount": "deal.deposit"}, {"name": "Rest", "rest": True}]
    deal = replace(DEAL, extra={"deposit": "37,500"})
    assert nets(drafts_of(deal, milestones)) == [Decimal(37_500), Decimal(200_000)]


@pytest.mark.parametrize("deposit", ["", "some", "-1"])
def test_an_amount_that_is_none_holds_the_deal(deposit: str) -> None:
    milestones = [{"name": "Deposit", "amount": "deal.deposit"}]
    held = drafts_of(replace(DEAL, extra={"deposit": deposit}), milestones)
    assert [missing.field for draft in held for missing in draft.missing] == ["milestones.1.amount"]


def test_parts_that_are_more_than_the_deal_are_held_with_both_figures() -> None:
    milestones = [{"name": "Half", "percent": 50}, {"name": "Typed", "amount": "deal.deposit"}]
    (held,) = drafts_of(replace(DEAL, extra={"deposit": "118750.01"}), milestones)
    assert held.missing[0].field == "milestones"
    assert "237,500.01" in held.missing[0].where
    assert "237,500.00" in held.missing[0].where


def test_a_part_waits_for_its_day() -> None:
    milestones = [
        {"name": "Deposit", "percent": 30},
        {"name": "Delivery", "percent": 70, "date": "deal.delivery"},
    ]
    deal = replace(DEAL, extra={"delivery": "2026-12-24"})
    early = parts_of(deal, milestones, date(2026, 12, 23))
    assert ([each.draft.source.part for each in early.due], early.next_on) == (["1"], date(2026, 12, 24))
    late = parts_of(deal, milestones, date(2026, 12, 24))
    assert ([each.draft.source.part for each in late.due], late.next_on) == (["1", "2"], None)
    assert late.due[1].draft.supply_date == date(2026, 12, 24)


def test_a_part_without_its_day_is_held_alone() -> None:
    milestones = [{"name": "Deposit", "percent": 30}, {"name": "Rest", "rest": True, "date": "deal.delivery"}]
    first, second = drafts_of(replace(DEAL, extra={"delivery": ""}), milestones, date(2026, 12, 1))
    assert first.missing == ()
    assert [missing.field for missing in second.missing] == ["supply_date"]


def test_a_deal_that_does_not_add_up_is_not_parted() -> None:
    (held,) = drafts_of(deal_with_line(unit_price=None, amount=None), SPLIT)
    assert [missing.field for missing in held.missing] == ["milestones"]


money = st.decimals(min_value="0.01", max_value="99999", places=2)


@given(
    st.lists(st.tuples(money, st.integers(1, 9)), min_size=1, max_size=6),
    st.lists(st.decimals(min_value="0.000001", max_value="30", places=6), min_size=1, max_size=6),
    st.integers(0, 100),
    st.booleans(),
)
def test_parts_never_exceed_the_deal_and_make_it_whole_with_a_rest(
    lines: list[tuple[Decimal, int]], percents: list[Decimal], discount: int, rest: bool
) -> None:
    records = tuple(
        replace(LINE, external_id=str(i), unit_price=price, quantity=Decimal(count), discount_percent=None, amount=None)
        for i, (price, count) in enumerate(lines)
    )
    total = sum((price * count for price, count in lines), Decimal(0))
    deal = replace(DEAL, lines=records, document_discount=(total * discount / 100).quantize(Decimal("0.01")))
    milestones: list[dict[str, Any]] = []
    for number, percent in enumerate(percents):
        if sum((Decimal(each["percent"]) for each in milestones), percent) <= 100:
            milestones.append({"name": f"Part {number}", "percent": str(percent)})
    if rest:
        milestones.append({"name": "Rest", "rest": True})
    drafts = drafts_of(deal, milestones)
    whole = total - (deal.document_discount or 0)
    assert sum(nets(drafts), Decimal(0)) <= whole
    if rest:
        assert sum(nets(drafts), Decimal(0)) == whole
    for index in range(len(records)):
        given = [line.unit_price for draft in drafts for line in draft.lines if line.external_id == str(index)]
        assert sum((price for price in given if price), Decimal(0)) <= lines[index][0] * lines[index][1]


def test_what_is_invoiced_already_leaves_no_room() -> None:
    drafts = drafts_of(DEAL, SPLIT)
    held = within_total(drafts, {("901", "9"): Decimal("166250.01")}, Decimal(237_500))
    assert [[missing.field for missing in draft.missing] for draft in held] == [
        ["milestones.total"], ["milestones.total"], [],
    ]  # fmt: skip


def test_a_part_made_anew_does_not_count_against_itself() -> None:
    drafts = drafts_of(DEAL, SPLIT)
    numbered = {("901", draft.source.part): total_of(draft) or Decimal(0) for draft in drafts}
    assert within_total(drafts, numbered, Decimal(237_500)) == drafts
