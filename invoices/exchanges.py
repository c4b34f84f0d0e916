"""What an invoice's page shows of the exchange with the authority, and which buttons it offers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from invoices.models import Exchange, Invoice, Purpose, Stage
from invoices.models.exchange import SETTLED
from invoices.services.payments import PAID, PENDING, payment_words
from invoices.services.transmitting import KINDS

MEANINGS = {
    Stage.WAITING: "waiting",
    Stage.WORKING: "waiting",
    Stage.HANDED_ON: "waiting",
    Stage.DONE: "done",
    Stage.REFUSED: "failed",
    Stage.HELD: "needs",
    Stage.DISMISSED: "neutral",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One purpose: its row if there is one, and (label, wanted) of the buttons."""

    purpose: str
    label: str
    row: Exchange | None
    meaning: str
    is_held: bool
    buttons: list[tuple[str, str]]


def exchanges_of(invoice: Invoice) -> list[Shown]:
    """Return each purpose that makes sense for a signed invoice, [] before it is signed."""
    if invoice.signed_at is None:
        return []
    rows = {row.purpose: row for row in invoice.exchanges.all()}
    return [_shown(purpose, rows) for purpose in _purposes(invoice)]


def _purposes(invoice: Invoice) -> Iterable[Purpose]:
    return (purpose for purpose in Purpose if purpose != Purpose.TRANSMIT or invoice.kind in KINDS)


def _shown(purpose: Purpose, rows: dict[Any, Exchange]) -> Shown:
    row = rows.get(purpose)
    stage = Stage(row.stage) if row else None
    meaning = MEANINGS[stage] if stage else "neutral"
    if row and purpose == Purpose.COMPARE and row.differences:
        meaning = "needs"
    return Shown(purpose.value, str(purpose.label), row, meaning, stage == Stage.HELD, _buttons(purpose, row, rows))


def _buttons(purpose: Purpose, row: Exchange | None, rows: dict[Any, Exchange]) -> list[tuple[str, str]]:
    is_free = row is None or row.stage in (*SETTLED, Stage.WAITING, Stage.HANDED_ON)
    if not is_free:
        return []
    if purpose == Purpose.TRANSMIT:
        return [(_("Transmit now"), "")] if row is None or row.stage != Stage.DONE else []
    if purpose == Purpose.COMPARE:
        return [(_("Compare with the authority's copy"), "")]
    if purpose == Purpose.VAT:
        payment = rows.get(Purpose.PAYMENT)
        is_paid = payment is not None and payment.stage == Stage.DONE and payment.wanted == PAID
        return (
            [(_("Report VAT"), "")]
            if is_paid and (row is None or row.stage not in (Stage.DONE, Stage.DISMISSED))
            else []
        )
    labels = dict(zip(payment_words(), (_("Mark pending"), _("Mark paid"), _("Mark void")), strict=True))
    now = row.wanted if row and row.stage == Stage.DONE else PENDING
    return [(label, word) for word, label in labels.items() if word != now]
