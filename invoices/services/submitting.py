"""Hands invoices in: claim, call outside any transaction, record. Never twice, never lost.

After anything but a clear yes or no the authority is asked by IRN before the same bytes go out again, because its
words for "busy" are also its words for "handed in before". An IRN is never changed. A claim is renewed beside the work,
so what a dead worker had is asked about within half a minute (docs/adr/0017).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from accounts.models import Organization
from integrations.services.leases import LOOKS_EVERY, LeaseLost, claim_end, renewed
from invoices.authority.base import Authority
from invoices.authority.pacing import held_for
from invoices.models import REGISTERED, WAITING, Business, Invoice, Status
from invoices.models.invoice import InvoiceQuerySet
from invoices.services.attempting import Claim, Result, attempt
from invoices.services.authority_keys import Group, authority_for
from invoices.services.breaking import may_call, note_attempt
from invoices.services.noting import settle_original

logger = structlog.get_logger(__name__)

# Seconds to wait after the first, second … attempt in a row that settled nothing.
BACK_OFF = (5, 15, 60, 300, 1800, 3600)
ALARM_AFTER = 4


def submit_invoice(*, invoice_id: int) -> Invoice:
    """Submit one invoice, or ask about it, when it is due; return it as it stands afterwards.

    One that is not due, paused or in another worker's hands is returned untouched. Raises Invoice.DoesNotExist.
    """
    with scopes_disabled():
        organization_id = Invoice.objects.values_list("organization_id", flat=True).get(pk=invoice_id)
    with scope(organization=organization_id), _authorities() as authority_of:
        mine = Invoice.objects.filter(pk=invoice_id)
        _give_up_dead_claims(mine)
        claim = _claim(mine)
        if claim is not None:
            _hand_in(authority_of(claim.invoice), claim)
        return Invoice.objects.select_related("business").get(pk=invoice_id)


def submit_due_invoices(
    *,
    organization: Organization | None = None,
    until: datetime | None = None,
    after_each: Callable[[Result], None] | None = None,
) -> Counter[str]:
    """Submit what is due, of one organization or all, until nothing is due or the time is up.

    Returns how many ended in which status. Safe for any number of workers at once. Stops early when the authority
    is away: what is left stays due. `after_each` hears of each result, for a progress line.
    """
    done: Counter[str] = Counter()
    next_look = timezone.now()
    with _authorities() as authority_of:
        while until is None or timezone.now() < until:
            if timezone.now() >= next_look:
                next_look = timezone.now() + LOOKS_EVERY
                with scopes_disabled():
                    _give_up_dead_claims(_invoices_of(organization))
            claim = claim_next(organization)
            if claim is None:
                break
            with scope(organization=claim.invoice.organization_id):
                result = _hand_in(authority_of(claim.invoice), claim)
            if result is None:
                continue
            done[result.status] += 1
            if after_each is not None:
                after_each(result)
    return done


def claim_next(organization: Organization | None) -> Claim | None:
    """Claim the invoice whose deadline is nearest, of one organization or all; None when nothing is due."""
    with scopes_disabled():
        return _claim(_invoices_of(organization))


def has_due(organization: Organization | None = None) -> bool:
    """Tell whether something is due now."""
    with scopes_disabled():
        return _invoices_of(organization).due(timezone.now()).exists()


def resume_submissions(*, business: Business) -> None:
    """Let a paused business submit again; what waited is due at once, and so is what met the refused keys."""
    now = timezone.now()
    with scope(organization=business.organization), transaction.atomic():
        Business.objects.filter(pk=business.pk).update(submissions_paused_reason="", updated_at=now)
        mine = Invoice.objects.filter(business=business)
        stopped = mine.filter(status=Status.CONFIG_ERROR)
        stopped.filter(Q(needs_approval=False) | Q(approved_by=None)).update(
            status=Status.READY, next_attempt_at=now, problem="", updated_at=now
        )
        stopped.update(status=Status.APPROVED, next_attempt_at=now, problem="", updated_at=now)
        mine.filter(status__in=WAITING).update(next_attempt_at=now)
    business.submissions_paused_reason = ""


def authority_for_business(business: Business) -> Authority:
    """Return the authority spoken to with the business's keys, or the operator's where it has none of its own."""
    return authority_for(business, Group.DOCUMENTS)


@contextmanager
def _authorities() -> Iterator[Callable[[Invoice], Authority]]:
    """Yield a function that keeps one client a business, so that a drain opens one connection for each."""
    kept: dict[int, Authority] = {}

    def authority_of(invoice: Invoice) -> Authority:
        assert invoice.business_id is not None  # noqa: S101 - it has a number, so it has a seller
        if invoice.business_id not in kept:
            kept[invoice.business_id] = authority_for_business(Business.objects.get(pk=invoice.business_id))
        return kept[invoice.business_id]

    try:
        yield authority_of
    finally:
        for authority in kept.values():
            authority.close()


def _invoices_of(organization: Organization | None) -> InvoiceQuerySet:
    invoices: InvoiceQuerySet = Invoice.objects.all()
    return invoices if organization is None else invoices.filter(organization=organization)


def _give_up_dead_claims(invoices: InvoiceQuerySet) -> None:
    """A worker that died may have handed its invoice in: the outcome is unknown, to be asked at once."""
    now = timezone.now()
    given_up = invoices.abandoned().update(
        status=Status.UNKNOWN, lease_until=None, next_attempt_at=now, seen_absent=False, updated_at=now
    )
    if given_up:
        logger.warning("claims_given_up", invoices=given_up)


def _claim(invoices: InvoiceQuerySet) -> Claim | None:
    # Whoever waits for the authority's leave begins nothing: a claim's time would run out meanwhile.
    if not may_call() or held_for():
        return None
    now = timezone.now()
    with transaction.atomic():
        due = invoices.due(now).defer("draft", "snapshot", "missing", "qr_payload")
        invoice = due.select_for_update(of=("self",), skip_locked=True).first()
        if invoice is None:
            return None
        claim = Claim(invoice, invoice.attempts + 1, invoice.status == Status.UNKNOWN, invoice.seen_absent)
        invoice.status, invoice.attempts = Status.SUBMITTING, claim.attempt
        taken = Invoice.objects.filter(pk=invoice.pk)
        taken.update(status=Status.SUBMITTING, attempts=claim.attempt, lease_until=claim_end(), updated_at=now)
    return claim


def _hand_in(authority: Authority, claim: Claim) -> Result | None:
    """Make the attempt and record it; None when another worker has the invoice by now, which will ask about it."""
    with renewed(claim.lease):
        try:
            result = attempt(authority, claim)
        except LeaseLost:
            logger.warning("claim_lost", invoice=claim.invoice.pk, attempt=claim.attempt)
            return None
        _record(claim, result)
    return result


def _record(claim: Claim, result: Result) -> None:
    """Write what came out. A worker that lost its lease writes a signature, which is a fact, and nothing else."""
    invoice = claim.invoice
    note_attempt(silent=result.is_silent, sentence=result.problem)
    mine = Invoice.objects.filter(pk=invoice.pk).exclude(status__in=REGISTERED)
    if result.status != Status.SIGNED:
        mine = mine.filter(status=Status.SUBMITTING, attempts=claim.attempt)
    with transaction.atomic():
        if not mine.update(**_columns(result, invoice.setbacks)):
            logger.warning("late_result_dropped", invoice=invoice.pk, status=result.status)
        elif result.status == Status.SIGNED:
            settle_original(invoice)
        elif result.pause:
            Business.objects.filter(invoices=invoice).update(
                submissions_paused_reason=result.pause, updated_at=timezone.now()
            )


def _columns(result: Result, setbacks: int) -> dict[str, Any]:
    now = timezone.now()
    columns: dict[str, Any] = {
        "status": result.status,
        "lease_until": None,
        "problem": result.problem,
        "problem_field": result.field,
        "seen_absent": result.seen_absent,
        "next_attempt_at": None,
        "setbacks": 0,
        "updated_at": now,
    }
    if result.status == Status.SIGNED:
        details = result.details or {}
        columns |= {"signed_at": now, "csid": details.get("csid"), "server_qr": details.get("qrCode")}
        columns |= {"voided_for": "", "void_reason": ""}
    if result.status in WAITING:
        next_attempt = now + _wait(setbacks, result)
        if result.not_sent_before is not None:
            next_attempt = min(next_attempt, result.not_sent_before)
        columns |= {"next_attempt_at": next_attempt, "setbacks": setbacks + 1}
        if setbacks + 1 >= ALARM_AFTER:
            logger.error("invoice_unsettled", invoice=result.invoice.pk, attempts_in_a_row=setbacks + 1)
    return columns


def _wait(setbacks: int, result: Result) -> timedelta:
    seconds = BACK_OFF[min(setbacks, len(BACK_OFF) - 1)]
    if result.seen_absent:
        first = settings.MBS_RESOLVE_WAIT_SECONDS
        seconds = first if setbacks == 0 else max(first, seconds)
    return timedelta(seconds=seconds)
