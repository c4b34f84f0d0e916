"""Any till's tasks, by the clock: ids only, one service call each."""

from __future__ import annotations

import structlog
from celery import shared_task
from django_scopes import scope, scopes_disabled

from integrations.models import Connection
from invoices.tasks import ring_submissions
from pos.services.crediting import connections_with_due_refunds, credit_due_refunds
from pos.services.invoicing import connections_with_due_sales, invoice_due_sales

logger = structlog.get_logger(__name__)


@shared_task(name="pos.tasks.invoice_waiting_sales")
def invoice_waiting_sales() -> int:
    """Invoice the sales that are due and credit the refunds that are, everywhere; return how many were looked at."""
    with scopes_disabled():
        due = {*connections_with_due_sales(), *connections_with_due_refunds()}
        connections = list(Connection.objects.filter(pk__in=due).select_related("organization"))
    count = 0
    for connection in connections:
        with scope(organization=connection.organization):
            try:
                count += len(invoice_due_sales(connection=connection))
                count += credit_due_refunds(connection=connection)
            except Exception:  # one connection's fault must not stop the sweep for those after it
                logger.exception("waiting_sales_not_invoiced", connection=connection.pk)
    if count:
        ring_submissions()
    return count
