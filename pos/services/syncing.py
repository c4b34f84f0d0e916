"""Reading a merchant's sales and refunds: all of them, what changed, and single ones that a notice tells of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from integrations.base.errors import NotFound, PermanentError, ReauthorizationRequired
from integrations.base.records import Page
from integrations.models import Connection, Quarantine, SyncRun
from integrations.models.sync import FULL
from integrations.services.connections import connector_for, mark_needs_reauthorization
from integrations.services.planning import next_read
from integrations.services.quarantine import release
from integrations.services.syncs import Plan, SaveCounts, StreamReader, run_sync
from pos.connector import POSConnector
from pos.models import Location
from pos.records import CustomerRecord, RefundRecord, SaleRecord
from pos.services.directory import learn_goods, refresh_customers, refresh_goods
from pos.services.saving import Saved, save_customers, save_locations, save_refunds, save_sales

logger = structlog.get_logger(__name__)

STREAM = "sales"
BEGINNING = datetime(2009, 1, 1, tzinfo=UTC)  # before any till that we read
OVERLAP = timedelta(minutes=10)  # lists trail behind writes by seconds
NOT_CHOSEN = "Its location is not chosen, so its sales are not read."
AFTER_SALES = "\uffff"  # the position once the sales of the window are read: above every id


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What single reads left undone: why there was nothing to do, by sale, and the ids that are not shown (yet)."""

    nothing: dict[str, str]
    hidden: frozenset[str]


def sync_sales(
    *,
    connection: Connection,
    full: bool = False,
    days_back: int = 3,
    on_page: Callable[[SyncRun], None] | None = None,
) -> SyncRun:
    """Read a connection's sales: everything the first time or when `full`, else what changed; then refunds.

    What changed is read since the earlier of `days_back` days ago and the end of the last complete read; three days,
    since a till without a network may send its sales so late. An unfinished read goes on at the shop where it stopped.
    Raises SyncNotPossible.
    """
    connector = pos_connector(connection)
    try:
        return run_sync(
            connection=connection,
            stream=StreamReader(
                name=STREAM,
                plan=lambda: Plan(
                    *next_read(connection=connection, stream=STREAM, full=full, overlap=OVERLAP, days_back=days_back)
                ),
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
    customer_ids: Collection[str] = (),
    locations: bool = False,
    catalog: bool = False,
) -> Refreshed:
    """Read sales and refunds anew, and store those that the provider shows.

    `offline_ids` are those of the sales whose payments have to be read too. Raises what the connector raises.
    """
    connector = pos_connector(connection, urgent=True)
    try:
        if locations:
            save_locations(connection=connection, records=connector.get_locations())
        if catalog:
            refresh_goods(connection=connection, connector=connector)
        refresh_customers(connection=connection, connector=connector, customer_ids=customer_ids)
        sales = connector.get_sales_by_id([sale_id for sale_id in sale_ids if sale_id not in offline_ids])
        sales += _shown(connector.get_sale_by_id, offline_ids)
        refunds = _shown(connector.get_refund_by_id, refund_ids)
        learn_goods(connection=connection, connector=connector, sales=sales)
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
    shown = {each.external_id for each in (*sales, *refunds)}
    return Refreshed(nothing, frozenset({*sale_ids, *offline_ids, *refund_ids} - shown))


def confirm_access(*, connection: Connection) -> None:
    """Ask the provider whether our access still holds; raises ReauthorizationRequired when it does not."""
    connector = pos_connector(connection, urgent=True)
    try:
        connector.authenticate()
    finally:
        connector.close()


def _shown(read: Callable[[str], Any], ids: Collection[str]) -> list[Any]:
    found = []
    for each in ids:
        with suppress(NotFound):
            found.append(read(each))
    return found


def save_page(*, connection: Connection, page: Page) -> SaveCounts:
    """Store a page of sales, refunds and customers inside the caller's transaction."""
    customers = [each for each in page.records if isinstance(each, CustomerRecord)]
    save_customers(connection=connection, records=customers)
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
    refresh_goods(connection=connection, connector=connector)
    # First, so that no sale is invoiced by the day it was sent: what payments told stays when the list tells less.
    for page in connector.read_offline_sales(since, until, ids):
        learn_goods(connection=connection, connector=connector, sales=page.records)
        yield replace(page, cursor=dict(cursor.position))
    for page in connector.read_sales(field, since, until, ids, str(cursor.position.get("after") or "")):
        learn_goods(connection=connection, connector=connector, sales=page.records)
        yield page
    done = {"after": AFTER_SALES}
    yield from _customers(connector, None if plan.mode == FULL else since, done)
    for page in connector.read_refunds(since, until):
        yield replace(page, cursor=done)
    yield from _quarantined(connector, connection, done)


def _customers(connector: POSConnector, since: datetime | None, cursor: dict[str, str]) -> Iterator[Page]:
    """Yield the customers that changed; where they cannot be read, sales are read all the same."""
    try:
        for records in connector.read_customers(since):
            yield Page(list(records), cursor)
    except PermanentError as problem:
        logger.warning("customers_not_readable", reason=problem.sentence)


def _quarantined(connector: POSConnector, connection: Connection, cursor: dict[str, str]) -> Iterator[Page]:
    """Yield again what could not be read: it may be well by now."""
    held = Quarantine.objects.filter(connection=connection, stream=STREAM, resolved_at=None)
    for external_id in held.values_list("external_id", flat=True):
        try:
            sale = connector.get_sale_by_id(external_id)
        except PermanentError as problem:  # it stays on its list with its reason
            logger.info("sale_still_unreadable", sale=external_id, reason=problem.sentence)
            continue
        learn_goods(connection=connection, connector=connector, sales=[sale])
        yield Page([sale], cursor)


def _unchosen(connection: Connection) -> set[str]:
    rows = Location.objects.filter(connection=connection, is_chosen=False)
    return set(rows.values_list("external_id", flat=True))
