from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.hubspot import mapping
from crm.hubspot.mapping import AccountContext, NotReadable, PropertyNames

LAGOS = ZoneInfo("Africa/Lagos")
STAGES = {
    "id": "default",
    "label": "Sales",
    "stages": [
        {
            "id": "closedwon",
            "label": "Lost for ever",
            "displayOrder": 5,
            "metadata": {"isClosed": "true", "probability": "1.0"},
        },
        {
            "id": "closedlost",
            "label": "Closed Won",
            "displayOrder": 6,
            "metadata": {"isClosed": "true", "probability": "0.0"},
        },
        {
            "id": "contract",
            "label": "Contract",
            "displayOrder": 3,
            "metadata": {"isClosed": "false", "probability": "1.0"},
        },
    ],
}


def context(currency: str = "NGN") -> AccountContext:
    pipeline = mapping.to_pipeline(STAGES)
    return AccountContext(PropertyNames(), LAGOS, currency, {("default", k): v for k, v in pipeline.stages.items()})


def raw_deal(**properties: str | None) -> dict[str, object]:
    return {
        "id": "901",
        "properties": {"dealname": "Shelves", "pipeline": "default", "dealstage": "closedwon", **properties},
        "updatedAt": "2026-11-20T10:15:03.456Z",
        "archived": False,
    }


@pytest.mark.parametrize(
    "text", ["NaN", "sNaN", "Infinity", "-Infinity", "12,50", "1e1000000", "1e16", "twelve", "1.12345678901"]
)
def test_an_amount_that_is_no_plain_number_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(NotReadable, match="amount is “"):
        mapping.to_decimal({"amount": text}, "amount")


@pytest.mark.parametrize("text", [None, "", "   "])
def test_an_empty_amount_is_no_amount(text: str | None) -> None:
    assert mapping.to_decimal({"amount": text}, "amount") is None


def test_a_huge_exponent_is_refused_at_once_and_not_expanded() -> None:
    with pytest.raises(NotReadable, match="larger than any amount"):
        mapping.to_decimal({"amount": "1e999999999"}, "amount")


@given(st.decimals(min_value=-(10**14), max_value=10**14, places=6, allow_nan=False))
def test_every_plain_number_comes_back_exactly(number: Decimal) -> None:
    assert mapping.to_decimal({"amount": f"{number:f}"}, "amount") == number


def test_won_is_what_the_stage_says_and_never_its_label() -> None:
    stages = mapping.to_pipeline(STAGES).stages
    assert {key: stage.is_won for key, stage in stages.items()} == {
        "closedwon": True,
        "closedlost": False,
        "contract": False,
    }


def test_a_close_date_is_a_day_in_the_accounts_zone() -> None:
    assert mapping.to_close_date("2026-11-20T23:30:00Z", LAGOS) == date(2026, 11, 21)


def test_a_deal_without_a_currency_has_the_accounts() -> None:
    assert mapping.to_deal(raw_deal(deal_currency_code=None), context("USD"), lines=()).currency == "USD"


def test_a_deal_on_an_unknown_stage_is_won_when_hubspot_says_so() -> None:
    deal = mapping.to_deal(raw_deal(dealstage="new", hs_is_closed_won="true"), context(), lines=())
    assert deal.is_won
    # the string "false" is true in Python
    assert not mapping.to_deal(raw_deal(dealstage="new", hs_is_closed_won="false"), context(), lines=()).is_won


def test_text_that_the_database_cannot_keep_is_refused() -> None:
    with pytest.raises(NotReadable, match="NUL"):
        mapping.to_deal(raw_deal(dealname="a\x00b"), context(), lines=())


def test_the_primary_company_is_chosen_among_several() -> None:
    raw = {"associations": {"companies": {"results": [
        {"id": "1", "type": "deal_to_company_unlabeled"},
        {"id": "2", "type": "deal_to_company"},
        {"id": "2", "type": "deal_to_company_unlabeled"},
    ]}}}  # fmt: skip
    assert mapping.choose_company(mapping.inline_companies(raw)) == ("2", "")


def test_the_only_company_is_chosen_and_several_without_a_primary_are_a_question() -> None:
    assert mapping.choose_company([("7", False), ("7", False)]) == ("7", "")
    company, question = mapping.choose_company([("7", False), ("8", False)])
    assert company == ""
    assert question == "2 companies stand on the deal and none is marked primary."


@pytest.mark.parametrize("number_or_text", [7001, "7001"])
def test_associated_ids_are_read_as_numbers_or_strings(number_or_text: int | str) -> None:
    entry = {"toObjectId": number_or_text, "associationTypes": [{"typeId": 341}, {"typeId": 5}]}
    assert mapping.associated_companies([entry]) == [("7001", True)]


def test_inline_associations_come_once_each_under_a_key_with_a_space() -> None:
    raw = {"associations": {"line items": {"results": [{"id": "1"}, {"id": "2"}, {"id": "1"}]}}}
    assert mapping.inline_ids(raw, "line items") == ["1", "2"]
    assert mapping.inline_ids({}, "line items") == []


def test_a_cut_inline_list_is_noticed() -> None:
    raw = {"associations": {"line items": {"results": [], "paging": {"next": {"after": "100"}}}}}
    assert mapping.is_cut(raw, "line items")
    assert not mapping.is_cut({"associations": {"line items": {"results": []}}}, "line items")


def test_an_organizations_own_property_names_are_asked_for() -> None:
    names = PropertyNames.from_options({"properties": {"company_tin": "tax_id", "unknown": "x"}})
    assert "tax_id" in names.of_company()
    assert "tin" not in names.of_company()
    company = mapping.to_company({"id": "5", "properties": {"tax_id": "90012345-0001", "name": "Adupe"}}, names)
    assert company.tin == "90012345-0001"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pipeline", "p" * 101),
        ("dealstage", "s" * 101),
        ("hubspot_owner_id", "9" * 101),
        ("deal_currency_code", "ßab"),
        ("deal_currency_code", "Naira"),
        ("closedate", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_value_that_no_column_can_hold_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(NotReadable, match=f"{name} is “"):
        mapping.to_deal(raw_deal(**{name: value}), context(), lines=[])


@pytest.mark.parametrize(
    ("name", "value"), [("hs_line_item_currency_code", "Naira"), ("hs_position_on_quote", "99999999999")]
)
def test_a_line_with_a_value_that_no_column_can_hold_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(NotReadable, match=f"{name} is “"):
        mapping.to_line({"id": "71", "properties": {name: value}}, PropertyNames())


def test_former_ids_are_told_apart_and_never_hold_the_deals_own() -> None:
    deal = mapping.to_deal(raw_deal(hs_merged_object_ids="88; 77;901;"), context(), lines=[])
    assert deal.former_ids == ("77", "88")


def test_two_primary_companies_are_a_question_and_not_a_matter_of_their_order() -> None:
    marked = [("51", True), ("52", True), ("53", False)]
    assert mapping.choose_company(marked) == mapping.choose_company(marked[::-1])
    assert mapping.choose_company(marked) == ("", "2 companies of the deal are marked primary.")
