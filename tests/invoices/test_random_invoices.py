"""Random invoices hold every rule of the sums, by a second arithmetic; `make bench ARGS=sums` checks 100,000."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from invoices.freezing import make_document
from tests.benchmarks.sums import IDENTITY, SELLER, broken_rule, check_many
from tests.invoices.making import LAW, make_draft


@pytest.mark.parametrize("seed", range(3))
def test_random_invoices_hold_every_rule(seed: int) -> None:
    found = check_many(150, seed=seed)
    assert found["made"] > 120
    assert found["with tax"] > 20


def test_a_document_that_breaks_a_rule_is_noticed() -> None:
    made = make_document(make_draft(), SELLER, identity=IDENTITY, tax=LAW.tax)
    assert made is not None
    document = json.loads(made[1], parse_float=Decimal, parse_int=Decimal)
    assert broken_rule(document) == ""
    document["legal_monetary_total"]["payable_amount"] += Decimal("0.01")
    assert broken_rule(document) == "7 to be paid"
    document["tax_total"][0]["tax_subtotal"][0]["tax_amount"] += Decimal("0.01")
    assert broken_rule(document) == "4 tax of a category"
