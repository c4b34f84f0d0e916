"""Reading an account's payments: what is new by the clock, and single ones that a notice tells of."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace

import structlog
from django.db import transaction
from django.utils import timezone
from django_scopes import scopes_disabled

from integrations.base.errors import NotFound, PermanentError, ReauthorizationRequired
from integrations.base.records import Page
from integrations.base.registry import providers_of
from integrations.models import Connection, ConnectionStatus, Quarantine, SyncRun
from integrations.models.sync import FULL
from integrations.services.connections import connector_for, mark_needs_reauthorization, request_sync
from integrations.services.planning import next_read
from integrations.services.quarantine import release
from integrations.services.syncs import Plan, StreamReader, run_sync
from pos.models import TerminalPayment
from pos.payment_connector import PaymentsConnector
from pos.services.saving_payments import save_payments

logger = structlog.get_logger(__name__)

STREAM = "payments"


def sync_payments(*, connection: Connection, full: bool = False) -> SyncRun:
    """Read an account's payments, all that its connector goes back for or what is new; then those given back.

    Raises SyncNotPossible.
    """
    connector = payments_connector(connection)
    overlap = connector.overlap
    try:
        return run_sync(
            connection=connection,
            stream=StreamReader(
                name=STREAM,
                plan=lambda: Plan(
                    *next_read(connection=connection, stream=STREAM, full=full, overlap=overlap, days_back=0)
                ),
                read=lambda plan: _read(connector, connection, plan),
                save=lambda page: save_payments(
                    connection=connection, records=page.records, read_at=page.read_at or timezone.now()
                ),
                statistics=connector.statistics,
            ),
        )
    finally:
        connector.close()


def refresh_payments(*, connection: Connection, references: Collection[str]) -> tuple[list[int], frozenset[str]]:
    """Read payments anew and store them; return the stored ones' ids, and the references that are not shown (yet)."""
    connector, read_at = payments_connector(connection, urgent=True), timezone.now()
    records = {}
    try:
        for reference in sorted(references):
            with suppress(NotFound):
                records[reference] = connector.get_payment(reference)
    except ReauthorizationRequired as problem:
        mark_needs_reauthorization(connection=connection, problem=problem)
        raise
    finally:
        connector.close()
    with transaction.atomic():
        save_payments(connection=connection, records=list(records.values()), read_at=read_at)
        release(connection=connection, stream=STREAM, external_ids=list(records))
    ids = [each.external_id for each in records.values()]
    stored = TerminalPayment.objects.filter(connection=connection, external_id__in=ids).order_by("pk")
    return list(stored.values_list("pk", flat=True)), frozenset(set(references) - set(records))


def request_payment_reads() -> list[Connection]:
    """Want a read of every active connection whose payments are read; return those that had none wanted yet."""
    with scopes_disabled():
        wanted = {"status": ConnectionStatus.ACTIVE, "sync_requested_at": None}
        known = Connection.objects.filter(provider__in=providers_of("pos", stream=STREAM), **wanted)
        found = list(known.exclude(not_before__gt=timezone.now()))
        for connection in found:
            request_sync(connection=connection)
    return found


def payments_connector(connection: Connection, *, urgent: bool = False) -> PaymentsConnector:
    """Return the connection's connector; raises TypeError when its provider tells of no payments."""
    connector = connector_for(connection, urgent=urgent)
    if not isinstance(connector, PaymentsConnector):
        raise TypeError(f"{connection.provider} tells of no payments.")
    return connector


def _read(connector: PaymentsConnector, connection: Connection, plan: Plan) -> Iterator[Page]:
    cursor = plan.cursor
    if cursor is None:
        raise ValueError("A sync moves a cursor.")
    until = (cursor.full_read_started_at if plan.mode == FULL else cursor.window_until) or timezone.now()
    since = until - connector.first_read if plan.mode == FULL else cursor.window_since or until - connector.first_read
    # Of each page's records it is certain that they were read after this.
    began = timezone.now()
    for page in connector.read_payments(since, until, str(cursor.position.get("after") or "")):
        yield replace(page, read_at=began)
        began = timezone.now()
    done = {"after": until.isoformat()}
    for page in connector.read_refunded(since, until):
        yield replace(page, cursor=done, read_at=began)
        began = timezone.now()
    yield from _quarantined(connector, connection, done)


def _quarantined(connector: PaymentsConnector, connection: Connection, cursor: dict[str, str]) -> Iterator[Page]:
    """Yield again what could not be read: it may be well by now."""
    held = Quarantine.objects.filter(connection=connection, stream=STREAM, resolved_at=None)
    for reference in list(held.values_list("external_id", flat=True)):
        began = timezone.now()
        try:
            record = connector.get_payment(reference)
        except PermanentError as problem:  # it stays on its list with its reason
            logger.info("payment_still_unreadable", payment=reference, reason=problem.sentence)
            continue
        yield Page([record], cursor, read_at=began)
        release(connection=connection, stream=STREAM, external_ids=[reference])
