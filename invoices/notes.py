"""Credit and debit notes of a registered invoice, as drafts: whole, by line or by amount. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from invoices.drafts import InvoiceDraft, LineDraft, PartyDraft, SourceRef
from invoices.drafts.facts import BillingReference, InvoiceKind
from invoices.taxes import EXACT, ZERO, money

CREDIT, DEBIT = "380", "384"
SOURCE_KIND = {CREDIT: "credit_note", DEBIT: "debit_note"}
WORDS = {CREDIT: "Credit note", DEBIT: "Debit note"}


class NoteInvalid(ValueError):
    """What was asked for makes no note; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Original:
    """The invoice that a note is about, as it was registered. `lines` by their position in it, with their net."""

    pk: int
    connection_id: int
    number: str
    irn: str
    issue_date: date
    kind: InvoiceKind
    currency: str
    buyer: PartyDraft | None
    tax_point: date
    lines: Mapping[int, tuple[LineDraft, Decimal]]
    allowance: Decimal
    charge: Decimal


def whole_credit(original: Original, *, part: str, reason: str) -> InvoiceDraft:
    """Return the note that takes everything back."""
    lines = [line for line, _ in original.lines.values()]
    return _note(original, CREDIT, part, reason, lines, original.allowance, original.charge)


def credit_by_line(original: Original, quantities: Mapping[int, Decimal], *, part: str, reason: str) -> InvoiceDraft:
    """Return the note that takes quantities of some lines back, by their position.

    A line's discount and fee go with its quantity; the invoice's own discount and charge with the lines' net. Raises
    NoteInvalid for a line that is not there, and for more than was sold.
    """
    chosen = [_part_of_line(original, position, quantity) for position, quantity in quantities.items() if quantity]
    if not chosen:
        raise NoteInvalid("Say how much of at least one line is credited.")
    share = EXACT.divide(sum((net for _, net in chosen), ZERO), _whole(original))
    lines = [line for line, _ in chosen]
    allowance, charge = (money(EXACT.multiply(each, share)) for each in (original.allowance, original.charge))
    return _note(original, CREDIT, part, reason, lines, allowance, charge)


def note_by_amount(
    original: Original, net: Decimal, *, type_code: str, tax_category: str, part: str, reason: str
) -> InvoiceDraft:
    """Return a note over an amount before tax, in one tax category of the original.

    Raises NoteInvalid for no amount and for a category that the original does not have.
    """
    if net <= 0 or net != money(net):
        raise NoteInvalid("Give an amount before tax above nothing, in naira and kobo.")
    alike = [line for line, _ in original.lines.values() if line.tax_category == tax_category]
    if not alike:
        raise NoteInvalid(f"Invoice {original.number} has no line of the tax category {tax_category}.")
    line = replace(
        alike[0],
        name=f"{WORDS[type_code]} on invoice {original.number}",
        description=reason,
        quantity=Decimal(1),
        unit_price=net,
        discount=ZERO,
        discount_rate=None,
        fee=ZERO,
        sku="",
        external_id="",
    )
    return _note(original, type_code, part, reason, [line], ZERO, ZERO)


def _part_of_line(original: Original, position: int, quantity: Decimal) -> tuple[LineDraft, Decimal]:
    if position not in original.lines:
        raise NoteInvalid(f"Invoice {original.number} has no line {position}.")
    line, net = original.lines[position]
    sold = line.quantity or ZERO
    if not 0 < quantity <= sold:
        raise NoteInvalid(f"Line {position} sold {sold.normalize():f}; between nothing and that can be credited.")
    share = EXACT.divide(quantity, sold)
    discount, fee = (money(EXACT.multiply(each, share)) for each in (line.discount, line.fee))
    gross = money(EXACT.multiply(quantity, line.unit_price or ZERO))
    whole = quantity == sold
    return replace(line, quantity=quantity, discount=discount, fee=fee), net if whole else gross - discount + fee


def _whole(original: Original) -> Decimal:
    return sum((net for _, net in original.lines.values()), ZERO) or Decimal(1)


def _note(
    original: Original,
    type_code: str,
    part: str,
    reason: str,
    lines: Sequence[LineDraft],
    allowance: Decimal,
    charge: Decimal,
) -> InvoiceDraft:
    if not reason.strip():
        raise NoteInvalid("Say why: the reason stands on the note.")
    return InvoiceDraft(
        source=SourceRef(
            original.connection_id,
            SOURCE_KIND[type_code],
            str(original.pk),
            part,
            f"{WORDS[type_code]} on {original.number}",
        ),
        kind=original.kind,
        currency=original.currency,
        buyer=original.buyer,
        lines=tuple(lines),
        document_discount=allowance,
        document_charge=charge,
        supply_date=original.tax_point,  # the rates of the supply that is taken back, not those of today
        note=reason.strip(),
        missing=(),
        snapshot={"original": {"irn": original.irn, "number": original.number}, "reason": reason.strip()},
        type_code=type_code,
        billing_reference=BillingReference(original.irn, original.issue_date),
    )


@dataclass(frozen=True, slots=True)
class NoteRequest:
    """What somebody wants of a note: everything back, quantities of lines by position, or an amount before tax."""

    reason: str
    type_code: str = CREDIT
    quantities: Mapping[int, Decimal] | None = None
    net: Decimal | None = None
    tax_category: str = ""


def note_draft(original: Original, request: NoteRequest, *, part: str) -> InvoiceDraft:
    """Return the draft of the note that was asked for; raises NoteInvalid."""
    if request.net is not None:
        return note_by_amount(
            original,
            request.net,
            type_code=request.type_code,
            tax_category=request.tax_category,
            part=part,
            reason=request.reason,
        )
    if request.type_code != CREDIT:
        raise NoteInvalid("A debit note needs an amount before tax.")
    if request.quantities is not None:
        return credit_by_line(original, request.quantities, part=part, reason=request.reason)
    return whole_credit(original, part=part, reason=request.reason)
