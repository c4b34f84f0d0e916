"""So many, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sum:
    """A count and an amount of one currency."""

    count: int = 0
    amount: Decimal = ZERO

    def __add__(self, other: Sum) -> Sum:
        """Return both together."""
        return Sum(self.count + other.count, self.amount + other.amount)
