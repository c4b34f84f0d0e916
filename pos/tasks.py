"""Any till's tasks: ids only, one service call each; and what its accounts need by the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from celery import shared_task
from django_scopes import scope, scopes_disabled

from integrations.base.errors import IntegrationError, ReauthorizationRequired, TransientError
from integrations.base.registry import get_connector_class
from integrations.models import Connection, WebhookEvent
from integrations.services.connections import mark_needs_reauthorization
from integrations.services.syncs import SyncNotPossible, connection_for_sync
from integrations.tasks import take_turn
from invoices.tasks import ring_submissions
from pos.connector import POSConnector
from pos.services.crediting import connections_with_due_refunds, credit_due_refunds
from pos.services.invoicing import connections_with_due_sales, invoice_due_sales, retry_conversions
from pos.services.syncing import refresh_sales, sync_sales

logger = structlog.get_logger(__name__)

NOTHING = "It names no sale, refund or location."
# Of a task that reads one sale: seconds, doubling. The client itself tried three times within seconds.
SALE_RETRIES = {
    "autoretry_for": (TransientError,),
    "retry_backoff": 10,
    "retry_backoff_max": 3600,
    "max_retries": 10,
}


def _connection(connection_id: int) -> Connection:
    with scopes_disabled():
        return connection_for_sync(connection_id)


@shared_task(name="pos.tasks.sync_sales_of")
def sync_sales_of(connection_id: int, days_back: int = 3) -> str:
    """Read a connection's sales and refunds, page by page."""
    try:
        connection = _connection(connection_id)
        with scope(organization=connection.organization):
            return sync_sales(connection=connection, days_back=days_back).sentence
    except SyncNotPossible as refusal:
        return str(refusal)


@shared_task(name="pos.tasks.process_sale", **SALE_RETRIES)
def process_sale(sale_id: str, connection_id: int) -> str:
    """Read one sale anew and store it; one that our own converter broke on is converted again."""
    try:
        connection = _connection(connection_id)
    except SyncNotPossible as refusal:
        return str(refusal)
    with scope(organization=connection.organization):
        if retry_conversions(connection=connection, external_ids=[str(sale_id)]):
            return "It is converted again within a minute."
        try:
            nothing = refresh_sales(connection=connection, sale_ids=[str(sale_id)])
        except TransientError:
            raise
        except IntegrationError as problem:
            return problem.sentence
    return nothing.get(str(sale_id), "Stored.")


@shared_task(name="pos.tasks.process_sale_events")
def process_sale_events(connection_id: int) -> str:
    """Process a connection's waiting events: each sale that they touch is read once and stored."""
    try:
        connection = _connection(connection_id)
    except SyncNotPossible as refusal:
        return str(refusal)

    def handle(events: Sequence[WebhookEvent]) -> Mapping[int, str]:
        connector_class = get_connector_class(connection.provider)
        assert issubclass(connector_class, POSConnector)  # noqa: S101 - its webhook task is this one
        touched = {event.pk: connector_class.touched_by(event.payload) for event in events}
        if any(each.is_revoked for each in touched.values()):
            problem = ReauthorizationRequired(f"{connector_class.info.name} says that the access was withdrawn there.")
            mark_needs_reauthorization(connection=connection, problem=problem)
            raise problem
        refresh_sales(
            connection=connection,
            sale_ids=sorted(set().union(*(each.sales for each in touched.values()))),
            offline_ids=sorted(set().union(*(each.offline for each in touched.values()))),
            refund_ids=sorted(set().union(*(each.refunds for each in touched.values()))),
            locations=any(each.locations for each in touched.values()),
        )
        return {pk: NOTHING for pk, each in touched.items() if not (each.sales or each.refunds or each.locations)}

    with scope(organization=connection.organization):
        return f"{take_turn(connection, handle)} events."


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
