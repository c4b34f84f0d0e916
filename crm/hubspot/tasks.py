"""HubSpot's tasks: ids only, one service call each."""

from __future__ import annotations

from celery import shared_task
from django_scopes import scope, scopes_disabled

from crm.services import invoice_due_deals, preview_deals, refresh_deals, retry_conversions, sync_deals
from integrations.base.errors import IntegrationError, TransientError
from integrations.models import Connection
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


@shared_task(name="crm.hubspot.tasks.preview_hubspot_deals")
def preview_hubspot_deals(connection_id: int) -> str:
    """Say what a full read of a connection would change."""
    try:
        connection = _connection(connection_id)
        with scope(organization=connection.organization):
            return preview_deals(connection=connection).sentence
    except SyncNotPossible as refusal:
        return str(refusal)


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
            refresh_deals(connection=connection, external_ids=[str(deal_id)])
        except TransientError:
            raise
        except IntegrationError as problem:
            return problem.sentence
        retry_conversions(connection=connection, external_ids=[str(deal_id)])
        issued = invoice_due_deals(connection=connection, only=[str(deal_id)])
        if issued:
            ring_submissions()
        return f"{len(issued)} invoiced or held."
