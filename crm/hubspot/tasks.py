"""HubSpot's tasks under the names that schedules and callers know them by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from celery import shared_task
from django_scopes import scope, scopes_disabled

from crm.events import refresh_touched
from crm.hubspot.webhooks import deals_touched
from crm.tasks import RECORD_RETRIES, preview_deals_of, process_deal, sync_deals_of
from integrations.models import WebhookEvent
from integrations.services.syncs import SyncNotPossible, connection_for_sync
from integrations.tasks import take_turn
from invoices.tasks import ring_submissions


@shared_task(name="crm.hubspot.tasks.sync_hubspot_deals")
def sync_hubspot_deals(connection_id: int, days_back: int = 30) -> str:
    """Read a connection's deals and invoice the won ones, page by page."""
    return str(sync_deals_of(connection_id, days_back))


@shared_task(name="crm.hubspot.tasks.preview_hubspot_deals")
def preview_hubspot_deals(connection_id: int) -> str:
    """Say what a full read of a connection would change."""
    return str(preview_deals_of(connection_id))


@shared_task(name="crm.hubspot.tasks.process_hubspot_deal", **RECORD_RETRIES)
def process_hubspot_deal(deal_id: str, connection_id: int) -> str:
    """Read one deal anew, store it, and invoice it when it is due."""
    return str(process_deal.run(deal_id, connection_id))


@shared_task(name="crm.hubspot.tasks.process_hubspot_events")
def process_hubspot_events(connection_id: int) -> str:
    """Process a connection's waiting events: each deal that they touch is read once, stored and invoiced when due."""
    try:
        with scopes_disabled():
            connection = connection_for_sync(connection_id)
    except SyncNotPossible as refusal:
        return str(refusal)

    def handle(events: Sequence[WebhookEvent]) -> Mapping[int, str]:
        touched = {event.pk: deals_touched(event.payload) for event in events}
        reasons, is_issued = refresh_touched(connection=connection, touched=touched)
        if is_issued:
            ring_submissions()
        return reasons

    with scope(organization=connection.organization):
        return f"{take_turn(connection, handle)} events."
