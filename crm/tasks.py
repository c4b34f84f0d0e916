"""The CRM's own sweep: deals that are due and that nobody is looking at."""

from __future__ import annotations

import structlog
from celery import shared_task
from django_scopes import scope, scopes_disabled

from crm.models import Deal
from crm.services import invoice_due_deals
from integrations.models import Connection
from invoices.tasks import ring_submissions

logger = structlog.get_logger(__name__)


@shared_task(name="crm.tasks.invoice_waiting_deals")
def invoice_waiting_deals() -> int:
    """Invoice what is due in every organization; returns how many deals were looked at."""
    with scopes_disabled():
        waiting = Deal.objects.due().order_by().values("connection_id").distinct()
        connections = list(Connection.objects.filter(pk__in=waiting).select_related("organization"))
    count = 0
    for connection in connections:
        with scope(organization=connection.organization):
            try:
                count += len(invoice_due_deals(connection=connection))
            except Exception:  # one connection's fault must not stop the sweep for those after it
                logger.exception("waiting_deals_not_invoiced", connection=connection.pk)
    if count:
        ring_submissions()
    return count
