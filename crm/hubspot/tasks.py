"""HubSpot's tasks: ids only, one service call each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from celery import shared_task
from django_scopes import scope, scopes_disabled

from crm.events import refresh_touched
from crm.hubspot.webhooks import deals_touched
from crm.services import invoice_due_deals, save_one_deal, sync_deals
from integrations.base.errors import IntegrationError, NotFound, TransientError
from integrations.models import Connection, WebhookEvent
from integrations.services.events import process_events
from integrations.services.syncs import SyncNotPossible, connection_for_sync
from invoices.tasks import ring_submissions


def _connection(connection_id: int) -> Connection:
    with scopes_disabled():
        return connection_for_sync(connection_id)


@shared_task(name="crm.hubspot.tasks.sync_hubspot_deals")
def sync_hubspot_deals(connection_id: int, days_back: int = 30) -> str:
    """Read a connection's deals and invoice the won ones, page by page."""
    try:
        connection = _connection(connection_id)
    except SyncNotPossible as refusal:
        return str(refusal)
    with scope(organization=connection.organization):

        def after_page(_run: object) -> None:
            if invoice_due_deals(connection=connection):
                ring_submissions()

        try:
            run = sync_deals(connection=connection, days_back=days_back, on_page=after_page)
        except SyncNotPossible as refusal:
            return str(refusal)
        return run.sentence


@shared_task(
    name="crm.hubspot.tasks.process_hubspot_deal",
    autoretry_for=(TransientError,),
    retry_backoff=30,  # seconds, doubling: the client itself tried three times within seconds
    retry_backoff_max=3600,
    max_retries=8,
)
def process_hubspot_deal(deal_id: str, connection_id: int) -> str:
    """Read one deal anew, store it, and invoice it when it is due."""
    try:
        connection = _connection(connection_id)
    except SyncNotPossible as refusal:
        return str(refusal)
    with scope(organization=connection.organization):
        try:
            save_one_deal(connection=connection, deal_id=str(deal_id))
        except TransientError:
            raise
        except (IntegrationError, ValueError) as problem:
            return "There is no such deal." if isinstance(problem, NotFound) else str(problem)
        issued = invoice_due_deals(connection=connection, only=[str(deal_id)])
        if issued:
            ring_submissions()
        return f"{len(issued)} invoiced or held."


@shared_task(name="crm.hubspot.tasks.process_hubspot_events")
def process_hubspot_events(connection_id: int) -> str:
    """Process a connection's waiting events: each deal that they touch is read once, stored and invoiced when due."""
    try:
        connection = _connection(connection_id)
    except SyncNotPossible as refusal:
        return str(refusal)

    def handle(events: Sequence[WebhookEvent]) -> Mapping[int, str]:
        touched = {event.pk: deals_touched(event.payload) for event in events}
        reasons, is_issued = refresh_touched(connection=connection, touched=touched)
        if is_issued:
            ring_submissions()
        return reasons

    with scope(organization=connection.organization):
        return f"{process_events(connection=connection, handle=handle)} events."
