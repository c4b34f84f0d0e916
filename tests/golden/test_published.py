"""The published examples of the authority's document, each made from a draft."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from invoices.drafts import InvoiceDraft
from invoices.drafts.facts import BillingReference
from invoices.irn import LAGOS
from tests.golden.making import SELLER, document_of
from tests.invoices.making import GOODS, SERVICE, make_draft

PUBLISHED = Path(__file__).parent / "published"
NO_DISCOUNT = replace(GOODS, discount=Decimal(0), discount_rate=None)
REFERENCES = {"buyer_reference": "BBD-PO-7719", "payment_terms_note": "30 days net"}
ORIGINAL = BillingReference("ADU000187-C41D9D42-20261120", date(2026, 11, 20))

DRAFTS: dict[str, tuple[InvoiceDraft, str, str, int]] = {
    "b2b_invoice": (
        make_draft(
            lines=(GOODS, SERVICE), supply_date=date(2026, 11, 20), note="Delivery in two lots",
            order_reference="BBD-PO-7719", **REFERENCES,
        ),
        "ADU000187", "2026-11-20T10:42:05", 30,
    ),
    "b2b_credit_note": (
        make_draft(
            lines=(replace(GOODS, quantity=Decimal(1), discount=Decimal(1250)),), document_discount=Decimal(0),
            type_code="380", billing_reference=ORIGINAL, note="One bay returned", **REFERENCES,
        ),
        "ADUCN00021", "2026-11-22T09:05:00", 30,
    ),
    "b2c_receipt": (
        make_draft(
            kind="B2C", buyer=None, lines=(replace(NO_DISCOUNT, quantity=Decimal(3)),), document_discount=Decimal(0),
            supply_date=date(2026, 11, 20),
        ),
        "ADURC004410", "2026-11-21T10:42:05", 0,
    ),
}  # fmt: skip
# What this program says otherwise, and why: payment is reported by a call of its own; the tax point is the earlier of
# supply and issue (section 147 of the Nigeria Tax Act 2025); the means of payment are the profile's.
OTHERWISE = {
    "b2c_receipt": {
        "payment_status": "PENDING", "tax_point_date": "2026-11-20", "payment_means.0.payment_means_code": "30",
    },
}  # fmt: skip
# What this program says beside the example: every invoice of it has a day on which payment is due.
BESIDE = ("due_date", "payment_means.0.payment_means_code", "payment_means.0.payment_due_date")


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value), but for amounts of zero, which say nothing."""
    if isinstance(node, dict):
        for name, each in node.items():
            yield from leaves(each, f"{path}{name}.")
    elif isinstance(node, list):
        for number, each in enumerate(node):
            yield from leaves(each, f"{path}{number}.")
    elif node != 0 or isinstance(node, bool):
        yield path[:-1], node


def values(text: str | bytes) -> dict[str, Any]:
    return dict(leaves(json.loads(text, parse_float=Decimal, parse_int=Decimal)))


@pytest.mark.parametrize("name", DRAFTS)
def test_a_published_example_is_made_from_its_facts(name: str) -> None:
    draft, number, issued, days = DRAFTS[name]
    seller = replace(SELLER, payment_terms_days=days)
    body = document_of(draft, number, seller, datetime.fromisoformat(issued).replace(tzinfo=LAGOS))
    ours, theirs = values(body), values((PUBLISHED / f"{name}.json").read_text(encoding="utf-8"))
    theirs |= OTHERWISE.get(name, {})
    assert {path: value for path, value in ours.items() if path in theirs or path not in BESIDE} == theirs


def test_there_is_a_draft_for_every_published_example() -> None:
    assert {path.stem for path in PUBLISHED.glob("*.json")} == set(DRAFTS)
