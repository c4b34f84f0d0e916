"""Rules as lines in a form, and back."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.rules import RulesInvalid, default_rules, read_rules
from invoices.rules.wording import OF_LINES, fits_words, from_words, to_words

WHOLE = {
    "due": {
        "pipelines": ["default"],
        "stages": ["closedwon", "po"],
        "when": [
            {"property": "deal.amount", "test": "at_least", "value": "5000"},
            {"property": "company.type", "test": "one_of", "values": ["A b", "C"]},
            {"property": "company.tin", "test": "is_set"},
            {"property": "deal.name", "test": "differs", "value": "is set"},
        ],
    },
    "document": {
        "kind": {
            "cases": [{"kind": "B2G", "when": [{"property": "company.type", "test": "equals", "value": "Government"}]}]
        },
        "buyer": {"tin": ["company.tin", "company.vat_number"], "country": ["company.country", "=NG"]},
    },
    "lines": {"tax_category": {"cases": [{"like": "SUP-* = x", "value": "EXEMPTED"}], "default": "STANDARD_VAT"}},
    "milestones": [
        {"name": "Deposit: first", "percent": "33.3", "date": "deal.deposit_day"},
        {"name": "Fee", "amount": "deal.fee"},
        {"name": "Balance", "rest": True},
    ],
    "amount_must_match": True,
    "sales": {"by_day": True, "single_above": "50000.00"},
}


def said(**words: str) -> dict[str, str]:
    with pytest.raises(RulesInvalid) as caught:
        from_words(to_words(default_rules()) | words)
    return {each.path: each.sentence for each in caught.value.problems}


@pytest.mark.parametrize("content", [{}, WHOLE])
def test_rules_come_back_from_their_words(content: dict[str, Any]) -> None:
    rules = read_rules(content)
    assert from_words(to_words(rules)) == rules
    assert fits_words(rules)


@pytest.mark.parametrize("sources", [["=a, b"], ["=a\nb"]])
def test_what_a_form_cannot_say_is_known(sources: list[str]) -> None:
    assert not fits_words(read_rules({"document": {"note": sources}}))


def test_a_line_that_cannot_be_read_is_named_with_its_number() -> None:
    found = said(when="deal.amount is at least 5\nnonsense", milestones="Deposit 30", line_tax_category_cases="SUP")
    assert found["when"].startswith("Line 2: “nonsense” is no condition")
    assert set(found) == {"when", "milestones", "line_tax_category_cases"}


def test_what_the_rules_refuse_is_named_at_its_field() -> None:
    found = said(
        when="deal.amount is at least much",
        buyer_tin="company tin",
        line_tax_category_default="VAT",
        kinds="X: deal.a is 1",
        sales_single_above="-1",
    )
    assert set(found) == {"sales_single_above", "when", "buyer_tin", "line_tax_category_default", "kinds"} - {
        "line_tax_category_default"
    }


def test_an_unknown_code_is_named_at_its_field() -> None:
    assert set(said(line_tax_category_default="VAT")) == {"line_tax_category_default"}


TEXT = st.text(alphabet="aB1 |;:=,*%\n", max_size=12)


@given(st.dictionaries(st.sampled_from(sorted(to_words(default_rules()))), TEXT, max_size=4))
def test_any_text_makes_rules_that_the_form_can_say_or_is_named(words: dict[str, str]) -> None:
    plain = {name: text if name in OF_LINES else text.replace("\n", " ") for name, text in words.items()}
    with suppress(RulesInvalid):
        assert fits_words(from_words(to_words(default_rules()) | plain))
