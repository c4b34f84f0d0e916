"""What the sources ask for against what the authority holds, to the kobo, with a cause for each difference. Pure.

For every source: asked = acknowledged + the sum of its differences. Credit notes count negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class Cause(StrEnum):
    """Why an amount is not acknowledged, or acknowledged and not asked for."""

    HELD = "held"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    KEYS = "keys"
    VOIDED = "voided"
    NOT_INVOICED = "not_invoiced"
    NOT_DUE = "not_due"
    CHANGED = "changed"
    NOT_ASKED = "not_asked"
    ABSENT = "absent"
    DIFFERS = "differs"
    STRANGER = "stranger"


BY_STATUS = {
    "draft": Cause.HELD,
    "ready": Cause.WAITING,
    "approved": Cause.WAITING,
    "submitting": Cause.WAITING,
    "unknown": Cause.UNKNOWN,
    "rejected": Cause.REJECTED,
    "config_error": Cause.KEYS,
}


@dataclass(frozen=True, slots=True)
class Source:
    """What a deal or sale asks to be invoiced, with tax; `asked` is None while it cannot be added up."""

    connection_id: int
    kind: str
    external_id: str
    label: str
    currency: str
    asked: Decimal | None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """One invoice or note of a source; `held_there` is what the authority has of it, None where it was not asked."""

    pk: int
    status: str
    is_credit: bool
    payable: Decimal | None
    is_registered: bool = False
    held_there: Decimal | None = None
    is_there: bool | None = None  # None: it could not be asked

    @property
    def signed(self) -> Decimal:
        """Return its amount, a credit's as what it takes back."""
        amount = self.payable or ZERO
        return -amount if self.is_credit else amount


@dataclass(frozen=True, slots=True)
class Found:
    """One difference: its cause, its amount, and the invoice that it is about, None for the source itself."""

    cause: Cause
    amount: Decimal
    invoice_id: int | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One source: what it asks for, what the authority acknowledges, and why they differ."""

    asked: Decimal
    acknowledged: Decimal
    differences: tuple[Found, ...]

    @property
    def adds_up(self) -> bool:
        """Tell whether the identity holds."""
        return self.asked == self.acknowledged + sum((each.amount for each in self.differences), ZERO)


def compare(source: Source, papers: Sequence[Paper]) -> Compared:
    """Return how a source and its invoices stand to what the authority holds."""
    live = [paper for paper in papers if paper.status != "voided"]
    found: list[Found] = []
    acknowledged = ZERO
    for paper in live:
        if not paper.is_registered:
            found.append(Found(BY_STATUS[paper.status], paper.signed, paper.pk))
            continue
        there, difference = _at_authority(paper)
        acknowledged += there
        if difference is not None:
            found.append(difference)
    papered = sum((paper.signed for paper in live), ZERO)
    # What cannot be added up is on its held draft, without an amount.
    asked = papered if source.asked is None else source.asked
    if asked != papered:
        found.append(Found(_of_source(source, papers, live), asked - papered))
    return Compared(asked, acknowledged, tuple(found))


def _at_authority(paper: Paper) -> tuple[Decimal, Found | None]:
    """Return (what the authority acknowledges of a registered paper, the difference to it)."""
    if paper.is_there is None:
        return ZERO, Found(Cause.NOT_ASKED, paper.signed, paper.pk)
    if not paper.is_there:
        return ZERO, Found(Cause.ABSENT, paper.signed, paper.pk)
    if paper.held_there is None or paper.held_there == paper.payable:
        return paper.signed, None
    there = -paper.held_there if paper.is_credit else paper.held_there
    return there, Found(Cause.DIFFERS, paper.signed - there, paper.pk)


def _of_source(source: Source, papers: Sequence[Paper], live: Sequence[Paper]) -> Cause:
    if not source.asked:
        return Cause.NOT_DUE
    if not papers:
        return Cause.NOT_INVOICED
    return Cause.CHANGED if live else Cause.VOIDED
