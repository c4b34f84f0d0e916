"""A second person's yes, where the organization asks for one."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from django.db import transaction
from django.utils import timezone
from django_scopes import scope

from accounts.models import Organization, User
from invoices.models import Invoice, Status

logger = structlog.get_logger(__name__)


class NotToApprove(Exception):
    """It cannot be approved by this person or does not wait for it; `str()` is the sentence for people."""


def approve(*, organization: Organization, invoice_ids: Sequence[int], by: User) -> list[Invoice]:
    """Approve invoices of one organization, all or none, and return them; they are due at once.

    One that is approved already stays as it is. Raises NotToApprove.
    """
    with scope(organization=organization), transaction.atomic():
        rows = list(Invoice.objects.select_for_update().filter(pk__in=invoice_ids).order_by("pk"))
        if len(rows) != len(set(invoice_ids)):
            raise NotToApprove("One of the chosen invoices is not there any more. Nothing was approved.")
        now = timezone.now()
        for invoice in rows:
            if invoice.status == Status.APPROVED:
                continue
            _check(invoice, by)
            invoice.status, invoice.approved_by, invoice.approved_at = Status.APPROVED, by, now
            invoice.next_attempt_at = now
            invoice.save(update_fields=["status", "approved_by", "approved_at", "next_attempt_at", "updated_at"])
            logger.info("invoice_approved", invoice=invoice.pk, by=by.pk)
    return rows


def _check(invoice: Invoice, by: User) -> None:
    if invoice.status != Status.READY or not invoice.needs_approval:
        raise NotToApprove(
            f"{invoice} does not wait for approval: it stands at “{invoice.get_status_display()}”. "
            "Nothing was approved."
        )
    if invoice.made_by_id == by.pk:
        raise NotToApprove(f"{invoice} was made by you, so somebody else has to approve it. Nothing was approved.")
