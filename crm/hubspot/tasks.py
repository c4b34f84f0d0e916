"""HubSpot's tasks under the names that schedules and callers know them by."""

from __future__ import annotations

from celery import shared_task

from crm.tasks import RECORD_RETRIES, preview_deals_of, process_deal, sync_deals_of


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
