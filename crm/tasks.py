"""The CRM's own sweep: deals that are due and that nobody is looking at."""

from __future__ import annotations

from celery import shared_task
from django_scopes import scope, scopes_disabled

from crm.models import Deal
from crm.services import invoice_due_deals
from integrations.models import Connection
from invoices.tasks import ring_submissions


@shared_task(name="crm.tasks.invoice_waiting_deals")
def invoice_waiting_deals() -> int:
    """Invoice what is due in every organization; returns how many deals were looked at."""
    with scopes_disabled():
        waiting = Deal.objects.due().order_by().values("connection_id").distinct()
        connections = list(Connection.objects.filter(pk__in=waiting).select_related("organization"))
    count = 0
    for connection in connections:
        with scope(organization=connection.organization):
            count += len(invoice_due_deals(connection=connection))
    if count:
        ring_submissions()
    return count
