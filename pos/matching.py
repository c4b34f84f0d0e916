"""Which invoice a payment pays, if that can be said at all. Pure: candidates in, a match or the reason why not out.

An invoice that the payment names goes before one of its amount, and a payment that names an invoice never pays
another by its amount. Where two would do there is none: people choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Candidate:
    """An invoice that might be paid; `room` is what of it nobody has paid or credited yet."""

    invoice_id: int
    number: str
    irn: str
    currency: str
    payable: Decimal
    room: Decimal
    issue_date: date
    is_open: bool = True  # not credited in full, voided, or known to be paid


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as far as matching looks at it; `amount` is less what was given back.

    `named` is what it says of its invoice, `reference` its own name at the provider.
    """

    amount: Decimal
    currency: str
    paid_on: date
    named: tuple[str, ...] = ()
    reference: str = ""
    is_whole: bool = True  # nothing of it was given back


@dataclass(frozen=True, slots=True)
class Match:
    """The invoice that it pays: how that is known, "reference" or "amount", and the reason in words."""

    invoice_id: int
    how: str
    reason: str


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Why nothing can be said, for people."""

    reason: str


def decide(payment: Payment, candidates: Sequence[Candidate], window_days: int, rivals: int = 0) -> Match | NoMatch:
    """Return the invoice that a payment pays.

    `candidates` are the invoices that it may name or whose amount it may be, in any order; `rivals` is the number of
    other unmatched payments of this amount that could pay the same invoices.
    """
    if payment.amount <= 0:
        return NoMatch("Nothing is left of it to pay an invoice with.")
    words = {word.casefold() for word in (*payment.named, payment.reference) if word}
    named = [each for each in candidates if {each.number.casefold(), each.irn.casefold()} & words]
    if named:
        return _by_name(payment, named)
    if payment.named:
        return NoMatch(f"It names {_listed(payment.named)}, and no invoice here has this number or IRN.")
    return _by_amount(payment, candidates, window_days, rivals)


def _by_name(payment: Payment, named: Sequence[Candidate]) -> Match | NoMatch:
    if len(named) > 1:
        return NoMatch(f"It names {len(named)} invoices: {_listed([each.number for each in named])}.")
    found = named[0]
    if problem := unfit(payment, found):
        return NoMatch(problem)
    part = "in full" if payment.amount == found.payable else "in part"
    return Match(found.invoice_id, "reference", f"It names invoice {found.number} and pays it {part}.")


def unfit(payment: Payment, invoice: Candidate) -> str:
    """Return why a payment cannot pay an invoice, for people; "" when it can."""
    if payment.currency != invoice.currency:
        return f"It is in {payment.currency}, and invoice {invoice.number} is in {invoice.currency}."
    if not invoice.is_open:
        return f"Invoice {invoice.number} is paid, credited or voided already."
    if payment.amount > invoice.room:
        return f"It is more than the {invoice.room:,.2f} {invoice.currency} left to pay of invoice {invoice.number}."
    return ""


def _by_amount(payment: Payment, candidates: Sequence[Candidate], window_days: int, rivals: int) -> Match | NoMatch:
    window = timedelta(days=window_days)
    fitting = [
        each
        for each in candidates
        if each.is_open
        and each.currency == payment.currency
        and each.payable == each.room == payment.amount
        and abs(each.issue_date - payment.paid_on) <= window
    ]
    if not payment.is_whole:
        return NoMatch("It names no invoice, and a part of it was given back.")
    if not fitting:
        return NoMatch(f"It names no invoice, and none of this amount was issued within {window_days} days of it.")
    if len(fitting) > 1:
        return NoMatch(f"It names no invoice, and {len(fitting)} unpaid ones of this amount would fit.")
    if rivals:
        return NoMatch("It names no invoice, and another payment of this amount would fit the same one.")
    found = fitting[0]
    return Match(found.invoice_id, "amount", f"Invoice {found.number} is the only unpaid one of this amount and time.")


def _listed(words: Sequence[str]) -> str:
    return ", ".join(sorted(words)[:5])
