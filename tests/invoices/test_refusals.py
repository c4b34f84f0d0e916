"""The same status code means five things: the texts decide, in a fixed order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invoices.authority.base import CredentialsRefused, Rejected, Unclear
from invoices.authority.refusals import our_field, read_refusal

CATALOGUE = {row["key"]: row for row in json.loads((Path(__file__).parent / "golden" / "refusals.json").read_text())}


def read(key: str) -> Any:
    return read_refusal(CATALOGUE[key]["http"], CATALOGUE[key]["body"], "kept")


def body(details: Any = None, public: str = "", **more: Any) -> dict[str, Any]:
    error = {"id": "x", "handler": "invoice_actions", "public_message": public, **more}
    return {"code": "400", "data": None, "message": "error has occurred", "error": {**error, "details": details}}


@pytest.mark.parametrize(
    ("key", "field", "label"),
    [
        ("tax_category", "tax.tax_category", "The document's tax category"),
        ("date_format", "taxpointdate", "The document's taxpointdate"),
        ("country_code", "buyer.country", "The buyer's country"),
        ("min_length_or_value", "buyer.tin", "The buyer's TIN"),
        ("required", "taxcurrencycode", "The document's taxcurrencycode"),
        ("irn_template", "seller.service_id", "The seller's service id"),
        ("business_id_not_uuid", "document", "The document"),
        ("number_as_string", "document", "The document"),
        ("billing_reference_missing", "document", "The document"),
    ],
)
def test_a_refusal_about_the_document_is_final(key: str, field: str, label: str) -> None:
    verdict = read(key)
    assert isinstance(verdict, Rejected)
    assert (verdict.field, verdict.label, verdict.response) == (field, label, "kept")
    assert verdict.where


@pytest.mark.parametrize("key", ["duplicate_irn", "duplicate_irn_variant_2026"])
def test_busy_and_duplicate_are_the_same_words_and_mean_ask(key: str) -> None:
    assert isinstance(read(key), Unclear)


def test_wrong_keys_are_known_by_their_text() -> None:
    assert isinstance(read("bad_credentials"), CredentialsRefused)
    assert isinstance(read_refusal(401, None, ""), CredentialsRefused)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (400, None),
        (400, "text"),
        (400, []),
        (404, {"code": 404, "data": None, "message": "no route found"}),
        (400, body(None, "validation failed: also confirm this is not a duplicate request")),
        (400, body("something nobody has seen")),
        (400, body("irn already exists")),
        (400, body(17)),
        (413, body("invoicerequest.invoice.irn is required")),
        (400, {"error": "flat"}),
    ],
)
def test_whatever_is_not_known_is_asked_about(status: int, answer: Any) -> None:
    assert isinstance(read_refusal(status, answer, ""), Unclear)


def test_a_field_comes_before_the_words_for_busy() -> None:
    verdict = read_refusal(400, body("invoicerequest.invoice.irn is required, try again later"), "")
    assert isinstance(verdict, Rejected)


@pytest.mark.parametrize(
    ("path", "field", "label"),
    [
        ("accountingsupplierparty.postaladdress.streetname", "seller.street", "The seller's street address"),
        ("invoiceline[1].item.description", "lines.2.description", "Line 2's description"),
        ("invoiceline[0].price.priceunit", "lines.1.unit_code", "Line 1's unit of measure"),
        ("legalmonetarytotal.lineextensionamount", "totals.lineextensionamount", "The document's lineextensionamount"),
    ],
)
def test_the_authoritys_path_becomes_ours(path: str, field: str, label: str) -> None:
    assert our_field(path) == (field, label)


def test_the_sentence_says_who_what_and_where() -> None:
    verdict = read("min_length_or_value")
    assert verdict.sentence == (
        "The buyer's TIN was refused: the tax authority says that it must be at least in length or value 5."
    )
    assert "sync again" in verdict.where
