"""What is due of deals, sales and invoices, told to the health of the queues."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Min
from django_scopes import scopes_disabled

from crm.models import Deal
from integrations.queue_health import DueWork
from integrations.queues import STANDARD
from invoices.models import Invoice
from pos.models import SaleKey


def deals_and_invoices(now: datetime) -> list[DueWork]:
    """Return the deals and sales that wait to be invoiced and the invoices to be handed in, of every organization."""
    with scopes_disabled():
        deals = Deal.objects.due().count()
        sales = SaleKey.objects.filter(invoice_due=True).count()
        invoices = Invoice.objects.due(now).order_by().aggregate(count=Count("pk"), oldest=Min("next_attempt_at"))
    return [
        DueWork(STANDARD, "deals to invoice", deals, None),  # a deal may be old and its being due be new
        DueWork(STANDARD, "sales to invoice", sales, None),  # those that go with their day wait for its end
        DueWork(STANDARD, "invoices to hand in", invoices["count"], invoices["oldest"]),
    ]
