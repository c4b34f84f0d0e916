"""Deals to documents, to the byte: each case against its file and against what it comes to by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.golden.cases import CASES
from tests.golden.making import FILES, Case, outcome, payable_of, written


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_deal_comes_to_what_its_file_says(case: Case) -> None:
    assert written(outcome(case)) == (FILES / f"{case.name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_deal_comes_to_what_was_worked_out_by_hand(case: Case) -> None:
    found = outcome(case)
    assert [payable_of(made) for made in found if "document" in made] == [Decimal(text) for text in case.payable]
    assert [fact["field"] for made in found for fact in made.get("missing", ())] == list(case.missing)


def test_every_file_has_its_case() -> None:
    assert {path.stem for path in FILES.glob("*.json")} == {case.name for case in CASES}
    assert len(CASES) >= 40
