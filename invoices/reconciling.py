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
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"
    NUMBER_GAP = "number_gap"


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
    """What a deal or sale asks to be invoiced, with tax; `asked` is None while it cannot be added up.

    `former_ids` are those that it had before it was merged: what was invoiced under them counts for it. `problem` says
    why it could not be read or converted.
    """

    connection_id: int
    kind: str
    external_id: str
    label: str
    currency: str
    asked: Decimal | None
    day: date | None = None
    former_ids: tuple[str, ...] = ()
    problem: str = ""


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
    part: str = "1"
    is_note: bool = False

    @property
    def signed(self) -> Decimal:
        """Return its amount, a credit's as what it takes back."""
        amount = self.payable or ZERO
        return -amount if self.is_credit else amount


@dataclass(frozen=True, slots=True)
class Found:
    """One difference: its cause, its amount, and the invoice that it is about, None for the source itself.

    Where nobody knows the amount, `is_known` is False and it adds nothing to either side.
    """

    cause: Cause
    amount: Decimal
    invoice_id: int | None = None
    is_known: bool = True


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
            found.append(Found(BY_STATUS[paper.status], paper.signed, paper.pk, is_known=paper.payable is not None))
            continue
        there, difference = _at_authority(paper)
        acknowledged += there
        if difference is not None:
            found.append(difference)
    papered = sum((paper.signed for paper in live), ZERO)
    # What cannot be added up is on its held draft, without an amount.
    asked = papered if source.asked is None else source.asked
    if asked != papered:
        found.append(Found(_of_source(papers, live, asked - papered, is_asked=bool(asked)), asked - papered))
    if source.problem:
        found.append(Found(Cause.UNREADABLE, ZERO, is_known=False))
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


def _of_source(papers: Sequence[Paper], live: Sequence[Paper], too_little: Decimal, *, is_asked: bool) -> Cause:
    if too_little < 0 and _is_twice(live):
        return Cause.DUPLICATE
    if not is_asked:
        return Cause.NOT_DUE
    if not papers:
        return Cause.NOT_INVOICED
    return Cause.CHANGED if live else Cause.VOIDED


def _is_twice(live: Sequence[Paper]) -> bool:
    """Tell whether one part is on two papers, as when a deal was invoiced and then merged into another."""
    parts = [paper.part for paper in live if not paper.is_note]
    return len(parts) != len(set(parts))
