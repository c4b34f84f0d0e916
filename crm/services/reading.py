"""Reading deals: all of them, what changed, some by id; and what a read would change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from crm import storage
from crm.connector import CRMConnector
from crm.facts import extra_properties
from crm.models import Deal, DealAlias
from crm.records import RULE_PROPERTIES
from crm.services.converting import CONVERSION
from integrations.base.errors import IntegrationError, PermanentError, ReauthorizationRequired, TransientError
from integrations.base.records import Page
from integrations.bulk import retry_deadlocks
from integrations.models import Connection, Quarantine, SyncCursor, SyncRun
from integrations.models.sync import FULL, PREVIEW, WINDOW
from integrations.services.connections import connector_for, mark_needs_reauthorization
from integrations.services.planning import next_read
from integrations.services.quarantine import release, set_aside
from integrations.services.silence import unannounced
from integrations.services.syncs import Plan, SaveCounts, StreamReader, run_sync
from invoices.rules import Rules
from invoices.services.ruling import active_rules
from invoices.services.withdrawing import open_draft_ids

logger = structlog.get_logger(__name__)

STREAM = "deals"
PREVIEWED = "deals, previewed"  # a stream of its own: a preview under way must not turn the nightly sync away
OVERLAP = timedelta(minutes=10)  # HubSpot's search index lags behind writes by moments; supaglue lost deals without it
# A record stays 90 days in the recycle bin; one that left both the bin and the lists is looked for no longer.
BIN_DAYS = timedelta(days=100)
LAST_STAGE = {"stage": "beside the list"}  # the cursor once the list or the window is read to its end


def sync_deals(
    *,
    connection: Connection,
    full: bool = False,
    days_back: int = 30,
    on_page: Callable[[SyncRun], None] | None = None,
) -> SyncRun:
    """Read a connection's deals: everything the first time or when `full`, else what changed.

    What changed is read since the earlier of `days_back` days ago and the end of the last complete read, so that a
    long outage loses nothing. Then the archived ones, and again the deals in quarantine and those whose drafts wait
    for a fact. An unfinished read goes on where it stopped, and a full one is not given up for a window. Raises
    SyncNotPossible.
    """
    connector = crm_connector(connection)

    polled_since: datetime | None = None

    def plan() -> Plan:
        nonlocal polled_since
        mode, cursor = next_read(connection=connection, stream=STREAM, full=full, overlap=OVERLAP, days_back=days_back)
        polled_since = cursor.complete_until if mode == WINDOW else None
        return Plan(mode, cursor, _expected(connector, cursor, mode))

    try:
        return run_sync(
            connection=connection,
            stream=StreamReader(
                name=STREAM,
                plan=plan,
                read=lambda plan: _read(connector, connection, plan),
                save=lambda page: save_page(connection=connection, page=page, since=polled_since),
                statistics=connector.statistics,
            ),
            on_page=on_page,
        )
    finally:
        connector.close()


def preview_deals(
    *,
    connection: Connection,
    full: bool = True,
    days_back: int = 30,
    on_page: Callable[[SyncRun], None] | None = None,
) -> SyncRun:
    """Read as a sync would and say what it would change, record by record; nothing of it is stored but the run."""
    connector = crm_connector(connection)
    now = timezone.now()

    def read(_plan: Plan) -> Iterator[Page]:
        if full:
            return connector.read_deals({})
        return connector.read_changed_deals(now - timedelta(days=days_back), now, {})

    try:
        return run_sync(
            connection=connection,
            stream=StreamReader(
                name=PREVIEWED,
                plan=lambda: Plan(PREVIEW, None, _count(connector, None if full else now - timedelta(days=days_back))),
                read=read,
                save=lambda page: storage.compare_deals(connection=connection, records=page.records),
                statistics=connector.statistics,
            ),
            on_page=on_page,
        )
    finally:
        connector.close()


def refresh_deals(*, connection: Connection, external_ids: Sequence[str]) -> None:
    """Read these deals anew, by batches, and store them; those that are gone become archived, merged ones are followed.

    Raises what the connector raises: the pages before are stored then.
    """
    connector = crm_connector(connection, urgent=True)
    try:
        for page in connector.read_deals_by_id(external_ids):
            retry_deadlocks(partial(_store, connection, page))
    except ReauthorizationRequired as problem:
        mark_needs_reauthorization(connection=connection, problem=problem)
        raise
    finally:
        connector.close()


def _store(connection: Connection, page: Page) -> None:
    with transaction.atomic():
        save_page(connection=connection, page=page)
        set_aside(connection=connection, stream=STREAM, unreadable=page.unreadable)
        release(connection=connection, stream=STREAM, external_ids=[r.external_id for r in page.records])


def save_page(*, connection: Connection, page: Page, since: datetime | None = None) -> SaveCounts:
    """Store a page's deals and archive those that are gone, inside the caller's transaction.

    With `since`, the beginning of a window, changes that no webhook announced are counted.
    """
    saved = storage.save_deals(connection=connection, records=page.records, read_at=page.read_at)
    storage.save_changed_parties(connection=connection, records=page.parties, read_at=page.read_at)
    if page.gone:
        storage.archive_deals(connection=connection, external_ids=page.gone)
    _release_gone(connection, page)
    written = saved.created | saved.changed
    changed_at = [r.source_updated_at for r in page.records if r.external_id in written and r.source_updated_at]
    silent = unannounced(connection=connection, changed_at=[at for at in changed_at if since and at >= since])
    return SaveCounts(len(saved.created), len(saved.changed), saved.unchanged, silent)


def _release_gone(connection: Connection, page: Page) -> None:
    """Take deals off the lists of what could not be read or converted that exist no more, or as another one."""
    gone = {*page.gone, *(former_id for record in page.records for former_id in record.former_ids)}
    if gone:
        for stream in (STREAM, CONVERSION):
            release(connection=connection, stream=stream, external_ids=gone)


def crm_connector(connection: Connection, *, urgent: bool = False, rules: Rules | None = None) -> CRMConnector:
    """Return the connection's connector; raises TypeError when its provider is not a CRM.

    It asks for what `rules` read, without them for what the rules in force do.
    """
    named = extra_properties(rules or active_rules(connection.organization_id).rules)
    connector = connector_for(connection, urgent=urgent, options={RULE_PROPERTIES: named})
    if not isinstance(connector, CRMConnector):
        raise TypeError(f"{connection.provider} is not a CRM.")
    return connector


def _expected(connector: CRMConnector, cursor: SyncCursor, mode: str) -> int | None:
    """Return how many deals a read from its start will find, None for one that goes on in the middle."""
    if cursor.position:
        return None
    return _count(connector, cursor.window_since if mode == WINDOW else None)


def _count(connector: CRMConnector, since: datetime | None) -> int | None:
    """Return the provider's own count; an estimate is no reason to fail."""
    try:
        return connector.count_deals({"modified_since": since} if since else {})
    except (PermanentError, TransientError) as problem:
        logger.info("deals_not_counted", reason=problem.sentence)
        return None


def _read(connector: CRMConnector, connection: Connection, plan: Plan) -> Iterator[Page]:
    cursor = plan.cursor
    if cursor is None:
        raise ValueError("A sync moves a cursor.")
    storage.save_structure(connection=connection, pipelines=connector.get_pipelines(), owners=_owners(connector))
    seen: set[str] = set()
    if cursor.position != LAST_STAGE:
        for page in _changes(connector, cursor, plan.mode):
            if plan.mode == WINDOW:
                seen.update(each.external_id for each in (*page.records, *page.unreadable))
            yield page
    yield from _archived(connector, connection)
    if plan.mode == WINDOW:
        yield from _parties(connector, cursor)
        yield from _by_id(connector, [i for i in _waiting_ids(connection) if i not in seen])


def _waiting_ids(connection: Connection) -> list[str]:
    """Return deals that wait for a fact or for a record around them to be readable; mending it moves no change time."""
    held = Quarantine.objects.filter(connection=connection, stream=STREAM, resolved_at=None)
    return [*open_draft_ids(connection=connection, kind="deal"), *held.values_list("external_id", flat=True)]


def _changes(connector: CRMConnector, cursor: SyncCursor, mode: str) -> Iterator[Page]:
    if mode == FULL:
        return connector.read_deals(cursor.position)
    if cursor.window_since is None or cursor.window_until is None:
        raise ValueError("A window has two ends.")
    return connector.read_changed_deals(cursor.window_since, cursor.window_until, cursor.position)


def _archived(connector: CRMConnector, connection: Connection) -> Iterator[Page]:
    """Yield what is in the recycle bin now, and anew what has left it: archiving and restoring move no change time."""
    in_bin: set[str] = set()
    for ids in connector.read_archived_ids():
        in_bin.update(ids)
        yield Page(records=[], cursor=LAST_STAGE, gone=ids)
    merged = DealAlias.objects.filter(connection=connection).values("external_id")
    ours = Deal.objects.filter(
        connection=connection, is_archived=True, stored_at__gte=timezone.now() - BIN_DAYS
    ).exclude(external_id__in=merged)
    yield from _by_id(connector, [i for i in ours.values_list("external_id", flat=True) if i not in in_bin])


def _parties(connector: CRMConnector, cursor: SyncCursor) -> Iterator[Page]:
    """Yield buyers that changed since the last complete read: further back, each was read with its deals."""
    if cursor.complete_until is None or cursor.window_until is None:
        raise ValueError("A window follows a complete read.")
    for page in connector.read_changed_parties(cursor.complete_until - OVERLAP, cursor.window_until):
        yield replace(page, cursor=LAST_STAGE)


def _by_id(connector: CRMConnector, external_ids: Iterable[str]) -> Iterator[Page]:
    for page in connector.read_deals_by_id(list(external_ids)):
        yield replace(page, cursor=LAST_STAGE)


def _owners(connector: CRMConnector) -> list[Any]:
    """Return the salespeople, none where the account did not grant their names: they are not needed for an invoice."""
    try:
        return connector.get_owners()
    except IntegrationError as problem:
        logger.info("owners_not_read", reason=problem.sentence)
        return []
