"""Mails an organization's owners the deadlines that come near, each step of each invoice once."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from accounts.mail import is_mail_set_up, owners_of, send_letter
from accounts.models import Organization
from invoices.deadlines import SOON, STEPS, step_of, time_left_words
from invoices.models import OPEN, AlarmStep, DeadlineAlarm, Invoice

logger = structlog.get_logger(__name__)

SHOWN = 30  # lines in one mail; the page has them all
AT_ONCE = 2_000
HEAVY = ("document", "draft", "snapshot", "qr_payload", "missing")


def tell_deadlines(now: datetime | None = None) -> int:
    """Note every step that was reached, mail each organization one letter, and return how many steps were told.

    A step is claimed before its mail leaves. A mail server that is away or refuses gives the claim back, and the next
    run tries again; a worker that dies while it sends keeps it, so that nothing is told twice, and the next step is
    told in its time. Without a mail server, and for an organization without owners, steps wait. Of an invoice's steps
    that wait the furthest is told, and none of what was registered meanwhile.
    """
    now = now or timezone.now()
    if not is_mail_set_up():
        return 0
    with scopes_disabled():
        _note_steps(now)
        waiting = DeadlineAlarm.objects.filter(sent_at=None).order_by()
        owners = list(Organization.objects.filter(pk__in=waiting.values("invoice__organization_id")))
    return sum(_tell(organization, now) for organization in owners)


def _note_steps(now: datetime) -> None:
    half = ExpressionWrapper(F("created_at") + (F("deadline_at") - F("created_at")) / 2, output_field=DateTimeField())
    after = 0
    while True:
        near = Invoice.objects.annotate(half_at=half).filter(Q(half_at__lte=now) | Q(deadline_at__lte=now + SOON))
        near = near.filter(status__in=OPEN, deadline_at__isnull=False, pk__gt=after)
        found = list(near.exclude(alarms__step=AlarmStep.LATE).defer(*HEAVY).order_by("pk")[:AT_ONCE])
        if not found:
            return
        steps = ((each, step_of(each.deadline_at, each.created_at, now)) for each in found if each.deadline_at)
        DeadlineAlarm.objects.bulk_create(
            [DeadlineAlarm(invoice=each, step=step) for each, step in steps if step], ignore_conflicts=True
        )
        after = found[-1].pk


def _tell(organization: Organization, now: datetime) -> int:
    with scope(organization=organization):
        to = owners_of(organization)
        if not to:
            logger.error("deadlines_have_no_reader", organization=organization.pk)
            return 0
        claimed = _claim(now)
        current = _furthest(claimed)
        if current and not _send(organization, to, current, now):
            DeadlineAlarm.objects.filter(pk__in=[each.pk for each in claimed]).update(sent_at=None)
            return 0
    return len(current)


def _claim(now: datetime) -> list[DeadlineAlarm]:
    """Claim what waits to be told; what another worker claims at this moment is left to it."""
    with transaction.atomic():
        waiting = DeadlineAlarm.objects.filter(sent_at=None).select_for_update(of=("self",), skip_locked=True)
        mine = list(waiting.select_related("invoice").order_by("invoice__deadline_at", "pk"))
        DeadlineAlarm.objects.filter(pk__in=[each.pk for each in mine]).update(sent_at=now)
    return mine


def _furthest(alarms: list[DeadlineAlarm]) -> list[DeadlineAlarm]:
    found: dict[int, DeadlineAlarm] = {}
    for each in alarms:
        before = found.get(each.invoice_id)
        if each.invoice.status in OPEN and (before is None or STEPS.index(each.step) > STEPS.index(before.step)):
            found[each.invoice_id] = each
    return list(found.values())


def _send(organization: Organization, to: list[str], alarms: list[DeadlineAlarm], now: datetime) -> bool:
    invoices = [each.invoice for each in alarms]
    rows = [
        (invoice, time_left_words(invoice.deadline_at, now), invoice.get_status_display())
        for invoice in invoices[:SHOWN]
        if invoice.deadline_at
    ]
    page = f"{settings.PUBLIC_URL}{reverse('at_risk')}"
    context = {"organization": organization, "rows": rows, "more": max(0, len(invoices) - SHOWN), "page": page}
    late = sum(1 for invoice in invoices if invoice.deadline_at and invoice.deadline_at <= now)
    subject = f"{len(invoices)} invoices near their deadline" if len(invoices) != 1 else "An invoice near its deadline"
    if late:
        subject = f"{late} {'invoices are' if late != 1 else 'invoice is'} past the deadline"
    body = render_to_string("invoices/deadline_mail.txt", context)
    return send_letter(to=to, subject=f"{subject} – {organization}", body=body)
