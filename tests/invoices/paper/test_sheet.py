from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from invoices.models.status import REGISTERED, Status
from invoices.paper.sheet import Standing, sheet_of, stamps_of

GOLDEN = Path(__file__).parents[1] / "golden"
SIGNED = Standing(
    Status.SIGNED, "INV000001", "381", "RC 1234567", False, "<svg/>", "https://taxpoynt.example/verify/X/"
)


def golden(name: str) -> dict[str, Any]:
    text = (GOLDEN / f"{name}.json").read_text()
    return dict(json.loads(text, parse_float=Decimal, parse_int=Decimal))


def test_a_draft_shows_no_number_irn_or_qr_whatever_it_is_given() -> None:
    sheet = sheet_of(golden("b2b_invoice"), replace(SIGNED, status=Status.DRAFT))
    assert [sheet[name] for name in ("number", "irn", "qr", "check_at")] == [""] * 4
    assert sheet["title"] == "Draft"


@pytest.mark.parametrize("status", Status.values)
def test_whatever_the_authority_does_not_hold_says_that_it_is_no_tax_invoice(status: str) -> None:
    marks = stamps_of(replace(SIGNED, status=status))
    if status == Status.CREDITED:
        assert "credited in full" in marks[0]["long"]
    elif status in REGISTERED:
        assert marks == []
    else:
        assert "not a tax invoice" in marks[0]["long"] or "not an invoice" in marks[0]["long"]
    sandbox = stamps_of(replace(SIGNED, status=status, is_sandbox=True))
    assert sandbox == [{"short": "SANDBOX", "long": "SANDBOX – not a tax invoice"}, *marks]


@pytest.mark.parametrize(("code", "title"), [("381", "Tax invoice"), ("380", "Credit note"), ("384", "Debit note")])
def test_the_kind_of_document_is_its_title(code: str, title: str) -> None:
    document = golden("b2b_invoice") | {
        "billing_reference": [{"irn": "INV1-C41D9D42-20261101", "issue_date": "2026-11-01"}]
    }
    sheet = sheet_of(document, replace(SIGNED, type_code=code))
    assert sheet["title"] == title
    assert {"label": "About", "value": "INV1-C41D9D42-20261101 of 1 Nov 2026"} in sheet["facts"]


def test_amounts_that_are_not_known_yet_are_a_dash_and_no_words() -> None:
    nothing = {
        "legal_monetary_total": {},
        "tax_total": [{"tax_amount": None}],
        "invoice_line": [{"item": {}, "price": {}}],
    }
    sheet = sheet_of(nothing, replace(SIGNED, status=Status.DRAFT))
    assert (sheet["pay"], sheet["words"]) == ("–", "")
    assert [row["value"] for row in sheet["sums"]] == ["–", "–"]
    assert sheet["buyer"]["name"] == "Not known"


def test_long_words_may_break_and_an_address_stays_whole() -> None:
    document = golden("b2b_invoice") | {"note": "W" * 40}
    document["accounting_customer_party"] |= {"email": "payables.and.more@bridgepoint.example"[-36:]}
    sheet = sheet_of(document, SIGNED)
    assert sheet["note"] == "\u200b".join(["W" * 18, "W" * 18, "W" * 4])
    assert not any("\u200b" in line for line in sheet["buyer"]["lines"])
