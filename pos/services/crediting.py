"""Completed refunds into credit notes on the invoices of their sales, never more than was sold."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import structlog
from django.db import transaction
from django.db.models import QuerySet

from integrations.models import Connection
from invoices.drafts import InvoiceDraft
from invoices.models import REGISTERED, Invoice, Status
from invoices.notes import NoteInvalid, NoteRequest
from invoices.services.issuing import lock_issuing
from invoices.services.noting import make_note, preview_note
from pos.models import Refund, Sale, SaleKey
from pos.records import ZERO

logger = structlog.get_logger(__name__)

KOBO = Decimal("0.01")
UNLINKED = "It names no payment, so nobody can tell which sale it takes back. Credit its invoice by hand."
SEVERAL = (
    "Its sale has several tax categories and the till names no lines, so the tax in it is not known. Credit its "
    "invoice by hand: by line, or by amount in each category."
)


def connections_with_due_refunds() -> set[int]:
    """Return the connections that have refunds to credit."""
    return set(_due().order_by().values_list("connection_id", flat=True).distinct())


def credit_due_refunds(*, connection: Connection) -> int:
    """Make the credit notes that completed refunds ask for, and return how many were made.

    One whose sale was not read yet, or whose invoice the authority does not have yet, waits. One that nobody can
    credit by rule is left to people, with the reason on it.
    """
    made = 0
    for pk in _due().filter(connection=connection).order_by("refunded_at", "pk").values_list("pk", flat=True):
        with transaction.atomic():
            lock_issuing(connection.organization)
            refund = _due().select_for_update(of=("self",)).filter(pk=pk).first()
            if refund is not None:
                made += _credit(refund)
    return made


def _due() -> QuerySet[Refund]:
    due: QuerySet[Refund] = Refund.objects.filter(note_due=True)
    return due


def _credit(refund: Refund) -> bool:
    if refund.sale is None:
        if refund.is_unlinked:
            _leave(refund, UNLINKED)
        return False
    invoice = invoice_of(refund.sale)
    if invoice is None or invoice.status not in REGISTERED:
        if invoice is not None and invoice.status in (Status.VOIDED, Status.CREDITED):
            _leave(refund, f"{invoice} stands at “{invoice.get_status_display()}”, so there is nothing to credit.")
        return False
    try:
        with transaction.atomic():
            make_note(invoice=invoice, request=_request(refund, invoice), by=None)
    except NoteInvalid as problem:
        _leave(refund, str(problem))
        return False
    Refund.objects.filter(pk=refund.pk).update(note_due=False, note_problem="")
    return True


def _leave(refund: Refund, why: str) -> None:
    logger.warning("refund_left_to_people", refund=refund.pk, reason=why)
    Refund.objects.filter(pk=refund.pk).update(note_due=False, note_problem=why)


def invoice_of(sale: SaleKey) -> Invoice | None:
    """Return the invoice that a sale is on, its own or its batch's."""
    mine = Invoice.objects.filter(connection=sale.connection_id, type_code="381")
    if sale.batch is None:
        return mine.filter(source_kind="sale", source_external_id=sale.external_id).first()
    return mine.filter(
        source_kind="sales", source_external_id=sale.batch.source_id, source_part=str(sale.batch.sequence)
    ).first()


def _request(refund: Refund, invoice: Invoice) -> NoteRequest:
    """Return the note of a refund: everything, the lines that came back, or an amount; raises NoteInvalid."""
    reason = f"Refund {refund.external_id}: {refund.reason or 'no reason given at the till'}"
    if refund.amount == invoice.payable_amount:
        return NoteRequest(reason=reason)
    quantities = _returned(refund, invoice)
    if quantities:
        request = NoteRequest(reason=reason, quantities=quantities)
        if abs(preview_note(invoice=invoice, request=request).payable_amount - _without_tip(refund)) <= KOBO:
            return request
    categories = {line.tax_category for line in invoice.lines.all()}
    if len(categories) != 1 or not invoice.tax_inclusive_amount:
        raise NoteInvalid(SEVERAL)
    exclusive = invoice.tax_exclusive_amount or ZERO
    net = (_without_tip(refund) * exclusive / invoice.tax_inclusive_amount).quantize(KOBO)
    return NoteRequest(reason=reason, net=net, tax_category=categories.pop())


def _return_of(refund: Refund) -> list[Mapping[str, object]]:
    if not refund.return_external_id:
        return []
    taken = Sale.objects.filter(connection=refund.connection_id, external_id=refund.return_external_id).first()
    mine = refund.sale.external_id if refund.sale else ""
    return [each for each in taken.returns if each["sale_external_id"] == mine] if taken else []


def _without_tip(refund: Refund) -> Decimal:
    """Return what was given back for goods; a tip was on no invoice."""
    return refund.amount - sum((Decimal(str(each["tip_amount"])) for each in _return_of(refund)), ZERO)


def _returned(refund: Refund, invoice: Invoice) -> dict[int, Decimal]:
    """Return the quantities that came back by their position on the sale's own invoice, {} where nobody can tell."""
    if refund.sale is None or refund.sale.batch_id is not None:
        return {}
    lines = InvoiceDraft.from_json(invoice.draft, {}).lines
    positions = {line.external_id: position for position, line in enumerate(lines, 1)}
    found: dict[int, Decimal] = {}
    for each in _return_of(refund):
        for line in each["lines"]:  # type: ignore[attr-defined]
            position = positions.get(line["external_id"])
            if position is None:
                return {}
            found[position] = found.get(position, ZERO) + Decimal(line["quantity"])
    return found
