"""What a person may ask of the authority about a signed invoice, and what a person decides about a held report."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from invoices.models import Exchange, Invoice, Purpose, Stage
from invoices.services import downloading, payments, transmitting
from invoices.services.exchanging import Attempt, work_due

ATTEMPTS: dict[Purpose, Attempt] = {
    Purpose.TRANSMIT: transmitting.transmit,
    Purpose.PAYMENT: payments.set_payment_status,
    Purpose.VAT: payments.report_vat,
    Purpose.COMPARE: downloading.compare,
}


class NotPossible(ValueError):
    """It cannot be asked now; the text says why and what to do."""


def work_exchanges(*, until: datetime | None = None) -> Counter[str]:
    """Plan what is new, then work at what is due; return how many ended in which stage."""
    transmitting.plan_transmissions()
    return work_due(ATTEMPTS, until=until)


def request_exchange(*, invoice: Invoice, purpose: Purpose, wanted: str = "", user: Any = None) -> Exchange:
    """Ask for one purpose now, within the organization's scope; return its row, which is due at once.

    What is under way or held stays as it is. Raises NotPossible.
    """
    _check(invoice, purpose, wanted)
    now = timezone.now()
    with transaction.atomic():
        Exchange.objects.get_or_create(
            invoice=invoice,
            purpose=purpose,
            defaults={"next_attempt_at": now, "wanted": wanted, "requested_by": user},
        )
        row = Exchange.objects.select_for_update().get(invoice=invoice, purpose=purpose)
        if row.stage == Stage.HELD:
            raise NotPossible("It is held for review: release or dismiss it first.")
        if row.stage == Stage.WORKING:
            raise NotPossible("It is under way. Look again in a minute.")
        if purpose == Purpose.VAT and row.stage in (Stage.DONE, Stage.DISMISSED):
            raise NotPossible("The VAT of this invoice is reported already, and a report is never sent twice.")
        if purpose == Purpose.TRANSMIT and row.stage == Stage.DONE:
            raise NotPossible("The buyer has acknowledged this invoice, so there is nothing left to pass on.")
        _make_due(row, wanted, now, user)
    return row


def _make_due(row: Exchange, wanted: str, now: datetime, user: Any) -> None:
    if wanted and wanted != row.wanted:
        row.is_sent = False  # what was sent before was about another status
    row.wanted = wanted or row.wanted
    if row.stage != Stage.HANDED_ON:
        row.stage = Stage.WAITING
    row.problem, row.setbacks, row.next_attempt_at, row.done_at = "", 0, now, None
    row.requested_by = user or row.requested_by
    row.save()


def release(*, exchange: Exchange, user: Any) -> None:
    """Let a held report go out again: a person has seen that the authority does not have it. Raises NotPossible."""
    _decide(exchange, user, Stage.WAITING, "Released to be sent again")


def dismiss(*, exchange: Exchange, user: Any) -> None:
    """Take a held report as arrived: a person has seen it at the authority. Raises NotPossible."""
    _decide(exchange, user, Stage.DISMISSED, "Dismissed: the authority has it")


def _decide(exchange: Exchange, user: Any, stage: Stage, words: str) -> None:
    now = timezone.now()
    changed = Exchange.objects.filter(pk=exchange.pk, stage=Stage.HELD).update(
        stage=stage,
        is_sent=stage != Stage.WAITING,
        problem="",
        setbacks=0,
        next_attempt_at=now if stage == Stage.WAITING else None,
        decided_by=user,
        decision=f"{words} by {user}, {timezone.localtime(now):%d %b %Y %H:%M}",
        updated_at=now,
    )
    if not changed:
        raise NotPossible("It is not held any more, so nothing was changed.")


def _check(invoice: Invoice, purpose: Purpose, wanted: str) -> None:
    if invoice.signed_at is None:
        raise NotPossible("The authority has not signed this invoice yet, so nothing can be asked about it.")
    if purpose == Purpose.TRANSMIT and invoice.kind not in transmitting.KINDS:
        raise NotPossible("An invoice to a consumer is not passed on: only businesses and public bodies receive them.")
    if purpose == Purpose.PAYMENT and wanted not in payments.payment_words():
        raise NotPossible(f"The payment status is one of {', '.join(payments.payment_words())}.")
    if purpose == Purpose.VAT and not payments.is_paid_at_authority(invoice):
        raise NotPossible("VAT is reported once the authority knows that the invoice is paid. Choose Mark paid first.")
