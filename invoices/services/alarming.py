"""Mails an organization's owners the deadlines that come near, each step of each invoice once."""

from __future__ import annotations

from datetime import datetime
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from accounts.models import Membership, Organization, Role
from invoices.deadlines import SOON, step_of, time_left_words
from invoices.models import OPEN, AlarmStep, DeadlineAlarm, Invoice

logger = structlog.get_logger(__name__)

SHOWN = 30  # lines in one mail; the page has them all
AT_ONCE = 2_000
HEAVY = ("document", "draft", "snapshot", "qr_payload", "missing")


def tell_deadlines(now: datetime | None = None) -> int:
    """Note every step that was reached, mail each organization one letter, and return how many steps were told.

    A mail that fails is tried again by the next run; a worker that dies between the mail and its note sends it twice,
    which is better than not at all. Steps of what was registered meanwhile are not told.
    """
    now = now or timezone.now()
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
    with scope(organization=organization), transaction.atomic():
        alarms = DeadlineAlarm.objects.filter(sent_at=None).select_for_update(of=("self",), skip_locked=True)
        mine = list(alarms.select_related("invoice").order_by("invoice__deadline_at", "pk"))
        current = [each for each in mine if each.invoice.status in OPEN]
        if current and not _send(organization, current, now):
            return 0
        DeadlineAlarm.objects.filter(pk__in=[each.pk for each in mine]).update(sent_at=now)
    return len(current)


def _send(organization: Organization, alarms: list[DeadlineAlarm], now: datetime) -> bool:
    owners = Membership.objects.filter(Q(role=Role.OWNER), organization=organization, user__is_active=True)
    to = list(owners.values_list("user__email", flat=True))
    if not to:
        logger.error("deadlines_have_no_reader", organization=organization.pk, invoices=len(alarms))
        return True
    invoices = list({each.invoice_id: each.invoice for each in alarms}.values())
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
    try:
        EmailMessage(subject=f"{subject} – {organization}", body=body, to=to).send()
    except (SMTPException, OSError) as problem:
        logger.warning("deadlines_not_mailed", organization=organization.pk, reason=type(problem).__name__)
        return False
    return True
