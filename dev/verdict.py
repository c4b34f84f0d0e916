"""Whether the sandbox's authority holds what it should: asked of the sandbox itself, not of our database."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from dev.browser import Browser


def differences(sandbox: str) -> list[str]:
    """Return what is wrong, one sentence each; nothing when every won and complete deal was signed exactly once."""
    authority = Browser(sandbox)
    received = authority.get_json("/_control/received?documents=0")
    expected = authority.get_json("/_control/expected")
    return compare(received["mbs"], expected if isinstance(expected, list) else expected["deals"])


def compare(authority: dict[str, Any], deals: list[dict[str, Any]]) -> list[str]:
    """Return the differences between what was signed and what should have been, by buyer and amount."""
    signed = authority["signed"]
    should = Counter(
        (deal["buyer_tin"], Decimal(deal["payable_amount"])) for deal in deals if deal["won"] and not deal["flaw"]
    )
    did = Counter((entry["buyer_tin"], Decimal(str(entry["payable_amount"]))) for entry in signed)
    faults = [f"Not signed: ₦{amount:,} for buyer {tin}." for (tin, amount) in (should - did).elements()]
    faults += [
        f"Signed and should not have been: ₦{amount:,} for buyer {tin}." for (tin, amount) in (did - should).elements()
    ]
    faults += [f"{entry['irn']}: its sums do not hold." for entry in signed if not entry["sums_ok"]]
    repeated = [irn for irn, count in Counter(entry["irn"] for entry in signed).items() if count > 1]
    faults += [f"{irn} was signed twice." for irn in repeated]
    if not should:
        faults.append("The sandbox expects nothing to be signed, so this proves nothing.")
    return faults
