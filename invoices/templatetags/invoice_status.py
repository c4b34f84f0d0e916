"""What each status of an invoice asks of its reader."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from accounts.templatetags.show import badge
from invoices.models import Invoice, Status

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
