from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest
import time_machine

from invoices.models import Business, Invoice, Status
from invoices.services.exporting import evidence_of
from invoices.services.papering import pdf_of
from invoices.services.submitting import submit_invoice
from tests.invoices.making import BUYER


def unpacked(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_bundle_holds_every_question_and_answer_beside_the_document(
    business: Business, issue: Callable[..., Invoice]
) -> None:
    invoice = submit_invoice(invoice_id=issue().pk)
    assert invoice.status == Status.SIGNED
    files = unpacked(evidence_of(invoice))
    assert files["document.json"] == invoice.body
    assert hashlib.sha256(files["document.json"]).hexdigest() == invoice.document_sha256
    assert files["qr.txt"].decode() == invoice.qr_payload
    assert files["invoice.pdf"] == pdf_of(invoice)
    assert json.loads(files["source.json"]) == invoice.snapshot
    assert b"<cbc:InvoiceTypeCode>380<" in files["invoice.ubl.xml"]
    calls = list(invoice.submissions.order_by("pk"))
    assert calls
    for call in calls:
        told = json.loads(files[f"submissions/{call.attempt:03d}-{call.step}.json"])
        assert (told["outcome"], told["request_sha256"]) == (call.outcome, call.request_sha256)
        assert files[f"submissions/{call.attempt:03d}-{call.step}.answer.txt"].decode() == call.response
    facts = json.loads(files["facts.json"])
    assert [move["to_status"] for move in facts["moves"]][-1] == "signed"


def test_the_manifest_has_the_hash_of_every_file(signed: Invoice) -> None:
    files = unpacked(evidence_of(signed))
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["irn"] == signed.irn
    assert {row["name"]: row["sha256"] for row in manifest["files"]} == {
        name: hashlib.sha256(body).hexdigest() for name, body in files.items()
    }


def test_the_same_content_gives_the_same_bytes_on_another_day(signed: Invoice) -> None:
    first = evidence_of(signed)
    with time_machine.travel("2031-05-05 12:00:00+00:00"):
        assert evidence_of(Invoice.objects.get()) == first


def test_a_draft_is_evidence_of_nothing(business: Business, issue: Callable[..., Invoice]) -> None:
    with pytest.raises(ValueError, match="nothing was handed in"):
        evidence_of(issue(buyer=replace(BUYER, tin="")))
