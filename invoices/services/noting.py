"""Makes credit and debit notes: documents of their own, that point at the registered one and never exceed it."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction
from django_scopes import scope

from accounts.models import Organization, User
from invoices.drafts import InvoiceDraft, LineDraft
from invoices.drafts.lines import totals_of
from invoices.drafts.missing import tax_point
from invoices.models import REGISTERED, Invoice, InvoiceLine, Status
from invoices.notes import CREDIT, SOURCE_KIND, NoteInvalid, NoteRequest, Original, note_draft
from invoices.services.issuing import issue_drafts
from invoices.services.law import law_in_force, tax_rules_of
from invoices.services.proposing import answer, balance
from invoices.taxes import ZERO, Totals


def preview_note(*, invoice: Invoice, request: NoteRequest) -> Totals:
    """Return what a note would come to; raises NoteInvalid."""
    with scope(organization=invoice.organization_id):
        draft = note_draft(original_of(invoice), request, part="0")
        return _checked_totals(invoice, draft)


def make_note(*, invoice: Invoice, request: NoteRequest, by: User | None) -> Invoice:
    """Make a note and return it, READY or held like any invoice; raises NoteInvalid with a sentence for people.

    `by` is None where a refund at the till asks for it and nobody here.

    Notes of one organization are made one after the other, so that two people cannot credit the same naira.
    """
    with scope(organization=invoice.organization_id), transaction.atomic():
        organization = Organization.objects.select_for_update(no_key=True).get(pk=invoice.organization_id)
        original = Invoice.objects.select_for_update().get(pk=invoice.pk)
        earlier = Invoice.objects.filter(original=original, source_kind=SOURCE_KIND[request.type_code])
        draft = note_draft(original_of(original), request, part=str(earlier.count() + 1))
        _checked_totals(original, draft)
        [issued] = issue_drafts(organization=organization, drafts=[draft], made_by=by)
        note = Invoice.objects.get(pk=issued.invoice_id)
        answer(original=original, note=note, by=by)
    return note


def settle_original(note: Invoice) -> None:
    """Mark the original CREDITED once signed credit notes take all of it back; in the caller's transaction."""
    if note.type_code != CREDIT or note.original_id is None:
        return
    original = Invoice.objects.select_for_update().get(pk=note.original_id)
    signed = Invoice.objects.credits_of(original).registered().values_list("payable_amount", flat=True)
    if sum(filter(None, signed), ZERO) == original.payable_amount and original.status != Status.CREDITED:
        original.status = Status.CREDITED
        original.save(update_fields=["status", "updated_at"])


def original_of(invoice: Invoice) -> Original:
    """Return a registered invoice as a note needs it, from its frozen lines; raises NoteInvalid for any other."""
    if invoice.status not in REGISTERED or invoice.issue_date is None:
        raise NoteInvalid(
            f"{invoice} stands at “{invoice.get_status_display()}”: only what the authority has is credited."
        )
    if invoice.original_id is not None:
        raise NoteInvalid("A note is not credited: make a new one on its invoice.")
    stored = InvoiceDraft.from_json(invoice.draft, {})
    return Original(
        pk=invoice.pk,
        connection_id=invoice.connection_id,
        number=invoice.number or "",
        irn=invoice.irn or "",
        issue_date=invoice.issue_date,
        kind=stored.kind,
        currency=invoice.currency,
        buyer=stored.buyer,
        tax_point=tax_point(invoice.supply_date, invoice.issue_date),
        lines={line.position: (_as_draft(line), line.net_amount) for line in invoice.lines.all()},
        allowance=invoice.allowance_amount or ZERO,
        charge=stored.document_charge,
    )


def _as_draft(line: InvoiceLine) -> LineDraft:
    return LineDraft(
        name=line.name,
        description=line.description,
        quantity=line.quantity,
        unit_price=line.unit_price,
        discount=line.discount_amount,
        discount_rate=None,
        fee=line.fee_amount,
        tax_category=line.tax_category,
        hsn_code=line.hsn_code,
        product_category=line.product_category,
        isic_code=line.isic_code,
        service_category=line.service_category,
        sku=line.sku,
        external_id=str(line.position),
    )


def _checked_totals(original: Invoice, draft: InvoiceDraft) -> Totals:
    """Return the note's sums; raises NoteInvalid when they take back more than is left."""
    if original.issue_date is None or draft.supply_date is None:
        raise NoteInvalid("Only what has a date is credited.")
    totals = totals_of(draft, draft.supply_date, tax_rules_of(original) or law_in_force().tax)
    if totals is None or totals.payable_amount <= 0:
        raise NoteInvalid("This note comes to nothing.")
    left = balance(original) if draft.type_code == CREDIT else Decimal("Infinity")
    if totals.payable_amount > left:
        raise NoteInvalid(
            f"{left:,.2f} {original.currency} is left of {original} after its notes, and this one comes to "
            f"{totals.payable_amount:,.2f}. Credit less."
        )
    if draft.type_code == CREDIT:
        _check_lines(original, draft)
    return totals


def _check_lines(original: Invoice, draft: InvoiceDraft) -> None:
    """Refuse to take more of a line back than was sold, over all notes."""
    sold = {str(line.position): line.quantity for line in original.lines.all()}
    taken: dict[str, Decimal] = {}
    for note in Invoice.objects.credits_of(original):
        for line in InvoiceDraft.from_json(note.draft, {}).lines:
            taken[line.external_id] = taken.get(line.external_id, ZERO) + (line.quantity or ZERO)
    for line in draft.lines:
        before = taken.get(line.external_id, ZERO)
        if line.external_id and before + (line.quantity or ZERO) > sold[line.external_id]:
            raise NoteInvalid(
                f"Line {line.external_id} sold {sold[line.external_id].normalize():f}, of which {before.normalize():f} "
                "are credited already."
            )
