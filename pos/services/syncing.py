"""Reading a merchant's sales and refunds: all of them, what changed, and single ones that a notice tells of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from integrations.base.errors import NotFound, PermanentError, ReauthorizationRequired, TransientError
from integrations.base.records import Page
from integrations.models import Connection, Quarantine, SyncCursor, SyncRun
from integrations.models.sync import FULL, WINDOW
from integrations.services.connections import connector_for, mark_needs_reauthorization
from integrations.services.quarantine import release
from integrations.services.syncs import Plan, SaveCounts, StreamReader, run_sync
from pos.connector import POSConnector
from pos.models import Location
from pos.records import RefundRecord, SaleRecord
from pos.services.saving import Saved, save_locations, save_refunds, save_sales

logger = structlog.get_logger(__name__)

STREAM = "sales"
BEGINNING = datetime(2009, 1, 1, tzinfo=UTC)  # before any till that we read
OVERLAP = timedelta(minutes=10)  # lists trail behind writes by seconds
OFFLINE = timedelta(hours=72)  # so late a till without a network may send its sales
NOT_CHOSEN = "Its location is not chosen, so its sales are not read."
AFTER_SALES = "\uffff"  # the position once the sales of the window are read: above every id


def sync_sales(
    *,
    connection: Connection,
    full: bool = False,
    days_back: int = 3,
    on_page: Callable[[SyncRun], None] | None = None,
) -> SyncRun:
    """Read a connection's sales: everything the first time or when `full`, else what changed; then refunds.

    What changed is read since the earlier of `days_back` days ago and the end of the last complete read. An unfinished
    read goes on at the shop where it stopped. Raises SyncNotPossible.
    """
    connector = pos_connector(connection)
    try:
        return run_sync(
            connection=connection,
            stream=StreamReader(
                name=STREAM,
                plan=lambda: _plan(connection, full=full, days_back=days_back),
                read=lambda plan: _read(connector, connection, plan),
                save=lambda page: save_page(connection=connection, page=page),
                statistics=connector.statistics,
            ),
            on_page=on_page,
        )
    finally:
        connector.close()


def refresh_sales(
    *,
    connection: Connection,
    sale_ids: Collection[str],
    offline_ids: Collection[str] = (),
    refund_ids: Collection[str] = (),
    locations: bool = False,
) -> dict[str, str]:
    """Read sales and refunds anew and store them; return why there was nothing to do, by their ids.

    `offline_ids` are those of the sales whose payments have to be read too.
    Raises what the connector raises, and TransientError for a sale that was told of and is not shown yet.
    """
    connector = pos_connector(connection, urgent=True)
    try:
        if locations:
            save_locations(connection=connection, records=connector.get_locations())
        sales = _as_told(connector, sale_ids, offline_ids)
        refunds = [connector.get_refund_by_id(refund_id) for refund_id in refund_ids]
        away = _unchosen(connection)
        nothing = {each.external_id: NOT_CHOSEN for each in sales if each.location_external_id in away}
        with transaction.atomic():
            page = Page([*(each for each in sales if each.external_id not in nothing), *refunds], {})
            save_page(connection=connection, page=page)
            release(connection=connection, stream=STREAM, external_ids=[each.external_id for each in sales])
    except ReauthorizationRequired as problem:
        mark_needs_reauthorization(connection=connection, problem=problem)
        raise
    finally:
        connector.close()
    return nothing


def _as_told(connector: POSConnector, sale_ids: Collection[str], offline_ids: Collection[str]) -> list[SaleRecord]:
    try:
        usual = connector.get_sales_by_id([sale_id for sale_id in sale_ids if sale_id not in offline_ids])
        return [*usual, *(connector.get_sale_by_id(sale_id) for sale_id in offline_ids)]
    except NotFound as problem:
        raise TransientError(problem.sentence, provider=problem.provider, status=problem.status) from problem


def save_page(*, connection: Connection, page: Page) -> SaveCounts:
    """Store a page of sales and refunds inside the caller's transaction."""
    sales = save_sales(connection=connection, records=[each for each in page.records if isinstance(each, SaleRecord)])
    refunds = save_refunds(
        connection=connection, records=[each for each in page.records if isinstance(each, RefundRecord)]
    )
    both = Saved(sales.new + refunds.new, sales.changed + refunds.changed, sales.unchanged + refunds.unchanged)
    return SaveCounts(both.new, both.changed, both.unchanged)


def pos_connector(connection: Connection, *, urgent: bool = False) -> POSConnector:
    """Return the connection's connector; raises TypeError when its provider is no till."""
    connector = connector_for(connection, urgent=urgent)
    if not isinstance(connector, POSConnector):
        raise TypeError(f"{connection.provider} is no till.")
    return connector


def _plan(connection: Connection, *, full: bool, days_back: int) -> Plan:
    """Return the cursor at the place where to read on, and the mode; called while no other run can."""
    cursor, _ = SyncCursor.objects.get_or_create(connection=connection, stream=STREAM)
    now = timezone.now()
    if full or cursor.complete_until is None or cursor.full_read_started_at is not None:
        if full or cursor.full_read_started_at is None or not cursor.position:
            cursor.position, cursor.full_read_started_at = {}, now
            cursor.window_since = cursor.window_until = None
        mode = FULL
    else:
        mode = WINDOW
        if cursor.window_until is None or not cursor.position:
            cursor.position, cursor.window_until = {}, now
            cursor.window_since = min(cursor.complete_until - OVERLAP, now - timedelta(days=days_back))
    cursor.save(update_fields=["position", "full_read_started_at", "window_since", "window_until", "updated_at"])
    return Plan(mode, cursor, None)


def _read(connector: POSConnector, connection: Connection, plan: Plan) -> Iterator[Page]:
    cursor = plan.cursor
    if cursor is None:
        raise ValueError("A sync moves a cursor.")
    save_locations(connection=connection, records=connector.get_locations())
    ids = list(Location.objects.filter(connection=connection, is_chosen=True).values_list("external_id", flat=True))
    if plan.mode == FULL:
        field, since, until = "created_at", BEGINNING, cursor.full_read_started_at or timezone.now()
    else:
        field = "updated_at"
        since, until = cursor.window_since or BEGINNING, cursor.window_until or timezone.now()
    yield from connector.read_sales(field, since, until, ids, str(cursor.position.get("after") or ""))
    done = {"after": AFTER_SALES}
    for page in connector.read_offline_sales(max(since, until - OFFLINE), until, ids):
        yield replace(page, cursor=done)
    for page in connector.read_refunds(since, until):
        yield replace(page, cursor=done)
    yield from _quarantined(connector, connection, done)


def _quarantined(connector: POSConnector, connection: Connection, cursor: dict[str, str]) -> Iterator[Page]:
    """Yield again what could not be read: it may be well by now."""
    held = Quarantine.objects.filter(connection=connection, stream=STREAM, resolved_at=None)
    for external_id in held.values_list("external_id", flat=True):
        try:
            yield Page([connector.get_sale_by_id(external_id)], cursor)
        except PermanentError as problem:  # it stays on its list with its reason
            logger.info("sale_still_unreadable", sale=external_id, reason=problem.sentence)


def _unchosen(connection: Connection) -> set[str]:
    rows = Location.objects.filter(connection=connection, is_chosen=False)
    return set(rows.values_list("external_id", flat=True))
