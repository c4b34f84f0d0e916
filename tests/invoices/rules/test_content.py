"""What rules may say, and how what is wrong with them is told."""

from __future__ import annotations

from typing import Any

import pytest

from invoices.rules import RulesInvalid, default_rules, read_rules, read_rules_text, write_rules
from invoices.rules.applying import all_hold, fill, holds
from invoices.rules.content import Condition


def problems(content: Any) -> dict[str, str]:
    with pytest.raises(RulesInvalid) as caught:
        read_rules(content)
    return {each.path: each.sentence for each in caught.value.problems}


def test_no_content_is_the_rules_of_the_program() -> None:
    assert read_rules({}) == default_rules()


def test_what_is_written_reads_back_the_same() -> None:
    rules = read_rules({"milestones": [{"name": "Deposit", "percent": "33.3"}, {"name": "Rest", "rest": True}]})
    assert read_rules(write_rules(rules)) == rules


def test_an_unknown_field_is_named_by_its_path() -> None:
    assert problems({"document": {"buyer": {"tinn": []}}}) == {
        "document.buyer.tinn": "There is no such field; look at its spelling."
    }


def test_several_problems_are_told_at_once() -> None:
    found = problems({"due": {"pipelines": 3}, "document": {"note": ["deal name"]}, "prices_include_tax": "perhaps"})
    assert set(found) == {"due.pipelines", "document.note.0", "prices_include_tax"}
    assert found["document.note.0"].startswith("It must be a property such as company.tin")


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ({"tax_category": {"default": "VAT"}}, "lines.tax_category.default"),
        ({"hsn_code": {"cases": [{"like": "SB-*", "value": "94032"}]}}, "lines.hsn_code.cases.0.value"),
        ({"isic_code": {"default": "9999"}}, "lines.isic_code.default"),
        ({"unit_code": {"sources": ["=piece"]}}, "lines.unit_code.sources.0"),
    ],
)
def test_a_code_that_the_authority_does_not_know_is_refused(lines: dict[str, Any], path: str) -> None:
    assert set(problems({"lines": lines})) == {path}


@pytest.mark.parametrize(
    "condition",
    [
        {"property": "deal.type", "test": "equals"},
        {"property": "deal.type", "test": "is_set", "value": "x"},
        {"property": "deal.type", "test": "one_of", "value": "x"},
        {"property": "deal.amount", "test": "at_least", "value": "much"},
    ],
)
def test_a_condition_has_just_what_its_test_needs(condition: dict[str, Any]) -> None:
    assert set(problems({"due": {"when": [condition]}})) == {"due.when.0"}


@pytest.mark.parametrize(
    "milestones",
    [
        [{"name": "A", "percent": 60}, {"name": "B", "percent": 41}],
        [{"name": "A", "rest": True}, {"name": "B", "percent": 10}],
    ],
)
def test_parts_that_are_more_than_a_whole_are_refused(milestones: list[Any]) -> None:
    assert set(problems({"milestones": milestones})) == {""}


@pytest.mark.parametrize("part", [{}, {"percent": 10, "rest": True}, {"percent": 0}, {"percent": "x"}])
def test_a_part_has_one_size(part: dict[str, Any]) -> None:
    assert all(path.startswith("milestones.0") for path in problems({"milestones": [{"name": "A", **part}]}))


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": "\\ud800"}', "[" * 100_000, "x" * 200_001])
def test_text_that_is_no_rules_is_refused_and_not_an_error(text: str) -> None:
    with pytest.raises(RulesInvalid):
        read_rules_text(text)


def test_the_properties_that_rules_read_are_known_and_constants_are_none() -> None:
    rules = read_rules(
        {
            "due": {"when": [{"property": "deal.region", "test": "equals", "value": "company.fake"}]},
            "document": {"buyer": {"tin": ["company.vat_number", "=company.no"], "country": ["=NG"]}},
            "lines": {
                "tax_category": {"cases": [{"property": "line.hs_product_id", "like": "7", "value": "EXEMPTED"}]}
            },
            "milestones": [{"name": "A", "amount": "deal.deposit", "date": "deal.deposit_day"}],
        }
    )
    found = rules.properties
    assert {"region", "deposit", "deposit_day"} <= found["deal"]
    assert "vat_number" in found["company"]
    assert not {"fake", "no"} & found["company"]
    assert found["line"] >= {"hs_product_id"}


FACTS = {"deal.type": "New Business", "deal.amount": "1,200.50", "company.tin": "", "company.vat": "90"}


def lookup(path: str) -> str:
    return FACTS.get(path, "")


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (("deal.type", "equals", "new business"), True),
        (("deal.type", "differs", "new business"), False),
        (("deal.type", "contains", "BUSI"), True),
        (("deal.amount", "equals", "1200.5"), True),
        (("deal.amount", "at_least", "1200.50"), True),
        (("deal.amount", "at_least", "1200.51"), False),
        (("deal.amount", "at_most", "1200.50"), True),
        (("deal.type", "at_least", "0"), False),
        (("deal.gone", "at_most", "0"), False),
    ],
)
def test_a_condition_says_what_people_mean(condition: tuple[str, str, str], outcome: bool) -> None:
    name, test, value = condition
    assert holds(Condition(property=name, test=test, value=value), lookup) is outcome  # type: ignore[arg-type]


def test_set_empty_and_one_of() -> None:
    assert holds(Condition(property="company.vat", test="is_set"), lookup)
    assert holds(Condition(property="company.tin", test="is_empty"), lookup)
    assert holds(Condition(property="company.vat", test="one_of", values=("7", "90")), lookup)
    assert not holds(Condition(property="company.vat", test="one_of", values=("7",)), lookup)
    assert all_hold((), lookup)


def test_the_first_source_that_has_text_fills_a_value() -> None:
    found = fill(("company.tin", "company.vat", "=none"), lookup, "document.buyer.tin")
    assert (found.value, found.source) == ("90", "company.vat")
    constant = fill(("company.tin", "=none"), lookup, "document.buyer.tin")
    assert (constant.value, constant.source, constant.rule) == ("none", "", "document.buyer.tin")
