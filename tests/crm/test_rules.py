"""Deals converted by rules."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from crm.converters import convert, deal_to_draft, is_due
from crm.facts import extra_properties, from_snapshot, to_snapshot
from crm.records import DealRecord
from invoices.rules import Rules, default_rules, read_rules
from tests.crm.examples import COMPANY, DEAL, LINE, deal_of, deal_with_line


def named(deal: DealRecord, **content: Any) -> dict[str, str]:
    draft = deal_to_draft(deal, connection_id=7, rules=read_rules(content))
    return {missing.field: missing.where for missing in draft.missing}


def by(content: dict[str, Any]) -> Rules:
    return read_rules(content)


def test_the_programs_own_rules_change_nothing() -> None:
    assert deal_to_draft(DEAL, connection_id=7, rules=default_rules()) == deal_to_draft(DEAL, connection_id=7)


def test_a_snapshot_makes_the_deal_again() -> None:
    deal = replace(DEAL, payload={}, document_discount=Decimal("1.5"), former_ids=("7",), extra={"region": "west"})
    assert from_snapshot(json.loads(json.dumps(to_snapshot(deal)))) == deal
    assert from_snapshot(to_snapshot(deal)).companies == deal.companies


def test_a_snapshot_from_before_there_were_rules_is_read() -> None:
    snapshot = to_snapshot(DEAL)
    del snapshot["extra"], snapshot["lines"][0]["extra"]
    assert from_snapshot(snapshot) == replace(DEAL, payload={})


@pytest.mark.parametrize("snapshot", [{}, {"external_id": "1"}])
def test_what_is_no_snapshot_is_refused(snapshot: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        from_snapshot(snapshot)


@pytest.mark.parametrize(
    ("due", "outcome"),
    [
        ({}, True),
        ({"pipelines": ["default"]}, True),
        ({"pipelines": ["partners"]}, False),
        ({"stages": ["contractsent"]}, False),
        ({"stages": ["closedwon"]}, True),
        ({"when": [{"property": "company.name", "test": "contains", "value": "depot"}]}, True),
        ({"when": [{"property": "deal.amount", "test": "at_least", "value": "237500.01"}]}, False),
    ],
)
def test_a_deal_is_due_by_pipeline_stage_and_conditions(due: dict[str, Any], outcome: bool) -> None:
    assert is_due(DEAL, by({"due": due})) is outcome


def test_an_archived_deal_is_never_due() -> None:
    assert not is_due(replace(DEAL, is_archived=True), by({"due": {"stages": ["closedwon"]}}))


def test_a_stage_can_be_due_that_is_not_won() -> None:
    assert is_due(replace(DEAL, is_won=False, stage_external_id="po"), by({"due": {"stages": ["po"]}}))


def test_a_tin_falls_back_to_the_next_property() -> None:
    rules = by({"document": {"buyer": {"tin": ["company.tin", "company.vat_number"]}}})
    assert extra_properties(rules)["company"] == ("vat_number",)
    converted = convert(deal_of(tin="", extra={"vat_number": "90077777-0001"}), connection_id=7, rules=rules)
    assert converted.draft.buyer is not None
    assert converted.draft.buyer.tin == "90077777-0001"
    assert converted.origins["buyer.tin"].source == "company.vat_number"


def test_a_property_that_was_not_read_yet_holds_the_deal() -> None:
    assert "company.vat_number" in named(DEAL, document={"buyer": {"tin": ["company.vat_number"]}})["rules.properties"]


def test_a_property_that_was_read_and_is_empty_does_not() -> None:
    deal = deal_of(extra={"vat_number": ""})
    assert named(deal, document={"buyer": {"tin": ["company.vat_number", "company.tin"]}}) == {}


def test_a_consumer_need_not_be_named() -> None:
    kind = {"cases": [{"kind": "B2C", "when": [{"property": "company.name", "test": "is_empty"}]}]}
    rules = by({"document": {"kind": kind}})
    draft = deal_to_draft(replace(DEAL, companies=(), company_external_id=""), connection_id=7, rules=rules)
    assert (draft.kind, draft.buyer, draft.missing) == ("B2C", None, ())
    assert deal_to_draft(DEAL, connection_id=7, rules=rules).kind == "B2B"


def test_a_contact_can_be_the_buyer_where_the_rules_say_so() -> None:
    rules = by({"document": {"buyer": {"name": ["company.name", "contact.full_name"]}}})
    deal = replace(DEAL, companies=(), company_external_id="")
    draft = deal_to_draft(deal, connection_id=7, rules=rules)
    assert draft.buyer is not None
    assert draft.buyer.name == "Ada Example"
    assert draft.missing == ()


def test_the_header_is_filled_from_properties_and_constants() -> None:
    rules = by(
        {
            "document": {
                "note": ["=Thank you"],
                "order_reference": ["deal.po_number"],
                "payment_terms_days": ["deal.terms", "=14"],
                "supply_date": ["deal.delivered_on", "deal.close_date"],
            }
        }
    )
    deal = replace(DEAL, extra={"po_number": "PO-7", "terms": "", "delivered_on": "2026-11-19T23:30:00Z"})
    draft = deal_to_draft(deal, connection_id=7, rules=rules)
    assert (draft.note, draft.order_reference, draft.payment_terms_days) == ("Thank you", "PO-7", 14)
    assert str(draft.supply_date) == "2026-11-20", "an instant is a day on Nigeria's clock"


@pytest.mark.parametrize("terms", ["thirty", "366", "-1", "²", "1.5"])
def test_terms_that_are_no_days_are_named(terms: str) -> None:
    deal = replace(DEAL, extra={"terms": terms})
    assert f"“{terms}”" in named(deal, document={"payment_terms_days": ["deal.terms"]})["payment_terms_days"]


def test_a_supply_date_that_is_none_is_named() -> None:
    deal = replace(DEAL, extra={"day": "soon"})
    assert "“soon”" in named(deal, document={"supply_date": ["deal.day"]})["supply_date"]


TAX = {"tax_category": {"sources": ["line.tax_category"], "cases": [{"like": "sup-*", "value": "EXEMPTED"}]}}


def test_a_pattern_names_the_tax_category_of_a_line_that_names_none() -> None:
    converted = convert(deal_with_line(tax_category="", sku="SUP-1"), connection_id=7, rules=by({"lines": TAX}))
    assert converted.draft.lines[0].tax_category == "EXEMPTED"
    assert converted.origins["lines.1.tax_category"].rule == "lines.tax_category pattern sup-*"


def test_what_the_line_itself_says_comes_before_a_pattern() -> None:
    draft = deal_to_draft(deal_with_line(sku="SUP-1"), connection_id=7, rules=by({"lines": TAX}))
    assert draft.lines[0].tax_category == "STANDARD_VAT"


def test_a_default_does_not_speak_for_a_line_with_an_odd_tax_rate() -> None:
    deal = deal_with_line(tax_category="", tax_rate=Decimal(5))
    rules = {"lines": {"tax_category": {"sources": [], "default": "STANDARD_VAT"}}}
    assert "lines.1.tax_category" in named(deal, **rules)
    assert "lines.1.tax_category" not in named(
        replace(deal, lines=(replace(LINE, sku="sup-2", tax_category=""),)), **rules
    )


def test_codes_and_units_come_from_rules() -> None:
    rules = by(
        {
            "lines": {
                "hsn_code": {"sources": []},
                "product_category": {"sources": []},
                "isic_code": {"cases": [{"property": "line.hs_product_id", "like": "55", "value": "4330"}]},
                "unit_code": {"sources": ["line.unit"], "default": "KGM"},
            }
        }
    )
    line = deal_to_draft(deal_with_line(extra={"hs_product_id": "55", "unit": ""}), connection_id=7, rules=rules).lines[
        0
    ]
    assert (line.isic_code, line.service_category, line.unit_code, line.hsn_code) == (
        "4330", "Building completion and finishing", "KGM", "",
    )  # fmt: skip


def test_an_amount_that_the_lines_do_not_make_is_named_when_the_rules_ask() -> None:
    deal = replace(DEAL, amount=Decimal(300_000))
    assert named(deal) == {}
    assert "300,000.00" in named(deal, amount_must_match=True)["amount"]
    assert "237,500.00" in named(deal, amount_must_match=True)["amount"]
    assert named(DEAL, amount_must_match=True) == {}


def test_prices_with_tax_are_marked_so_on_the_draft() -> None:
    draft = deal_to_draft(DEAL, connection_id=7, rules=by({"prices_include_tax": True}))
    assert (draft.prices_include_tax, draft.missing) == (True, ())


@pytest.mark.parametrize(("amount", "quantity", "price"), [("1234.50", "10", "123.45"), ("100", "1", "100.00")])
def test_a_tiered_price_is_the_providers_amount(amount: str, quantity: str, price: str) -> None:
    count = Decimal(10) if quantity == "10" else Decimal(3_000_000)
    deal = deal_with_line(amount=Decimal(amount), quantity=count, extra={"pricing_model": "volume"})
    draft = deal_to_draft(deal, connection_id=7)
    line = draft.lines[0]
    assert draft.missing == ()
    assert (line.quantity, line.unit_price, line.discount) == (Decimal(quantity), Decimal(price), 0)
    assert ("3000000 at tiered prices" in line.description) is (quantity == "1")


def test_a_tiered_price_without_an_amount_is_named() -> None:
    deal = deal_with_line(amount=None, extra={"pricing_model": "graduated"})
    assert "lines.1.amount" in named(deal)


def test_a_line_that_rules_make_both_goods_and_service_is_named() -> None:
    lines = {
        "hsn_code": {"default": "9403.20"},
        "product_category": {"default": "Furniture"},
        "isic_code": {"default": "4330"},
    }
    deal = deal_with_line(hsn_code="", product_category="", isic_code="")
    assert "lines.1.classification" in named(deal, lines=lines)


def test_a_country_by_constant_is_understood() -> None:
    draft = deal_to_draft(
        replace(DEAL, companies=(replace(COMPANY, country=""),)),
        connection_id=7,
        rules=by({"document": {"buyer": {"country": ["company.country", "=Nigeria"]}}}),
    )
    assert draft.buyer is not None
    assert draft.buyer.country == "NG"
