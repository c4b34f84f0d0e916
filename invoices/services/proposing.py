"""Notices that a registered invoice's source has changed, and proposes what to do; it never edits."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from integrations.models import Connection
from invoices.drafts import InvoiceDraft
from invoices.models import REGISTERED, Invoice, Proposal, ProposalState, Status
from invoices.taxes import ZERO, Totals

# The authority has it, or may have it: only a note can change what it says.
HANDED_IN = (*REGISTERED, Status.SUBMITTING, Status.UNKNOWN)


def balance(invoice: Invoice) -> Decimal:
    """Return what an invoice comes to after its notes; a voided note does not count."""
    notes = Invoice.objects.filter(original=invoice).exclude(status=Status.VOIDED)
    sums = dict(notes.order_by().values_list("type_code").annotate(Sum("payable_amount")))
    return (invoice.payable_amount or ZERO) - (sums.get("380") or ZERO) + (sums.get("384") or ZERO)


def compare(invoice: Invoice, draft: InvoiceDraft, totals: Totals | None) -> None:
    """Open, update or close the proposal of a handed-in invoice whose source was read again.

    Runs in the caller's transaction. What a person dismissed is proposed again only when the difference is another.
    """
    difference = None if totals is None else totals.payable_amount - balance(invoice)
    why = _why(invoice, draft, difference)
    if why:
        _open(invoice, why, difference)
    else:
        open_ones = Proposal.objects.filter(invoice=invoice, state=ProposalState.OPEN)
        open_ones.update(state=ProposalState.GONE, updated_at=timezone.now())


def propose_credit(*, connection: Connection, kind: str, external_ids: Sequence[str], why: str) -> int:
    """Propose to take back what is handed in of these sources, and return how many invoices that are."""
    invoices = Invoice.objects.filter(
        connection=connection, source_kind=kind, source_external_id__in=list(external_ids), status__in=HANDED_IN
    ).exclude(status=Status.CREDITED)
    for invoice in invoices:
        left = balance(invoice)
        if left > 0:
            _open(invoice, why, -left)
    return len(invoices)


def dismiss(*, proposal: Proposal, why: str, by: User) -> bool:
    """Let the invoice stand as it is; return False when it was decided already."""
    mine = Proposal.objects.filter(pk=proposal.pk, state=ProposalState.OPEN)
    now = timezone.now()
    return bool(
        mine.update(state=ProposalState.DISMISSED, decision=why.strip(), decided_by=by, decided_at=now, updated_at=now)
    )


def answer(*, original: Invoice, note: Invoice, by: User | None) -> None:
    """Close the open proposal of an invoice by the note that was made, inside the caller's transaction."""
    now = timezone.now()
    Proposal.objects.filter(invoice=original, state=ProposalState.OPEN).update(
        state=ProposalState.DONE, note=note, decided_by=by, decided_at=now, updated_at=now
    )


def _why(invoice: Invoice, draft: InvoiceDraft, difference: Decimal | None) -> str:
    changes = []
    if difference is None:
        changes.append("its amounts cannot be added up any more")
    elif difference:
        more = "more" if difference > 0 else "less"
        changes.append(f"it comes to {abs(difference):,.2f} {invoice.currency} {more}")
    buyer = (draft.buyer.name.strip(), draft.buyer.tin.strip()) if draft.buyer else ("", "")
    if buyer != (invoice.buyer_name, invoice.buyer_tin):
        changes.append(f"the buyer is {buyer[0] or 'nobody'} ({buyer[1] or 'no TIN'})")
    if not changes:
        return ""
    return f"The {draft.source.kind} has changed since: {' and '.join(changes)}."


def _open(invoice: Invoice, why: str, difference: Decimal | None) -> None:
    latest = Proposal.objects.filter(invoice=invoice).first()
    if latest is not None and latest.state == ProposalState.DISMISSED and latest.why == why:
        return
    Proposal.objects.update_or_create(
        invoice=invoice, state=ProposalState.OPEN, defaults={"why": why, "difference": difference}
    )
