"""An invoice as UBL, and everything that is known of it packed as evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db.models import Model

from invoices.models import ExchangeCall, Invoice, Status
from invoices.paper.bundle import bundle_of, json_bytes
from invoices.paper.ubl import LineTax, UblNotPossible, ubl_of
from invoices.services.papering import pdf_of, qr_of

FACTS = (
    "status", "number", "irn", "kind", "type_code", "source_kind", "source_external_id", "source_part", "source_label",
    "document_sha256", "csid", "server_qr", "attempts", "needs_approval", "approval_reason", "approved_at",
    "voided_for", "void_reason", "problem", "problem_field", "created_at", "ready_at", "signed_at",
)  # fmt: skip
CALL = ("attempt", "step", "started_at", "finished_at", "http_status", "outcome", "sentence")


def ubl_of_invoice(invoice: Invoice) -> bytes:
    """Return the UBL of a numbered invoice. Raises UblNotPossible, also for a draft, with a sentence."""
    if invoice.document is None:
        raise UblNotPossible("A held invoice has no document yet, so there is nothing to export.")
    document = json.loads(invoice.document, parse_float=Decimal, parse_int=Decimal)
    taxes = [LineTax(line.tax_category, line.tax_rate) for line in invoice.lines.order_by("position")]
    if len(taxes) != len(document["invoice_line"]):
        raise UblNotPossible("The stored lines are not those of the document. Tell operations of it.")
    return ubl_of(document, rc_number=invoice.business.rc_number if invoice.business else "", line_taxes=taxes)


def evidence_of(invoice: Invoice) -> bytes:
    """Return the evidence of a numbered invoice as one zip; the same bytes while nothing new happens to it.

    Raises ValueError for a draft, which is evidence of nothing yet.
    """
    if invoice.status == Status.DRAFT:
        raise ValueError("A held invoice has no evidence yet: nothing was handed in.")
    files = {
        "source.json": json_bytes(invoice.snapshot),
        "draft.json": json_bytes(invoice.draft),
        "document.json": invoice.body,
        "qr.txt": invoice.qr_payload.encode(),
        "qr.svg": qr_of(invoice).encode(),
        "invoice.pdf": pdf_of(invoice),
        "facts.json": json_bytes(_facts(invoice)),
        **dict(_calls(invoice)),
    }
    about: dict[str, Any] = {"irn": invoice.irn, "number": invoice.number}
    try:
        files["invoice.ubl.xml"] = ubl_of_invoice(invoice)
    except UblNotPossible as problem:
        about["left_out"] = {"invoice.ubl.xml": str(problem)}
    return bundle_of(files, about=about)


def _facts(invoice: Invoice) -> dict[str, Any]:
    people = {
        name: getattr(invoice, name).email if getattr(invoice, f"{name}_id") else None
        for name in ("made_by", "approved_by")
    }
    return {
        **_columns(invoice, FACTS),
        **people,
        "original_irn": invoice.original.irn if invoice.original else None,
        "moves": [_columns(move, ("at", "from_status", "to_status", "sentence")) for move in invoice.moves.all()],
    }


def _calls(invoice: Invoice) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) for each question to the authority and, apart, for what it answered."""
    for call in invoice.submissions.order_by("pk"):
        name = f"submissions/{call.attempt:03d}-{call.step}"
        yield f"{name}.json", json_bytes(_columns(call, (*CALL, "request_sha256")))
        yield f"{name}.answer.txt", call.response.encode()
    asked = ExchangeCall.objects.filter(exchange__invoice=invoice).select_related("exchange").order_by("pk")
    for number, later in enumerate(asked, start=1):
        name = f"exchanges/{number:03d}-{later.exchange.purpose}-{later.step}"
        yield f"{name}.json", json_bytes({"purpose": later.exchange.purpose, **_columns(later, (*CALL, "request"))})
        yield f"{name}.answer.txt", later.response.encode()


def _columns(row: Model, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}
