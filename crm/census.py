"""The comparison of two sides' deals, by id and by day: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Total = tuple[int, Decimal]
NOTHING: Total = (0, Decimal(0))


@dataclass(frozen=True, slots=True)
class Figure:
    """What a census knows of one deal: its amount in its currency and the day it closes, None where it has none.

    `is_readable` is False for a deal whose amount or date is none; it counts, but adds nothing to a sum.
    """

    external_id: str
    amount: Decimal | None
    currency: str
    day: date | None
    updated_at: datetime | None = None
    is_readable: bool = True

    @property
    def compared(self) -> tuple[Decimal, str, date | None]:
        """Return what must be the same on both sides."""
        return (self.amount or Decimal(0), self.currency, self.day)


@dataclass(frozen=True, slots=True)
class DayDifference:
    """The count and sum of one day and currency on both sides, where they are not the same."""

    day: date | None
    currency: str
    ours: Total
    theirs: Total

    def as_json(self) -> dict[str, Any]:
        """Return it for a JSON column, sums as text."""
        return {
            "day": self.day.isoformat() if self.day else None,
            "currency": self.currency,
            "ours": [self.ours[0], str(self.ours[1])],
            "theirs": [self.theirs[0], str(self.theirs[1])],
        }


def totals(figures: Iterable[Figure]) -> dict[tuple[date | None, str], Total]:
    """Return the count and the sum of each (day, currency)."""
    found: dict[tuple[date | None, str], Total] = {}
    for figure in figures:
        count, amount = found.get((figure.day, figure.currency), NOTHING)
        found[figure.day, figure.currency] = (count + 1, amount + (figure.amount or Decimal(0)))
    return found


def differing_days(ours: Iterable[Figure], theirs: Iterable[Figure]) -> tuple[int, list[DayDifference]]:
    """Return how many days were compared, and those whose count or sum is not the same, the earliest first."""
    here, there = totals(ours), totals(theirs)
    keys = sorted(here.keys() | there.keys(), key=lambda key: (key[0] is None, key[0] or date.min, key[1]))
    found = [
        DayDifference(*key, here.get(key, NOTHING), there.get(key, NOTHING))
        for key in keys
        if here.get(key, NOTHING) != there.get(key, NOTHING)
    ]
    return len(keys), found


def differing_ids(ours: Mapping[str, Figure], theirs: Mapping[str, Figure]) -> list[str]:
    """Return the ids that are on one side only, or not the same on both, in order."""
    return sorted(
        external_id
        for external_id in ours.keys() | theirs.keys()
        if external_id not in ours
        or external_id not in theirs
        or not theirs[external_id].is_readable
        or ours[external_id].compared != theirs[external_id].compared
    )
