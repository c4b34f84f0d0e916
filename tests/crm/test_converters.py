from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.converters import deal_to_draft
from crm.problems import line_discount, money
from tests.crm.examples import COMPANY, DEAL, LINE, deal_of, deal_with_line
from tests.invoices.making import TAX


def named(deal: object) -> dict[str, str]:
    return {missing.field: missing.where for missing in deal_to_draft(deal, connection_id=7).missing}  # type: ignore[arg-type]


def test_a_complete_deal_becomes_a_draft_that_lacks_nothing() -> None:
    draft = deal_to_draft(DEAL, connection_id=7)
    assert draft.missing == ()
    assert draft.source.key == (7, "deal", "901", "1")
    assert draft.buyer is not None
    assert (draft.buyer.country, draft.buyer.state, draft.buyer.tin) == ("NG", "NG-AB", "90054321-0001")
    assert draft.lines[0].discount == Decimal("12500.00")
    assert draft.supply_date == DEAL.close_date


def test_the_typed_amount_of_a_deal_is_never_invoiced() -> None:
    assert (
        deal_to_draft(replace(DEAL, amount=None), connection_id=7).lines == deal_to_draft(DEAL, connection_id=7).lines
    )
    assert named(replace(DEAL, amount=Decimal(1))) == {}


def test_a_deal_with_contacts_only_names_the_contact_and_asks_for_the_company() -> None:
    problems = named(replace(DEAL, companies=(), company_external_id=""))
    assert problems == {
        "buyer": "The deal has no company. It names only the contact Ada Example. "
        "Put the company on the deal in HubSpot."
    }


def test_several_companies_are_a_question_and_not_a_guess() -> None:
    deal = replace(DEAL, companies=(), company_question="2 companies stand on the deal and none is marked primary.")
    assert named(deal)["buyer"].endswith("Mark one as primary in HubSpot.")


def test_a_country_that_nobody_knows_is_quoted_back() -> None:
    problems = named(deal_of(country="Naija"))
    assert "“Naija”" in problems["buyer.country"]


@pytest.mark.parametrize("typed", ["Nigeria", "NIGERIA", "ng", "NGA", " nigeria "])
def test_a_country_is_understood_as_people_type_it(typed: str) -> None:
    assert named(deal_of(country=typed)) == {}


def test_an_email_of_the_contact_serves_where_the_company_has_none() -> None:
    draft = deal_to_draft(deal_of(email=""), connection_id=7)
    assert draft.buyer is not None
    assert draft.buyer.email == "ada@bridgepoint-books.example"


def test_a_missing_tin_stays_empty() -> None:
    draft = deal_to_draft(deal_of(tin=""), connection_id=7)
    assert draft.buyer is not None
    assert draft.buyer.tin == ""


def test_a_line_total_that_price_and_quantity_do_not_make_is_named() -> None:
    problems = named(deal_with_line(amount=Decimal(240000)))
    assert problems == {
        "lines.1.amount": "HubSpot says 240,000.00 and quantity, price and discount make 237,500.00. "
        "Correct the line in HubSpot."
    }


def test_a_kobo_of_rounding_is_not_a_contradiction() -> None:
    assert named(deal_with_line(amount=Decimal("237500.01"))) == {}


def test_a_percentage_is_taken_off_the_whole_and_not_off_the_unit() -> None:
    line = replace(LINE, quantity=Decimal(10), unit_price=Decimal("234.56"), discount_percent=Decimal(20))
    assert money(Decimal("2345.60")) - line_discount(line) == Decimal("1876.48")


def test_two_discounts_on_one_line_are_a_question() -> None:
    assert "lines.1.discount" in named(deal_with_line(unit_discount=Decimal(1)))


def test_a_tax_rate_that_says_nothing_sure_about_vat_is_a_question() -> None:
    assert "lines.1.tax_category" in named(deal_with_line(tax_category="", tax_rate=Decimal(0)))
    standard = deal_with_line(tax_category="", tax_rate=Decimal("7.5"))
    assert deal_to_draft(standard, connection_id=7, tax=TAX).lines[0].tax_category == "STANDARD_VAT"
    assert deal_to_draft(standard, connection_id=7, tax=TAX).missing == ()
    before = deal_to_draft(replace(standard, close_date=date(2019, 1, 1)), connection_id=7, tax=TAX)
    assert [fact.field for fact in before.missing] == ["lines.1.tax_category"], "no rate is kept for that day"


def test_a_line_in_another_currency_is_named() -> None:
    assert "lines.1.currency" in named(deal_with_line(currency="USD"))


def test_a_negative_document_discount_is_named_and_not_turned_round() -> None:
    assert "document_discount" in named(replace(DEAL, document_discount=Decimal(-5)))


def test_the_snapshot_is_json_and_holds_no_raw_payload() -> None:
    snapshot = deal_to_draft(replace(DEAL, payload={"secret": "x"}), connection_id=7).snapshot
    text = json.dumps(snapshot)
    assert "payload" not in text
    assert snapshot["companies"][0]["tin"] == COMPANY.tin
    assert snapshot["lines"][0]["unit_price"] == "25000"


@given(
    quantity=st.decimals(min_value=0, max_value=10**6, places=3),
    price=st.decimals(min_value=0, max_value=10**6, places=6),
    percent=st.decimals(min_value=0, max_value=100, places=2),
)
def test_a_percentage_discount_never_exceeds_its_line(quantity: Decimal, price: Decimal, percent: Decimal) -> None:
    line = replace(LINE, quantity=quantity, unit_price=price, discount_percent=percent)
    assert 0 <= line_discount(line) <= money(quantity * price)
