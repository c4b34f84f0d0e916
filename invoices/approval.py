"""Which invoices wait for a second person: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

KIND_OF_TYPE = {"380": "credit note", "384": "debit note"}
KINDS = ("B2B", "B2C", "B2G", *KIND_OF_TYPE.values())


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """When an organization wants a second person: above an amount (None: never for the amount), or for some kinds."""

    above: Decimal | None = None
    kinds: Sequence[str] = ()

    def reason(self, *, kind: str, type_code: str, payable: Decimal) -> str:
        """Return why this invoice waits for a second person, "" when it need not."""
        kind = KIND_OF_TYPE.get(type_code, kind)
        if kind in self.kinds:
            return (
                f"Every {kind} invoice waits for a second person."
                if kind.startswith("B2")
                else (f"Every {kind} waits for a second person.")
            )
        if self.above is not None and payable > self.above:
            return f"It comes to more than {self.above:,.2f}, above which a second person has to look."
        return ""
