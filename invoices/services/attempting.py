"""One attempt at one claimed invoice: which questions are asked in which order, and what the answers mean for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from integrations.services.leases import Claimed, claim_of
from invoices.authority.base import (
    Absent,
    Accepted,
    Answer,
    Authority,
    CredentialsRefused,
    Found,
    Lookup,
    LookupFailed,
    Rejected,
    Unclear,
)
from invoices.models import Invoice, Status, Step, Submission

logger = structlog.get_logger(__name__)

A = TypeVar("A", bound=Answer)

# How long a hand-in may still arrive whose worker is not heard of any more: above a call of 70 s, and a wait or two of
# 30 s that the authority asked for in the middle of it.
SENDING_LASTS = timedelta(minutes=5)

NOT_THERE = (
    "The tax authority does not hold this invoice yet. It is looked up once more, then handed in again unchanged."
)
UNDER_WAY = (
    "The tax authority does not hold this invoice yet, and what was sent may still arrive. It is asked again by itself."
)
ASKING = "It is not known yet whether the tax authority has this invoice. It is asked again by itself."
TAKEN = (
    "The tax authority already holds an invoice with the number {number} and this date, and it was not handed in from "
    "here. Find out which software did, and give this business a number prefix that no other one uses."
)
WAITING = "Nothing was handed in yet. It is tried again by itself."


@dataclass(frozen=True, slots=True)
class Claim:
    """An invoice that this worker alone may work on until its lease ends.

    `is_asking`: an earlier attempt may have succeeded, so ask first. `was_absent`: it was asked once already since
    then and was not there, so a second no allows the same bytes to go out again.
    """

    invoice: Invoice
    attempt: int
    is_asking: bool
    was_absent: bool

    @property
    def lease(self) -> Claimed:
        """Return what is renewed beside the work."""
        return claim_of(self.invoice, self.attempt)

    @property
    def resting(self) -> Status:
        """Return where the invoice waits when nothing of it was handed in."""
        return resting_status(self.invoice)


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt means for the invoice.

    `pause` stops the whole business; `is_silent`: no answer came at all. Until `not_sent_before` an earlier hand-in may
    still arrive, so that it is absent means nothing yet.
    """

    invoice: Invoice
    status: Status
    problem: str = ""
    field: str = ""
    seen_absent: bool = False
    pause: str = ""
    is_silent: bool = False
    not_sent_before: datetime | None = None
    details: dict[str, str] | None = None


def resting_status(invoice: Invoice) -> Status:
    """Return where a numbered invoice waits that goes out next: an approval once given stays given."""
    return Status.APPROVED if invoice.needs_approval else Status.READY


def attempt(authority: Authority, claim: Claim) -> Result:
    """Make one attempt; every call leaves one Submission row.

    Raises LeaseLost instead of handing in what another worker has taken over.
    """
    if claim.is_asking:
        answer = _ask(authority, claim)
        if not isinstance(answer, Absent) or not claim.was_absent:
            return _after_asking(claim, answer)
    else:
        stopped = _validate(authority, claim)
        if stopped is not None:
            return stopped
    return _sign(authority, claim)


def _validate(authority: Authority, claim: Claim) -> Result | None:
    """Return what stops the attempt before signing, None to go on."""
    invoice = claim.invoice
    verdict = _call(claim, Step.VALIDATE, lambda: authority.validate(invoice.body))
    match verdict:
        case Accepted():
            return None
        case Rejected():
            return _rejected(claim, verdict)
        case CredentialsRefused(sentence=sentence):
            return Result(invoice, Status.CONFIG_ERROR, sentence, pause=sentence)
        case Unclear(sentence=sentence, http_status=429):
            return Result(invoice, claim.resting, f"{sentence} {WAITING}")  # asking would be more calls still
        case Unclear(sentence=sentence) if _is_answer(verdict):
            # The words for "busy" are those for "handed in before": ask, although we never signed it.
            answer = _ask(authority, claim)
            if isinstance(answer, Found):
                return _found(claim, answer)
            return Result(invoice, claim.resting, f"{sentence} {WAITING}")
    return Result(invoice, claim.resting, f"{verdict.sentence} {WAITING}", is_silent=True)


def _sign(authority: Authority, claim: Claim) -> Result:
    invoice = claim.invoice
    verdict = _call(claim, Step.SIGN, lambda: authority.sign(invoice.body))
    match verdict:
        case Accepted(details=details):
            return Result(invoice, Status.SIGNED, details=details)
        case Rejected():
            return _rejected(claim, verdict)
        case CredentialsRefused(sentence=sentence):
            return Result(invoice, Status.CONFIG_ERROR, sentence, pause=sentence)
    if claim.is_asking:
        # This attempt has used its look-ups to allow the sending; the next one asks.
        return Result(invoice, Status.UNKNOWN, f"{verdict.sentence} {ASKING}", is_silent=not _is_answer(verdict))
    return _after_asking(claim, _ask(authority, claim))


def _ask(authority: Authority, claim: Claim) -> Lookup:
    """Confirm, then search: only the search's no counts, since confirm's answer to an unknown IRN is not published."""
    invoice = claim.invoice
    answer = _call(claim, Step.CONFIRM, lambda: authority.confirm(invoice.irn or ""))
    if isinstance(answer, Found | CredentialsRefused):
        return answer
    assert invoice.business is not None  # noqa: S101 - it has a number, so it has a seller
    business_id = str(invoice.business.business_id)
    return _call(claim, Step.SEARCH, lambda: authority.search(business_id=business_id, irn=invoice.irn or ""))


def _after_asking(claim: Claim, answer: Lookup) -> Result:
    invoice = claim.invoice
    match answer:
        case Found():
            return _found(claim, answer)
        case Absent():
            until = _may_still_arrive_until(invoice)
            sentence = NOT_THERE if until is None else UNDER_WAY
            return Result(invoice, Status.UNKNOWN, sentence, seen_absent=until is None, not_sent_before=until)
        case CredentialsRefused(sentence=sentence):
            return Result(invoice, Status.UNKNOWN, f"{sentence} {ASKING}", pause=sentence)
        case LookupFailed(sentence=sentence):
            silent = not _is_answer(answer)
            return Result(
                invoice, Status.UNKNOWN, f"{sentence} {ASKING}", seen_absent=claim.was_absent, is_silent=silent
            )


def _may_still_arrive_until(invoice: Invoice) -> datetime | None:
    """Return until when a hand-in may arrive whose end nobody recorded, None when there is none."""
    unheard = Submission.objects.filter(invoice=invoice, step=Step.SIGN, finished_at=None)
    last: datetime | None = unheard.aggregate(last=Max("started_at"))["last"]
    until = last + SENDING_LASTS if last else None
    return until if until and until > timezone.now() else None


def _found(claim: Claim, found: Found) -> Result:
    """Return SIGNED when it can be ours: a number that was never handed in from here belongs to somebody else."""
    invoice = claim.invoice
    if Submission.objects.filter(invoice=invoice, step=Step.SIGN).exists():
        return Result(invoice, Status.SIGNED, _date_differs(invoice, found))
    logger.error("number_taken_at_authority", invoice=invoice.pk, irn=invoice.irn)
    return Result(invoice, Status.REJECTED, TAKEN.format(number=invoice.number), "number")


def _date_differs(invoice: Invoice, found: Found) -> str:
    if found.issue_date is None or found.issue_date == invoice.issue_date:
        return ""
    logger.error("issue_date_differs", invoice=invoice.pk, ours=invoice.issue_date, theirs=found.issue_date)
    return (
        f"The tax authority holds this number with the issue date {found.issue_date}, this invoice has "
        f"{invoice.issue_date}. Compare the two before anything else is done with it."
    )


def _rejected(claim: Claim, verdict: Rejected) -> Result:
    sentence = f"{verdict.sentence} {verdict.where}".strip()
    return Result(claim.invoice, Status.REJECTED, sentence, verdict.field)


def _is_answer(answer: Answer) -> bool:
    """Tell whether the authority itself spoke, not a gateway before it and not silence."""
    return answer.http_status is not None and answer.http_status < 500


def _call(claim: Claim, step: Step, call: Callable[[], A]) -> A:
    """Make one call and keep it as evidence; a hand-in is on record before it is made."""
    row = Submission(invoice=claim.invoice, attempt=claim.attempt, step=step, started_at=timezone.now())
    if step in (Step.VALIDATE, Step.SIGN):
        row.request_sha256 = claim.invoice.document_sha256
    if step == Step.SIGN:
        with transaction.atomic():
            claim.lease.check()
            row.save()
    answer = call()
    row.finished_at = timezone.now()
    row.http_status = answer.http_status
    row.outcome = OUTCOMES[type(answer)]
    row.sentence = getattr(answer, "sentence", "")
    row.response = answer.response.replace("\x00", "")
    row.save()
    return answer


OUTCOMES: dict[type[Answer], str] = {
    Accepted: "accepted",
    Rejected: "rejected",
    Unclear: "unclear",
    CredentialsRefused: "credentials_refused",
    Found: "found",
    Absent: "absent",
    LookupFailed: "lookup_failed",
}
