"""Matching payments to invoices, by rule and by hand, and telling the authority of invoices that are paid in full.

A payment's row is locked before its invoice's, by everybody, and the database refuses what would pay an invoice beyond
what it comes to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Sum
from django.utils import timezone

from accounts.models import User
from integrations.models import Connection
from invoices.irn import in_lagos
from invoices.models import Exchange, Invoice, Purpose, Stage, Status
from invoices.notes import CREDIT
from invoices.services.exchange_requests import NotPossible, request_exchange
from invoices.services.payments import PAID
from pos.matching import Candidate, Match, Payment, decide, unfit
from pos.models import MatchedBy, PaymentState, TerminalPayment

logger = structlog.get_logger(__name__)

NOT_PAYABLE = (Status.DRAFT, Status.VOIDED, Status.CREDITED)
# A payment may be there before its invoice is; one that still has none after a month is left to people.
TRIED_FOR = timedelta(days=30)
AGAIN_AFTER = timedelta(minutes=5)
AT_ONCE = 200
SOME = 10  # candidates; more than one is too many already
CLOSED_SINCE = (
    "Invoice {number} was credited or voided after this payment was matched to it, so more was paid than is owed. "
    "Let the payment go, or keep it where it is."
)


class MatchRefused(ValueError):
    """A choice that cannot be kept; the text says why, for people."""


def match_waiting(*, connection: Connection | None = None) -> int:
    """Match what rules can match of the organization's waiting payments, or of one connection's; return how many."""
    now = timezone.now()
    waiting = TerminalPayment.objects.unmatched().filter(paid_at__gte=now - TRIED_FOR)
    if connection is None:
        waiting = waiting.filter(Q(looked_at=None) | Q(looked_at__lt=now - AGAIN_AFTER))
    else:
        waiting = waiting.filter(connection=connection)
    ids = waiting.order_by(F("looked_at").asc(nulls_first=True), "paid_at", "pk").values_list("pk", flat=True)
    return sum(match_payment(payment_id=pk) for pk in list(ids[:AT_ONCE]))


def match_payment(*, payment_id: int) -> bool:
    """Match one payment if a rule can, and say on it why not if none can; return whether it was matched."""
    with transaction.atomic():
        payment = _locked(payment_id)
        if payment.state != PaymentState.SUCCEEDED or payment.invoice_id or payment.is_decided:
            return False
        facts = _facts(payment)
        found = decide(facts, _candidates(payment), settings.PAYMENT_WINDOW_DAYS, _rivals(payment))
        payment.looked_at = timezone.now()
        if not isinstance(found, Match):
            payment.why_not = found.reason
            payment.save(update_fields=["looked_at", "why_not"])
            return False
        invoice = Invoice.objects.select_for_update(of=("self",), no_key=True).get(pk=found.invoice_id)
        if unfit(facts, _candidate(invoice)):  # somebody paid it since the look: the next look says so
            return False
        _match(payment, invoice, MatchedBy(found.how), found.reason)
    tell_if_paid(invoice=invoice)
    return True


def match_by_hand(*, payment_id: int, number: str, reason: str, by: User) -> Invoice:
    """Let a payment pay the invoice of a number or IRN that a person names; raises MatchRefused."""
    reason = _given(reason)
    with transaction.atomic():
        payment = _locked(payment_id)
        if payment.state != PaymentState.SUCCEEDED:
            raise MatchRefused("This payment is not paid, so it can pay no invoice.")
        if payment.invoice is not None:
            raise MatchRefused(f"It pays invoice {payment.invoice.number} already. Let it go first.")
        chosen = _of_name([number.strip()])
        if len(chosen) != 1:
            raise MatchRefused(
                "No invoice has this number or IRN." if not chosen else "Several invoices have it: give the IRN."
            )
        invoice = Invoice.objects.select_for_update(of=("self",), no_key=True).get(pk=chosen[0].pk)
        # A person may know better than a status that was told: only what was credited or voided is out of reach.
        if problem := unfit(_facts(payment), replace(_candidate(invoice), is_open=invoice.status not in NOT_PAYABLE)):
            raise MatchRefused(problem)
        payment.is_decided, payment.decided_by, payment.problem = True, by, ""
        _match(payment, invoice, MatchedBy.PERSON, reason, by=by)
    tell_if_paid(invoice=invoice)
    return invoice


def let_go(*, payment_id: int, reason: str, by: User) -> None:
    """Take a payment from its invoice again; no rule gives it another. Raises MatchRefused."""
    reason = _given(reason)
    with transaction.atomic():
        payment = _locked(payment_id)
        if payment.invoice is None:
            raise MatchRefused("It pays no invoice, so there is nothing to let go.")
        note(payment, f"Let go of invoice {payment.invoice.number}: {reason}", by=by)
        release(payment)
        payment.is_decided, payment.decided_by, payment.problem = True, by, ""
        payment.save()


def set_aside(*, payment_id: int, reason: str, by: User) -> None:
    """Take a payment from the list of those that need a person, as it stands. Raises MatchRefused."""
    reason = _given(reason)
    with transaction.atomic():
        payment = _locked(payment_id)
        payment.is_decided, payment.decided_by, payment.problem = True, by, ""
        payment.is_kept = payment.invoice is not None
        note(payment, f"{'Kept' if payment.is_kept else 'Set aside'}: {reason}", by=by)
        payment.save()


def take_up(*, payment_id: int, by: User) -> None:
    """Let rules look at a payment again that a person had decided about. Raises MatchRefused."""
    with transaction.atomic():
        payment = _locked(payment_id)
        if payment.invoice is not None or not payment.is_decided:
            raise MatchRefused("Nobody has set it aside, so there is nothing to take up again.")
        payment.is_decided, payment.decided_by, payment.looked_at = False, None, None
        note(payment, "Taken up again", by=by)
        payment.save()


def suggestions(payment: TerminalPayment) -> list[Invoice]:
    """Return invoices, of any time, that just this amount is left to pay of; the newest first."""
    alike = Invoice.objects.filter(currency=payment.currency, payable_amount__gte=payment.net_amount)
    rows = alike.exclude(Q(status__in=NOT_PAYABLE) | Q(type_code=CREDIT))
    exact = rows.filter(payable_amount=payment.net_amount).order_by("-pk")[:SOME]
    partly = rows.filter(payments__isnull=False).distinct().order_by("-pk")[:SOME]
    found = {each.pk: each for each in (*exact, *partly)}
    return [each for each in found.values() if _candidate(each).room == payment.net_amount]


def mark_closed_invoices() -> int:
    """Mark the organization's payments whose invoice was credited or voided since; return how many."""
    count = 0
    of_closed = Q(invoice__status__in=[Status.VOIDED, Status.CREDITED]) | Q(invoice__notes__type_code=CREDIT)
    marked = TerminalPayment.objects.filter(of_closed, problem="", is_kept=False)
    for pk in list(marked.order_by("pk").values_list("pk", flat=True).distinct()[:AT_ONCE]):
        with transaction.atomic():
            payment = _locked(pk)
            if payment.invoice is None or payment.problem or payment.is_kept or not _is_closed(payment.invoice):
                continue
            payment.problem = CLOSED_SINCE.format(number=payment.invoice.number)
            payment.save(update_fields=["problem"])
            count += 1
    return count


def _is_closed(invoice: Invoice) -> bool:
    """Tell whether an invoice was voided, or credited so far that more of it is paid than is left."""
    return invoice.status in (Status.VOIDED, Status.CREDITED) or _candidate(invoice).room < 0


def tell_paid_invoices() -> int:
    """Ask that the authority be told of invoices paid in full that it signed meanwhile; return how many."""
    told = Exchange.objects.filter(invoice=OuterRef("pk"), purpose=Purpose.PAYMENT)
    paid = Invoice.objects.filter(~Exists(told), payments__isnull=False, signed_at__isnull=False)
    return sum(tell_if_paid(invoice=each) for each in paid.distinct().order_by("pk")[:AT_ONCE])


def tell_if_paid(*, invoice: Invoice) -> bool:
    """Ask once that the authority be told of an invoice that is paid in full; a status somebody chose stands."""
    with transaction.atomic():
        locked = Invoice.objects.select_for_update(of=("self",), no_key=True).get(pk=invoice.pk)
        if locked.signed_at is None or _candidate(locked).room > 0 or not locked.payments.exists():  # type: ignore[attr-defined]
            return False
        if not _is_payable(locked) or Exchange.objects.filter(invoice=locked, purpose=Purpose.PAYMENT).exists():
            return False
        try:
            request_exchange(invoice=locked, purpose=Purpose.PAYMENT, wanted=PAID)
        except NotPossible as problem:
            logger.info("paid_invoice_not_told", invoice=locked.pk, reason=str(problem))
            return False
    return True


def release(payment: TerminalPayment) -> None:
    """Take the invoice from a payment whose row is the caller's; the caller saves it."""
    payment.invoice, payment.matched_by, payment.match_reason, payment.matched_at = None, "", "", None
    payment.is_kept = False


def note(payment: TerminalPayment, what: str, *, by: User | None = None) -> None:
    """Add to a payment's history; the caller saves it."""
    entry = {"at": timezone.now().isoformat(), "by": str(by) if by else "", "what": what}
    payment.history = [*payment.history, entry]


def _match(payment: TerminalPayment, invoice: Invoice, how: MatchedBy, reason: str, *, by: User | None = None) -> None:
    payment.invoice, payment.matched_by, payment.match_reason = invoice, how, reason
    payment.matched_at, payment.why_not = timezone.now(), ""
    note(payment, f"Matched to invoice {invoice.number}: {reason}", by=by)
    payment.save()


def _given(reason: str) -> str:
    if not reason.strip():
        raise MatchRefused("Say why, in a few words: whoever looks at it later needs to know.")
    return reason.strip()[:500]


def _locked(payment_id: int) -> TerminalPayment:
    rows = TerminalPayment.objects.select_for_update(of=("self",), no_key=True).select_related("invoice")
    found: TerminalPayment = rows.get(pk=payment_id)
    return found


def _facts(payment: TerminalPayment) -> Payment:
    assert payment.paid_at is not None  # noqa: S101 - the database wants it of what is paid
    return Payment(
        amount=payment.net_amount,
        currency=payment.currency,
        paid_on=in_lagos(payment.paid_at).date(),
        named=tuple(payment.named),
        reference=payment.reference,
        is_whole=not payment.refunded_amount,
    )


def _candidates(payment: TerminalPayment) -> list[Candidate]:
    """Return the invoices that a payment names, and those of its amount, currency and time."""
    day, window = _facts(payment).paid_on, timedelta(days=settings.PAYMENT_WINDOW_DAYS)
    alike = Invoice.objects.filter(
        payable_amount=payment.amount, currency=payment.currency, issue_date__range=(day - window, day + window)
    ).exclude(Q(status__in=NOT_PAYABLE) | Q(type_code=CREDIT))
    found = [*_of_name([*payment.named, payment.reference]), *alike.order_by("pk")[:SOME]]
    return [_candidate(each) for each in {each.pk: each for each in found}.values()]


def _of_name(words: Iterable[str]) -> list[Invoice]:
    """Return numbered invoices by their number or IRN, whatever the case; no note that gives money back."""
    wanted = {spelling for word in words if word for spelling in (word, word.upper(), word.lower())}
    rows = Invoice.objects.filter(Q(number__in=wanted) | Q(irn__in=wanted)).exclude(type_code=CREDIT)
    return list(rows.order_by("pk")[:SOME])


def _candidate(invoice: Invoice) -> Candidate:
    """Return a numbered invoice with what of it is left to pay."""
    payable = invoice.payable_amount or Decimal(0)
    assert invoice.issue_date is not None  # noqa: S101 - the database wants it of what has a number
    return Candidate(
        invoice_id=invoice.pk,
        number=invoice.number or "",
        irn=invoice.irn or "",
        currency=invoice.currency,
        payable=payable,
        room=payable - _credited(invoice) - _paid(invoice),
        issue_date=invoice.issue_date,
        is_open=_is_payable(invoice),
    )


def _is_payable(invoice: Invoice) -> bool:
    """Tell whether a rule may let it be paid: not where somebody has it told already that it is paid."""
    told = Exchange.objects.filter(invoice=invoice, purpose=Purpose.PAYMENT, wanted=PAID).exclude(stage=Stage.REFUSED)
    return invoice.status not in NOT_PAYABLE and not told.exists()


def _credited(invoice: Invoice) -> Decimal:
    return Invoice.objects.credits_of(invoice).aggregate(sum=Sum("payable_amount"))["sum"] or Decimal(0)


def _paid(invoice: Invoice) -> Decimal:
    rows = TerminalPayment.objects.filter(invoice=invoice)
    return rows.aggregate(sum=Sum(F("amount") - F("refunded_amount")))["sum"] or Decimal(0)


def _rivals(payment: TerminalPayment) -> int:
    """Return how many other payments of this amount and time wait that name no invoice either."""
    assert payment.paid_at is not None  # noqa: S101 - as above
    window = timedelta(days=2 * settings.PAYMENT_WINDOW_DAYS)  # the farthest that two payments of one invoice can be
    alike = TerminalPayment.objects.unmatched().filter(
        currency=payment.currency, amount=payment.amount, refunded_amount=0, named=[],
        paid_at__range=(payment.paid_at - window, payment.paid_at + window),
    )  # fmt: skip
    return alike.exclude(pk=payment.pk).count()
