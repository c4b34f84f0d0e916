"""What is due of deals and invoices, told to the health of the queues."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Min
from django_scopes import scopes_disabled

from crm.models import Deal
from integrations.queue_health import DueWork
from integrations.queues import STANDARD
from invoices.models import Invoice


def deals_and_invoices(now: datetime) -> list[DueWork]:
    """Return the deals that wait to be invoiced and the invoices that wait to be handed in, of every organization."""
    with scopes_disabled():
        deals = Deal.objects.due().count()
        invoices = Invoice.objects.due(now).order_by().aggregate(count=Count("pk"), oldest=Min("next_attempt_at"))
    return [
        DueWork(STANDARD, "deals to invoice", deals, None),  # a deal may be old and its being due be new
        DueWork(STANDARD, "invoices to hand in", invoices["count"], invoices["oldest"]),
    ]
