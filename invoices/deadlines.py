"""By when an invoice has to be at the authority, how sure that is, and how much stands at risk. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from invoices.irn import LAGOS
from invoices.law import B2C_REPORT_HOURS, B2C_THRESHOLD, Law

OWN_TARGET = "own-target"
# Parts of the time that are left when people are told, the largest first; hours count where the whole time is long.
STEPS = ("half", "soon", "late")
SOON = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment, and what sets it: the key of a legal rule, or OWN_TARGET for the organization's own hours."""

    at: datetime
    rule: str


def deadline_of(
    *,
    kind: str,
    payable: Decimal | None,
    supplied: date | None,
    supplied_at: datetime | None,
    known_since: datetime,
    law: Law,
    target_hours: int,
) -> Deadline | None:
    """Return when an invoice has to be registered, None where neither the law nor the organization says.

    A consumer's receipt above the law's threshold has the law's hours from the supply. A day of supply whose instant
    nobody knows counts from its first minute on Nigeria's clock, which is the strict reading. Everything else has the
    organization's own hours since the program has known of it; 0 hours means no target.
    """
    day = supplied or known_since.astimezone(LAGOS).date()
    if kind == "B2C":
        hours, threshold = law.rule(B2C_REPORT_HOURS, day), law.rule(B2C_THRESHOLD, day)
        is_large = payable is None or threshold is None or threshold.value is None or payable > threshold.value
        if hours is not None and hours.value is not None and is_large:
            begin = supplied_at or (datetime.combine(day, time(), tzinfo=LAGOS) if supplied else known_since)
            return Deadline(begin + timedelta(hours=float(hours.value)), B2C_REPORT_HOURS)
    return Deadline(known_since + timedelta(hours=target_hours), OWN_TARGET) if target_hours else None


def step_of(deadline: datetime, known_since: datetime, now: datetime) -> str:
    """Return the furthest step of STEPS that is reached, "" for none."""
    if now >= deadline:
        return "late"
    if deadline - now <= SOON:
        return "soon"
    return "half" if deadline - now <= (deadline - known_since) / 2 else ""


def urgency(hours_left: float) -> float:
    """Return how pressing a deadline is: 1 at the deadline, falling to 0 before it, growing by 1 each day after it.

    Twelve hours before it is a half. Money times this orders the list of what is at risk.
    """
    return 1 / (1 + hours_left / 12) if hours_left > 0 else 1 - hours_left / 24


def time_left_words(deadline: datetime, now: datetime) -> str:
    """Return the time left as people say it: "18 h left", "40 min left", "2 days late"."""
    late = now > deadline
    minutes = int(abs((deadline - now).total_seconds()) // 60)
    if minutes < 60:
        amount = f"{minutes} min"
    elif minutes < 48 * 60:
        amount = f"{minutes // 60} h"
    else:
        amount = f"{minutes // (24 * 60)} days"
    return f"{amount} {'late' if late else 'left'}"
