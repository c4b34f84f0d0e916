"""Completed refunds into credit notes on the invoices of their sales, never more than was sold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from integrations.models import Connection
from invoices.drafts import InvoiceDraft
from invoices.models import REGISTERED, Invoice, Status
from invoices.notes import NoteInvalid, NoteRequest
from invoices.services.issuing import lock_issuing
from invoices.services.noting import make_note, preview_note
from pos.models import Refund, RefundState, Sale, SaleKey, SaleReturn
from pos.records import ZERO

logger = structlog.get_logger(__name__)

KOBO = Decimal("0.01")
# Lists trail behind: a refund may be read before the return that says which lines and how much tip are in it.
RETURN_WAIT = timedelta(days=1)
NO_RETURN = (
    "The till names a return with it that could not be read for a day, so its lines and tip are not known. Credit its "
    "invoice by hand."
)
NOTHING_TO_CREDIT = "{} stands at “{}”, so there is nothing to credit."
UNTOLD = "The till does not tell which sale the goods are of. Credit its invoice by hand."
UNLINKED = "It names no payment, so nobody can tell which sale it takes back. Credit its invoice by hand."
SEVERAL = (
    "Its sale has several tax categories and the till names no lines, so the tax in it is not known. Credit its "
    "invoice by hand: by line, or by amount in each category."
)


def connections_with_due_refunds() -> set[int]:
    """Return the connections that have refunds or exchanges to credit."""
    found = (rows.order_by().values_list("connection_id", flat=True).distinct() for rows in (_due(), _exchanged()))
    return {pk for ids in found for pk in ids}


def credit_due_exchanges(*, connection: Connection) -> int:
    """Make the credit notes of what exchanges took back, and return how many were made; they wait as refunds do."""
    made = 0
    for pk in _exchanged().filter(connection=connection).order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            lock_issuing(connection.organization)
            row = _exchanged().select_for_update(of=("self",)).filter(pk=pk).first()
            if row is not None:
                made += _credit_exchange(row)
    return made


def _exchanged() -> QuerySet[SaleReturn]:
    due: QuerySet[SaleReturn] = SaleReturn.objects.filter(note_due=True)
    return due


def _credit_exchange(row: SaleReturn) -> bool:
    if not row.source_external_id:
        return _leave_exchange(row, UNTOLD)
    sold = SaleKey.objects.filter(connection=row.connection_id, external_id=row.source_external_id).first()
    invoice = invoice_of(sold) if sold else None
    if sold is None or invoice is None or invoice.status not in REGISTERED:
        if invoice is not None and invoice.status == Status.VOIDED:
            return _leave_exchange(row, NOTHING_TO_CREDIT.format(invoice, invoice.get_status_display()))
        return False
    taken = [each for each in _returns_in(row.sale) if each["sale_external_id"] == row.source_external_id]
    reason = f"Exchange {row.sale.external_id}: goods came back for others"
    try:
        with transaction.atomic():
            request = _request(invoice, sold, row.amount, taken, reason)
            note = make_note(invoice=invoice, request=request, by=None)
            SaleReturn.objects.filter(pk=row.pk).update(note_due=False, note_problem="", note=note)
    except NoteInvalid as problem:
        return _leave_exchange(row, str(problem))
    return True


def _leave_exchange(row: SaleReturn, why: str) -> bool:
    logger.warning("exchange_left_to_people", exchange=row.pk, reason=why)
    SaleReturn.objects.filter(pk=row.pk).update(note_due=False, note_problem=why)
    return False


def credit_due_refunds(*, connection: Connection) -> int:
    """Make the credit notes that completed refunds ask for, and return how many were made.

    One whose sale or return was not read yet, or whose invoice the authority does not have yet, waits. One that nobody
    can credit by rule is left to people, with the reason on it.
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
    exchange = SaleReturn.objects.filter(
        connection=refund.connection_id, sale__external_id=refund.return_external_id,
        source_external_id=refund.sale.external_id,
    ).first()  # fmt: skip
    if exchange is not None:
        return _as_its_exchange(refund, exchange)
    if invoice is None or invoice.status not in REGISTERED:
        if invoice is not None and invoice.status in (Status.VOIDED, Status.CREDITED):
            _leave(refund, NOTHING_TO_CREDIT.format(invoice, invoice.get_status_display()))
        return False
    if _lacks_return(refund):
        if refund.stored_at < timezone.now() - RETURN_WAIT:
            _leave(refund, NO_RETURN)
        return False
    taken = _return_of(refund)
    if _lacks_sibling(refund, taken):
        return False
    try:
        with transaction.atomic():
            amount = refund.amount - _tip_in(refund, taken)
            reason = f"Refund {refund.external_id}: {refund.reason or 'no reason given at the till'}"
            request = _request(invoice, refund.sale, amount, taken, reason)
            note = make_note(invoice=invoice, request=request, by=None)
            Refund.objects.filter(pk=refund.pk).update(note_due=False, note_problem="", note=note)
    except NoteInvalid as problem:
        _leave(refund, str(problem))
        return False
    return True


def _tip_in(refund: Refund, taken: Sequence[Mapping[str, Any]]) -> Decimal:
    """Return the tip in a refund, which was on no invoice: of what several tenders get back, the greatest has it."""
    tip = sum((Decimal(str(each["tip_amount"])) for each in taken), ZERO)
    if not tip:
        return ZERO
    together = Refund.objects.filter(
        connection=refund.connection_id, return_external_id=refund.return_external_id, sale=refund.sale
    )
    greatest = together.exclude(state=RefundState.FAILED).order_by("-amount", "external_id").first()
    return tip if greatest == refund else ZERO


def _lacks_sibling(refund: Refund, taken: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a tip came back and not all refunds of it are read, so that nobody knows which of them has it."""
    tip = sum((Decimal(str(each["tip_amount"])) for each in taken), ZERO)
    whole = sum((Decimal(str(each["total_amount"])) for each in taken), tip)
    mine = Refund.objects.filter(
        connection=refund.connection_id, return_external_id=refund.return_external_id, sale=refund.sale
    ).exclude(state=RefundState.FAILED)
    read = mine.aggregate(read=Sum("amount"))["read"] or ZERO
    return bool(tip) and read < whole and refund.stored_at > timezone.now() - RETURN_WAIT


def _as_its_exchange(refund: Refund, exchange: SaleReturn) -> bool:
    """Let money that an exchange gave back have the exchange's own note; both are of the same goods."""
    if exchange.note_problem:
        _leave(refund, exchange.note_problem)
    elif exchange.note_id is not None:
        Refund.objects.filter(pk=refund.pk).update(note_due=False, note_problem="", note=exchange.note_id)
    return False


def _lacks_return(refund: Refund) -> bool:
    name = refund.return_external_id
    return bool(name) and not SaleKey.objects.filter(connection=refund.connection_id, external_id=name).exists()


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


def _request(
    invoice: Invoice, sold: SaleKey, amount: Decimal, taken: Sequence[Mapping[str, Any]], reason: str
) -> NoteRequest:
    """Return the note of goods that came back for `amount`: everything, the lines, or an amount; raises NoteInvalid."""
    if amount == invoice.payable_amount:
        return NoteRequest(reason=reason)
    quantities = _returned(sold, invoice, taken)
    whole = sum((Decimal(str(each["total_amount"])) for each in taken), ZERO)
    if quantities and abs(whole - amount) <= KOBO:  # else it is one of several refunds of what came back
        request = NoteRequest(reason=reason, quantities=quantities)
        if abs(preview_note(invoice=invoice, request=request).payable_amount - amount) <= KOBO:
            return request
    categories = {line.tax_category for line in invoice.lines.all()}
    if len(categories) != 1 or not invoice.tax_inclusive_amount:
        raise NoteInvalid(SEVERAL)
    exclusive = invoice.tax_exclusive_amount or ZERO
    net = (amount * exclusive / invoice.tax_inclusive_amount).quantize(KOBO)
    requests = [NoteRequest(reason, net=net + step, tax_category=min(categories)) for step in (ZERO, KOBO, -KOBO)]
    # The tax is rounded from the net, so a kobo beside it may be what comes to the amount.
    exact = (each for each in requests if preview_note(invoice=invoice, request=each).payable_amount == amount)
    return next(exact, requests[0])


def _returns_in(sale: SaleKey) -> list[dict[str, Any]]:
    found = Sale.objects.filter(pk=sale.pk, sold_at=sale.sold_at).values_list("returns", flat=True).first()
    return list(found or ())


def _return_of(refund: Refund) -> list[dict[str, Any]]:
    """Return what the return that a refund names took back of the refund's sale."""
    if not refund.return_external_id or refund.sale is None:
        return []
    key = SaleKey.objects.filter(connection=refund.connection_id, external_id=refund.return_external_id).first()
    mine = refund.sale.external_id
    return [each for each in _returns_in(key) if each["sale_external_id"] == mine] if key else []


def _returned(sold: SaleKey, invoice: Invoice, taken: Sequence[Mapping[str, Any]]) -> dict[int, Decimal]:
    """Return the quantities that came back by their position on the sale's own invoice, {} where nobody can tell."""
    if sold.batch_id is not None:
        return {}
    lines = InvoiceDraft.from_json(invoice.draft, {}).lines
    positions = {line.external_id: position for position, line in enumerate(lines, 1)}
    found: dict[int, Decimal] = {}
    for each in taken:
        for line in each["lines"]:
            position = positions.get(line["external_id"])
            if position is None:
                return {}
            found[position] = found.get(position, ZERO) + Decimal(line["quantity"])
    return found
