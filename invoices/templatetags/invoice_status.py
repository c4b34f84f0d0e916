"""What each status of an invoice asks of its reader."""

from __future__ import annotations

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.templatetags.show import badge
from invoices.deadlines import OWN_TARGET, SOON, time_left_words
from invoices.models import OPEN, Invoice, Status

register = template.Library()

MEANING = {
    Status.DRAFT: "needs",
    Status.READY: "waiting",
    Status.APPROVED: "waiting",
    Status.TRANSMITTED: "done",
    Status.DELIVERED: "done",
    Status.CONFIG_ERROR: "failed",
    Status.CREDITED: "done",
    Status.VOIDED: "failed",
    Status.SUBMITTING: "waiting",
    Status.SIGNED: "done",
    Status.REJECTED: "failed",
    Status.UNKNOWN: "waiting",
}
# In a table the word alone; the whole phrase stands on the invoice's own page.
SHORT = {
    Status.DRAFT: "Held",
    Status.READY: "Ready",
    Status.APPROVED: "Approved",
    Status.TRANSMITTED: "Transmitted",
    Status.DELIVERED: "Delivered",
    Status.CONFIG_ERROR: "Keys refused",
    Status.CREDITED: "Credited",
    Status.VOIDED: "Voided",
    Status.SUBMITTING: "Submitting",
    Status.SIGNED: "Signed",
    Status.REJECTED: "Rejected",
    Status.UNKNOWN: "Unknown",
}


@register.simple_tag
def time_left(invoice: Invoice) -> SafeString | str:
    """Return the time left to an invoice's deadline, "" for one that is registered, given up or has none."""
    if invoice.deadline_at is None or invoice.status not in OPEN:
        return ""
    now = timezone.now()
    meaning = "failed" if invoice.deadline_at <= now else "needs" if invoice.deadline_at - now <= SOON else "neutral"
    return badge(meaning, time_left_words(invoice.deadline_at, now))


@register.simple_tag
def deadline_rule(invoice: Invoice) -> str:
    """Return what sets an invoice's deadline, in words."""
    if invoice.deadline_rule == OWN_TARGET:
        return _("your own target; the law names no hours")
    return _("the law: consumer receipts above the threshold") if invoice.deadline_rule else ""


@register.simple_tag
def invoice_badge(invoice: Invoice) -> SafeString:
    """Return an invoice's status in one word."""
    return status_badge(invoice.status)


@register.simple_tag
def status_badge(status: str) -> SafeString:
    """Return a status in one word."""
    return badge(MEANING[Status(status)], SHORT[Status(status)])


@register.simple_tag
def invoice_phrase(invoice: Invoice) -> SafeString:
    """Return an invoice's status in full."""
    return badge(MEANING[Status(invoice.status)], invoice.get_status_display())
