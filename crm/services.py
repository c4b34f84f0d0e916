"""Reading a connection's deals and turning the won ones into invoices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from crm.connector import CRMConnector
from crm.converters import deal_to_draft
from crm.models import Deal
from crm.readback import to_record
from crm.storage import save_deals, save_structure
from integrations.base.errors import IntegrationError, NotFound
from integrations.base.registry import get_connector_class
from integrations.models import Connection, Quarantine, SyncCursor, SyncRun
from integrations.services.connections import connector_for
from integrations.services.syncs import FULL, WINDOW, StreamReader, run_sync
from invoices.drafts import InvoiceDraft
from invoices.services.issuing import Issued, issue_drafts
from invoices.services.withdrawing import withdraw_drafts

logger = structlog.get_logger(__name__)

STREAM = "deals"
OVERLAP = timedelta(minutes=10)  # HubSpot's search index lags behind writes by moments; supaglue lost deals without it
INVOICES_A_TRANSACTION = 100


def sync_deals(
    *,
    connection: Connection,
    full: bool = False,
    days_back: int = 30,
    on_page: Callable[[SyncRun], None] | None = None,
) -> SyncRun:
    """Read a connection's deals: everything the first time or when `full`, else what changed.

    What changed is read since the earlier of `days_back` days ago and the end of the last complete read, so that a
    long outage loses nothing. An unfinished read goes on where it stopped. Raises SyncNotPossible.
    """
    connector = _crm_connector(connection)
    try:
        cursor, mode = _plan(connection, full=full, days_back=days_back)
        return run_sync(
            connection=connection,
            stream=StreamReader(
                name=STREAM,
                read=lambda position: _read(connector, connection, cursor, mode, position),
                save=lambda records: save_deals(connection=connection, records=records),
                statistics=connector.statistics,
            ),
            mode=mode,
            cursor=cursor,
            on_page=on_page,
        )
    finally:
        connector.close()


def _crm_connector(connection: Connection) -> CRMConnector:
    connector = connector_for(connection)
    if not isinstance(connector, CRMConnector):
        raise TypeError(f"{connection.provider} is not a CRM.")
    return connector


def _plan(connection: Connection, *, full: bool, days_back: int) -> tuple[SyncCursor, str]:
    cursor, _ = SyncCursor.objects.get_or_create(connection=connection, stream=STREAM)
    now = timezone.now()
    if full or cursor.complete_until is None:
        if full or cursor.full_read_started_at is None:
            cursor.position = {}
            cursor.full_read_started_at = now
        mode = FULL
    else:
        mode = WINDOW
        if cursor.window_until is None:
            cursor.position = {}
            cursor.window_until = now
            cursor.window_since = _since(cursor.complete_until, now, days_back)
    cursor.save()
    return cursor, mode


def _since(complete_until: datetime, now: datetime, days_back: int) -> datetime:
    return min(complete_until - OVERLAP, now - timedelta(days=days_back))


def _read(
    connector: CRMConnector, connection: Connection, cursor: SyncCursor, mode: str, position: dict[str, Any]
) -> Any:
    save_structure(connection=connection, pipelines=connector.get_pipelines(), owners=_owners(connector))
    if mode == FULL:
        return connector.read_deals(position)
    if cursor.window_since is None or cursor.window_until is None:
        raise ValueError("A window has two ends.")
    return connector.read_changed_deals(cursor.window_since, cursor.window_until, position)


def _owners(connector: CRMConnector) -> list[Any]:
    """Return the salespeople, none where the account did not grant their names: they are not needed for an invoice."""
    try:
        return connector.get_owners()
    except IntegrationError as problem:
        logger.info("owners_not_read", reason=problem.sentence)
        return []


def save_one_deal(*, connection: Connection, deal_id: str) -> None:
    """Read one deal anew and store it; raises what the connector raises."""
    connector = _crm_connector(connection)
    try:
        record = connector.get_deal_by_id(deal_id)
    finally:
        connector.close()
    with transaction.atomic():
        save_deals(connection=connection, records=[record])


def refresh_deals(*, connection: Connection, external_ids: Sequence[str]) -> None:
    """Read these deals anew and store them; those that are gone are marked as archived. Raises what reading raises."""
    for deal_id in external_ids:
        try:
            save_one_deal(connection=connection, deal_id=deal_id)
        except NotFound:
            with transaction.atomic():
                Deal.objects.filter(connection=connection, external_id=deal_id).update(
                    is_archived=True, invoice_due=False
                )
                withdraw_drafts(connection=connection, kind="deal", external_ids=[deal_id])


def invoice_due_deals(*, connection: Connection, only: Sequence[str] = ()) -> list[Issued]:
    """Turn this connection's due deals into invoices and drafts, a hundred a transaction; return what became of each.

    `only` limits it to some external ids. A deal that another worker holds is left to it.
    """
    issued: list[Issued] = []
    provider = get_connector_class(connection.provider).info.name
    while True:
        with transaction.atomic():
            deals = list(
                _due(connection, only).select_for_update(skip_locked=True, of=("self",))[:INVOICES_A_TRANSACTION]
            )
            if not deals:
                return issued
            drafts = [draft for deal in deals if (draft := _draft_or_quarantine(deal, provider)) is not None]
            issued += issue_drafts(organization=connection.organization, drafts=drafts)
            Deal.objects.filter(pk__in=[deal.pk for deal in deals]).update(invoice_due=False)


def _due(connection: Connection, only: Sequence[str]) -> Any:
    due = Deal.objects.due().filter(connection=connection).order_by("pk")
    if only:
        due = due.filter(external_id__in=only)
    return due.select_related("company", "contact").prefetch_related("lines")


def _draft_or_quarantine(deal: Deal, provider: str) -> InvoiceDraft | None:
    try:
        return deal_to_draft(to_record(deal), connection_id=deal.connection_id, provider=provider)
    except Exception as problem:  # one deal that breaks our converter must not hold back ninety-nine others
        logger.exception("deal_not_converted", deal=deal.external_id)
        Quarantine.objects.update_or_create(
            connection_id=deal.connection_id,
            stream=STREAM,
            external_id=deal.external_id,
            resolved_at=None,
            defaults={
                "reason": f"An error of ours stopped its conversion ({type(problem).__name__}). Tell support.",
                "payload": str(deal.payload),
            },
        )
        return None


def due_count(*, connection: Connection) -> int:
    """Return how many deals wait to be looked at for invoicing."""
    return Deal.objects.due().filter(connection=connection).count()
