"""Copies a draft, its sums and its frozen document into the columns of an invoice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from invoices.deadlines import deadline_of
from invoices.drafts import InvoiceDraft, Missing
from invoices.drafts.preparing import in_naira
from invoices.freezing import Frozen
from invoices.law import Law, Pinned
from invoices.models import Invoice, InvoiceLine, Status
from invoices.taxes import Totals

SOURCE = ("connection", "source_kind", "source_external_id", "source_part")
# All that a chunk may change of an invoice that is there already.
CHANGEABLE = (
    *(
        "business",
        "type_code",
        "source_label",
        "source_url",
        "status",
        "number",
        "irn",
        "kind",
        "issue_date",
        "issue_time",
    ),
    *("due_date", "supply_date", "supplied_at", "currency", "buyer_name", "buyer_tin", "line_extension_amount"),
    *("allowance_amount", "tax_exclusive_amount", "tax_amount", "tax_inclusive_amount", "payable_amount"),
    *(
        "rule_set",
        "tax_rules",
        "seller_version",
        "source_currency",
        "exchange_rate",
        "exchange_day",
        "exchange_source",
        "naira_amount",
        "naira_tax",
        "deadline_at",
        "deadline_rule",
        "missing",
        "draft",
        "snapshot",
        "document",
        "document_sha256",
        "qr_payload",
        "problem",
        "problem_field",
    ),
    *("needs_approval", "approval_reason", "approved_by", "approved_at", "voided_for", "void_reason"),
    *("setbacks", "seen_absent", "next_attempt_at", "ready_at", "updated_at"),
)
# What says where a numbered invoice stands, when its document stays as it is.
STANDING = (
    *("status", "needs_approval", "approval_reason", "approved_by", "approved_at", "voided_for", "void_reason"),
    *("next_attempt_at", "updated_at"),
)
AMOUNTS = (
    "line_extension_amount",
    "allowance_amount",
    "tax_exclusive_amount",
    "tax_amount",
    "tax_inclusive_amount",
    "payable_amount",
)


def put_facts(
    invoice: Invoice,
    draft: InvoiceDraft,
    *,
    stored: dict[str, object],
    missing: Sequence[Missing],
    totals: Totals | None,
    rate: Pinned | None = None,
) -> None:
    """Put a draft's facts on its invoice.

    `stored` is the draft as its source gave it, `draft` the same in the document's terms, converted by `rate`.
    """
    invoice.source_label, invoice.source_url = draft.source.label, draft.source.url
    invoice.type_code = draft.type_code
    invoice.kind, invoice.currency, invoice.supply_date = draft.kind, draft.currency[:10], draft.supply_date
    invoice.supplied_at = draft.supplied_at
    invoice.buyer_name = draft.buyer.name.strip() if draft.buyer else ""
    invoice.buyer_tin = draft.buyer.tin.strip() if draft.buyer else ""
    invoice.draft, invoice.snapshot = stored, draft.snapshot
    invoice.rule_set_id = draft.rule_set_id
    invoice.source_currency = str(stored.get("currency", ""))[:10]
    invoice.exchange_rate = rate.rate if rate else None
    invoice.exchange_day = rate.day if rate else None
    invoice.exchange_source = rate.source if rate else ""
    invoice.missing = [asdict(each) for each in missing]
    for name in AMOUNTS:
        setattr(invoice, name, getattr(totals, name) if totals else None)
    invoice.naira_amount = in_naira(invoice.payable_amount, invoice.currency, rate)
    invoice.naira_tax = in_naira(invoice.tax_amount, invoice.currency, rate)


def put_deadline(invoice: Invoice, law: Law, target_hours: int, now: datetime) -> None:
    """Put the moment by which it has to be registered on an invoice whose facts stand."""
    deadline = deadline_of(
        kind=invoice.kind,
        payable=invoice.naira_amount,
        supplied=invoice.supply_date,
        supplied_at=invoice.supplied_at,
        known_since=invoice.created_at or now,
        law=law,
        target_hours=target_hours,
    )
    invoice.deadline_at = deadline.at if deadline else None
    invoice.deadline_rule = deadline.rule if deadline else ""


def put_frozen(invoice: Invoice, frozen: Frozen, now: datetime, *, approval_reason: str) -> None:
    """Put the frozen document on its invoice, which is READY from `now`; an approval of other bytes is gone."""
    put_waiting(invoice, approval_reason)
    invoice.number, invoice.irn = frozen.number, frozen.irn
    invoice.issue_date, invoice.issue_time = frozen.issued_at.date(), frozen.issued_at.time()
    invoice.due_date = frozen.due_date
    invoice.document, invoice.document_sha256 = frozen.document.decode(), frozen.sha256
    invoice.qr_payload = frozen.qr_payload
    invoice.problem = invoice.problem_field = ""
    invoice.setbacks, invoice.seen_absent = 0, False
    invoice.ready_at = invoice.next_attempt_at = now


def put_waiting(invoice: Invoice, approval_reason: str) -> None:
    """Let a numbered invoice be READY: to go out by itself, or with a reason to be looked at by a person first."""
    invoice.status = Status.READY
    invoice.needs_approval, invoice.approval_reason = bool(approval_reason), approval_reason
    invoice.approved_by = invoice.approved_at = None
    invoice.voided_for = invoice.void_reason = ""


def line_rows(invoice: Invoice, draft: InvoiceDraft, totals: Totals | None) -> list[InvoiceLine]:
    """Return the rows of the invoice's lines, none while its sums cannot be worked out."""
    if totals is None:
        return []
    return [
        InvoiceLine(
            invoice=invoice,
            position=position,
            name=line.name,
            description=line.description,
            sku=line.sku,
            quantity=amounts.quantity,
            unit_price=amounts.unit_price,
            discount_amount=amounts.discount,
            fee_amount=amounts.fee,
            net_amount=amounts.net,
            tax_category=amounts.category,
            tax_rate=amounts.rate,
            hsn_code=line.hsn_code,
            product_category=line.product_category,
            isic_code=line.isic_code,
            service_category=line.service_category,
        )
        for position, (line, amounts) in enumerate(zip(draft.lines, totals.lines, strict=True), 1)
    ]
