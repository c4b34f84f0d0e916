"""Passes signed invoices on to the buyer's access point, and watches until the buyer has them.

After anything unclear the authority is asked first (confirm.transmitted) and the call repeated only if it says no.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_scopes import scopes_disabled

from invoices.authority.base import Absent, Accepted, CredentialsRefused, Found, Offline, Rejected
from invoices.models import Exchange, Invoice, Purpose, Stage, Status
from invoices.services.authority_keys import Group
from invoices.services.exchanging import MENDING, Outcome, Work, call

KINDS = ("B2B", "B2G")
# The buyer's side is away: nothing is queued there, and asking every minute would help nobody.
OFFLINE_WAITS = tuple(timedelta(hours=hours) for hours in (0.25, 1, 2, 4, 8, 12))
# Whether the buyer has acknowledged is asked this long after the hand-over, then this much later, the last one daily.
POLLS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 1440))
GIVE_UP_AFTER = timedelta(days=30)
PLANNED_AT_ONCE = 500
NOT_KNOWN_THERE = (
    "The tax authority says that it does not hold this invoice, so it cannot be passed on. It is asked again later; "
    "tell support if this stays."
)
NEVER_ACKNOWLEDGED = (
    "The buyer's side has not acknowledged this invoice in 30 days. Ask the buyer whether it arrived; choose Transmit "
    "now to look again."
)
TOOK_IT_BACK = "The authority no longer counts this invoice as passed on, so it is passed on again."


def plan_transmissions() -> int:
    """Make a row for signed B2B and B2G invoices that have none; return how many.

    Only where settings.MBS_WEBHOOK_KEY is set: without our webhook on its dashboard the authority passes nothing on.
    """
    if not settings.MBS_WEBHOOK_KEY:
        return 0
    now = timezone.now()
    with scopes_disabled():
        fresh = (
            Invoice.objects.filter(status=Status.SIGNED, kind__in=KINDS)
            .exclude(exchanges__purpose=Purpose.TRANSMIT)
            .order_by("pk")
            .values_list("pk", flat=True)[:PLANNED_AT_ONCE]
        )
        rows = [Exchange(invoice_id=pk, purpose=Purpose.TRANSMIT, next_attempt_at=now) for pk in fresh]
        Exchange.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def transmit(work: Work) -> Outcome:
    """Make one attempt: look where something may have happened already, pass the invoice on where not."""
    if work.was_sent or work.was_handed_on:
        looked = _look(work)
        if looked is not None:
            return looked
    return _pass_on(work)


def _look(work: Work) -> Outcome | None:
    """Return what confirm means for the row, None when the invoice is to be passed on now."""
    irn = work.exchange.invoice.irn or ""
    answer = call(work, "confirm", lambda: work.authority(Group.DOCUMENTS).confirm(irn))
    stage = Stage.HANDED_ON if work.was_handed_on else Stage.WAITING
    match answer:
        case Found(delivered=True):
            _advance(work.exchange.invoice, delivered=True)
            return Outcome(Stage.DONE)
        case Found(transmitted=True):
            _advance(work.exchange.invoice)
            return _watch(work)
        case Found() if work.was_handed_on:
            # Its next attempt waits, so that a FAILED notice and our answer to it do not chase each other.
            return Outcome(Stage.WAITING, TOOK_IT_BACK, OFFLINE_WAITS[0], is_sent=True)
        case Found():
            return None
        case Absent():
            return Outcome(stage, NOT_KNOWN_THERE, MENDING, is_sent=work.was_sent)
        case CredentialsRefused(sentence=sentence):
            return Outcome(stage, sentence, MENDING, is_sent=work.was_sent)
    wait = None if stage == Stage.WAITING else POLLS[1]
    return Outcome(stage, answer.sentence, wait, is_sent=work.was_sent)


def _pass_on(work: Work) -> Outcome:
    irn = work.exchange.invoice.irn or ""
    work.about_to_send()
    answer = call(work, "transmit", lambda: work.authority(Group.EXCHANGE).transmit(irn))
    match answer:
        case Accepted():
            _advance(work.exchange.invoice)
            return Outcome(Stage.HANDED_ON, wait=POLLS[0], is_sent=True)
        case Offline(sentence=sentence):
            wait = OFFLINE_WAITS[min(work.exchange.setbacks, len(OFFLINE_WAITS) - 1)]
            return Outcome(Stage.WAITING, sentence, wait)
        case Rejected(sentence=sentence):
            return Outcome(Stage.REFUSED, sentence)
        case CredentialsRefused(sentence=sentence):
            return Outcome(Stage.WAITING, sentence, MENDING)
    return Outcome(Stage.WAITING, answer.sentence, is_sent=True)


def _watch(work: Work) -> Outcome:
    """Ask again later, and stop once a month has gone by."""
    age = timezone.now() - work.exchange.created_at
    if age > GIVE_UP_AFTER:
        return Outcome(Stage.REFUSED, NEVER_ACKNOWLEDGED, is_sent=True)
    # The gaps grow with the age, so that no counter is needed.
    wait = next((poll for poll in POLLS if poll > age / 2), POLLS[-1])
    return Outcome(Stage.HANDED_ON, wait=wait, is_sent=True)


def _advance(invoice: Invoice, *, delivered: bool = False) -> None:
    """Move the invoice on; one that was credited meanwhile stays so."""
    goal, before = (
        (Status.DELIVERED, [Status.SIGNED, Status.TRANSMITTED]) if delivered else (Status.TRANSMITTED, [Status.SIGNED])
    )
    Invoice.objects.filter(pk=invoice.pk, status__in=before).update(status=goal, updated_at=timezone.now())
