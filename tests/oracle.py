"""Reads the sandbox authority's witness log and says whether any invoice was handed in blindly or taken twice.

Pure: log in, judgement out. A hand-in may be repeated after an *absent* answer to a look-up of that IRN, or when the
one before was answered by a definite refusal (a field that is wrong, keys that are refused): such a hand-in is known
to have registered nothing. What was never heard, or can be read either way, allows nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

SIGN = "/api/v1/invoice/sign"
LOOK_UP = re.compile(r"/api/v1/invoice/(confirm/.+|[0-9a-fA-F-]{36})")
DEFINITE = {"refused", "keys"}


@dataclass(slots=True)
class Judgement:
    """What the log says of one IRN; `blind` and `accepted` hold numbers of log entries."""

    irn: str
    signs: list[int] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    blind: list[int] = field(default_factory=list)
    bodies: set[str] = field(default_factory=set)
    may_send: bool = True

    @property
    def is_settled(self) -> bool:
        """Tell whether it was accepted exactly once and never sent blindly."""
        return len(self.accepted) == 1 and not self.blind


def judge(log: Iterable[dict[str, Any]]) -> dict[str, Judgement]:
    """Return a judgement for each IRN that was handed in."""
    found: dict[str, Judgement] = defaultdict(lambda: Judgement(""))
    for entry in log:
        irn = entry["irn"]
        if not irn:
            continue
        found[irn].irn = irn
        if entry["committed"] == "sign":
            found[irn].accepted.append(entry["n"])
        if entry["path"] == SIGN and entry["fault"] != "late":
            _handed_in(found[irn], entry)
        elif entry["answer"] == "absent" and entry["method"] == "GET" and LOOK_UP.fullmatch(entry["path"]):
            found[irn].may_send = True
    return {irn: judgement for irn, judgement in found.items() if judgement.signs}


def _handed_in(judgement: Judgement, entry: dict[str, Any]) -> None:
    if not judgement.may_send:
        judgement.blind.append(entry["n"])
    judgement.signs.append(entry["n"])
    judgement.bodies.add(entry["body_sha256"])
    judgement.may_send = entry["answer"] in DEFINITE


def blind_resends(log: Iterable[dict[str, Any]]) -> list[str]:
    """Return a sentence for each hand-in that was repeated without an absent answer in between."""
    return [
        f"{each.irn} was handed in again at entry {number} without an absent answer since the hand-in before"
        for each in judge(log).values()
        for number in each.blind
    ]


def accepted_twice(log: Iterable[dict[str, Any]]) -> list[str]:
    """Return the IRNs that the authority registered more than once."""
    return [each.irn for each in judge(log).values() if len(each.accepted) > 1]


def never_accepted(log: Iterable[dict[str, Any]]) -> list[str]:
    """Return the IRNs that were handed in and never registered."""
    return [each.irn for each in judge(log).values() if not each.accepted]
