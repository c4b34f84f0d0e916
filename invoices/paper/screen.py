"""What an invoice's page shows beside its status: the paper, the document line by line, and what happened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from invoices.models import Business, Invoice, InvoiceLine, Status, Step, Submission

PARTY_KEYS = {"name": "party_name", "tin": "tin", "email": "email", "telephone": "telephone"}
ADDRESS_KEYS = {
    "street": "street_name",
    "city": "city_name",
    "postal_zone": "postal_zone",
    "state": "state",
    "country": "country",
}
MEANING_OF_OUTCOME = {
    "accepted": "done",
    "found": "done",
    "rejected": "failed",
    "unclear": "needs",
    "credentials_refused": "failed",
    "absent": "waiting",
    "lookup_failed": "needs",
}


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line of the printed document. `path` is the place of its value ("legal_monetary_total.payable_amount")."""

    indent: str
    key: str
    value: str
    tail: str
    path: str


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an invoice; `by` is who or what did it."""

    at: datetime
    what: str
    by: str = ""
    detail: str = ""
    meaning: str = "neutral"
    note: str = ""


class _Digits(str):
    """A number as it stands in the document, to the last zero."""

    __slots__ = ()


def paper_of(invoice: Invoice, lines: Sequence[InvoiceLine]) -> dict[str, Any]:
    """Return what the paper shows, in the document's own shape: from the frozen document where there is one.

    For a draft it holds what is known so far; an amount that cannot be worked out yet is None.
    """
    if invoice.document is not None:
        paper: dict[str, Any] = json.loads(invoice.document, parse_float=Decimal, parse_int=Decimal)
        return paper
    draft = invoice.draft or {}
    return {
        "accounting_supplier_party": _seller(invoice.business),
        "accounting_customer_party": _party(draft.get("buyer") or {}),
        "document_currency_code": invoice.currency,
        "actual_delivery_date": invoice.supply_date.isoformat() if invoice.supply_date else None,
        "note": draft.get("note", ""),
        "legal_monetary_total": {
            "line_extension_amount": invoice.line_extension_amount,
            "tax_exclusive_amount": invoice.tax_exclusive_amount,
            "payable_amount": invoice.payable_amount,
        },
        "tax_total": [{"tax_amount": invoice.tax_amount, "tax_subtotal": []}],
        "invoice_line": [_stored_line(line) for line in lines] or [_draft_line(row) for row in draft.get("lines", [])],
    }


def document_lines(body: bytes) -> list[DocumentLine]:
    """Return the frozen document as indented lines, its numbers exactly as they were sent."""
    return list(_print(json.loads(body, parse_float=_Digits, parse_int=_Digits), "", "", 0, ""))


def history_of(invoice: Invoice, submissions: Sequence[Submission]) -> list[Event]:
    """Return what happened to an invoice, the newest first."""
    source = invoice.source_label or invoice.source_external_id
    made = _("Made from the %(kind)s %(name)s") % {"kind": invoice.source_kind, "name": source}
    maker = _("the sync of %(name)s") % {"name": invoice.connection}
    if invoice.original_id is not None:
        made, maker = _("Made: %(name)s") % {"name": source}, str(invoice.made_by or _("TaxPoynt"))
    # The row is written a moment after the number in it was taken, both in one transaction.
    made_at = min(invoice.created_at, invoice.ready_at or invoice.created_at)
    events = [Event(made_at, made, by=maker)]
    if invoice.status == Status.DRAFT:
        events.append(
            Event(
                invoice.updated_at,
                _("Held, because facts are missing"),
                by=_("the rule that nothing is invented"),
                detail=", ".join(invoice.missing_labels),
                meaning="needs",
            )
        )
    if invoice.approved_at:
        by = str(invoice.approved_by)
        events.append(Event(invoice.approved_at, _("Approved by a second person"), by=by, meaning="done"))
    events += [
        Event(
            move.at, _("Voided before the authority had it"), by=_("TaxPoynt"), detail=move.sentence, meaning="failed"
        )
        for move in invoice.moves.filter(to_status=Status.VOIDED)
    ]
    if invoice.ready_at:
        took = _("Took number %(number)s and its IRN; the document was frozen") % {"number": invoice.number}
        events.append(Event(invoice.ready_at, took, by=_("TaxPoynt")))
    events += [_attempt(submission) for submission in submissions]
    if invoice.signed_at:
        events.append(
            Event(invoice.signed_at, _("Signed"), by=_("the tax authority"), detail=invoice.irn or "", meaning="done")
        )
    return newest_first(events)


def newest_first(events: list[Event]) -> list[Event]:
    """Return events the newest first; of two at one instant the later in the list counts as the newer."""
    return sorted(events, key=lambda event: event.at)[::-1]


def _attempt(submission: Submission) -> Event:
    sentence = submission.sentence
    if submission.finished_at is None:
        sentence = _("No answer was written down: the worker stopped. The authority is asked before it is resent.")
    number = _("attempt %(number)d") % {"number": submission.attempt}
    status = f" · HTTP {submission.http_status}" if submission.http_status else ""
    outcome = submission.outcome.replace("_", " ") or _("unfinished")
    return Event(
        submission.finished_at or submission.started_at,
        f"{_STEPS[Step(submission.step)]}: {outcome}",
        by=_("TaxPoynt"),
        detail=sentence,
        meaning=MEANING_OF_OUTCOME.get(submission.outcome, "waiting"),
        note=f"{number}{status}",
    )


_STEPS = {
    Step.VALIDATE: gettext_lazy("Checked with the authority"),
    Step.SIGN: gettext_lazy("Handed in for signing"),
    Step.CONFIRM: gettext_lazy("Asked the authority to confirm it"),
    Step.SEARCH: gettext_lazy("Searched for it at the authority"),
}


def _seller(business: Business | None) -> dict[str, Any]:
    if business is None:
        return {}
    facts = {name: getattr(business, name) for name in (*PARTY_KEYS.keys() - {"name"}, *ADDRESS_KEYS)}
    return _party(facts | {"name": business.legal_name})


def _party(facts: dict[str, Any]) -> dict[str, Any]:
    party = {theirs: facts.get(ours, "") for ours, theirs in PARTY_KEYS.items()}
    return party | {"postal_address": {theirs: facts.get(ours, "") for ours, theirs in ADDRESS_KEYS.items()}}


def _stored_line(line: InvoiceLine) -> dict[str, Any]:
    return {
        "item": {"name": line.name, "description": line.description, "sellers_item_identification": line.sku},
        "hsn_code": line.hsn_code,
        "isic_code": line.isic_code,
        "invoiced_quantity": line.quantity,
        "price": {"price_amount": line.unit_price},
        "discount_amount": line.discount_amount or None,
        "line_extension_amount": line.net_amount,
    }


def _draft_line(row: dict[str, Any]) -> dict[str, Any]:
    quantity, price, discount = (row.get(name) for name in ("quantity", "unit_price", "discount"))
    return {
        "item": {"name": row["name"], "description": row["description"]},
        "hsn_code": row.get("hsn_code", ""),
        "isic_code": row.get("isic_code", ""),
        "invoiced_quantity": Decimal(quantity) if quantity is not None else None,
        "price": {"price_amount": Decimal(price) if price is not None else None},
        "discount_amount": (Decimal(discount) if discount else None) or None,
        "line_extension_amount": None,
    }


def _print(value: Any, key: str, path: str, depth: int, tail: str) -> Iterator[DocumentLine]:
    indent = "  " * depth
    if isinstance(value, dict | list):
        first, last = "{}" if isinstance(value, dict) else "[]"
        yield DocumentLine(indent, key, first, "", path)
        items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for number, (name, item) in enumerate(items, start=1):
            words = f"{json.dumps(name)}: " if isinstance(value, dict) else ""
            comma = "," if number < len(items) else ""
            yield from _print(item, words, f"{path}.{name}".lstrip("."), depth + 1, comma)
        yield DocumentLine(indent, "", last, tail, "")
    else:
        text = value if isinstance(value, _Digits) else json.dumps(value, ensure_ascii=False)
        yield DocumentLine(indent, key, text, tail, path)
