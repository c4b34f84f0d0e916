"""Any CRM's tasks: ids only, one service call each; and what its accounts need by the clock.

A provider whose tasks have names of their own calls these.
"""

from __future__ import annotations

from typing import Any

import structlog
from celery import current_app, shared_task
from django.db import transaction
from django_scopes import scope, scopes_disabled
from kombu.exceptions import OperationalError

from crm.models import Deal
from crm.services import (
    apply_rules,
    invoice_due_deals,
    preview_deals,
    refresh_deals,
    retry_conversions,
    sync_deals,
    take_census,
    wake_milestones,
    write_back_invoices,
)
from crm.services.writeback import OPTION as WRITE_BACK
from integrations.base.errors import IntegrationError, TransientError
from integrations.base.registry import connector_classes
from integrations.models import Connection, ConnectionStatus
from integrations.services.leases import WRITE_BACK as WRITE_BACK_LEASE
from integrations.services.leases import left_behind
from integrations.services.syncs import SyncNotPossible, connection_for_sync
from invoices.tasks import ring_submissions

logger = structlog.get_logger(__name__)

WRITE_BACK_EXPIRES = 60.0  # seconds: the next sweep rings again
# Of a task that reads one record: seconds, doubling. The client itself tried three times within seconds.
RECORD_RETRIES = {
    "autoretry_for": (TransientError,),
    "retry_backoff": 30,
    "retry_backoff_max": 3600,
    "max_retries": 8,
}


def _connection(connection_id: int) -> Connection:
    with scopes_disabled():
        return connection_for_sync(connection_id)


@shared_task(name="crm.tasks.sync_deals_of")
def sync_deals_of(connection_id: int, days_back: int = 30) -> str:
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


@shared_task(name="crm.tasks.preview_deals_of")
def preview_deals_of(connection_id: int) -> str:
    """Say what a full read of a connection would change."""
    try:
        connection = _connection(connection_id)
        with scope(organization=connection.organization):
            return preview_deals(connection=connection).sentence
    except SyncNotPossible as refusal:
        return str(refusal)


@shared_task(name="crm.tasks.process_deal", **RECORD_RETRIES)
def process_deal(deal_id: str, connection_id: int) -> str:
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


@shared_task(name="crm.tasks.invoice_waiting_deals")
def invoice_waiting_deals() -> int:
    """Invoice what is due in every organization; returns how many deals were looked at."""
    apply_rules()
    with scopes_disabled():
        wake_milestones()
        waiting = Deal.objects.due().order_by().values("connection_id").distinct()
        connections = list(Connection.objects.filter(pk__in=waiting).select_related("organization"))
    count = 0
    for connection in connections:
        with scope(organization=connection.organization):
            try:
                count += len(invoice_due_deals(connection=connection))
            except Exception:  # one connection's fault must not stop the sweep for those after it
                logger.exception("waiting_deals_not_invoiced", connection=connection.pk)
    if count:
        ring_submissions()
    return count


def ring_invoicing() -> None:
    """Ask a worker to invoice what is due once the current transaction commits; the sweep finds it otherwise."""
    transaction.on_commit(_ring_invoicing)


def _ring_invoicing() -> None:
    try:
        invoice_waiting_deals.delay()
    except OperationalError as problem:
        logger.warning("bell_not_rung", reason=type(problem).__name__)


@shared_task(name="crm.tasks.ring_censuses")
def ring_censuses() -> int:
    """Ring for a census of every account that can be read; one that fails is taken the next night."""
    slugs = [slug for slug, connector in connector_classes().items() if connector.info.category == "crm"]
    with scopes_disabled():
        active = Connection.objects.filter(status=ConnectionStatus.ACTIVE, provider__in=slugs)
        ids = list(active.values_list("pk", flat=True))
    for connection_id in ids:
        current_app.send_task("crm.tasks.take_census_of", args=[connection_id])
    return len(ids)


@shared_task(name="crm.tasks.take_census_of")
def take_census_of(connection_id: int) -> str:
    """Count one account's deals against the provider, then invoice what that brought to light."""
    with scopes_disabled():
        connection = Connection.objects.select_related("organization").filter(pk=connection_id).first()
    if connection is None:
        return f"There is no connection {connection_id}."
    with scope(organization=connection.organization):
        try:
            census = take_census(connection=connection)
        except (SyncNotPossible, IntegrationError) as problem:
            logger.warning("census_not_taken", connection=connection.pk, reason=str(problem))
            return str(problem)
        if invoice_due_deals(connection=connection):
            ring_submissions()
        return f"{census.counted_there} there, {census.counted_here} here, {census.differences.count()} differences."


@shared_task(name="crm.tasks.write_back_invoices")
def ring_write_backs() -> int:
    """Ring for every account whose owner wants invoices written to its deals; returns how many there are."""
    return _ring_write_backs()


def _ring_write_backs(**narrower: Any) -> int:
    with scopes_disabled():
        wanted = Connection.objects.filter(status=ConnectionStatus.ACTIVE, **{f"options__{WRITE_BACK}": True})
        wanted = wanted.filter(**narrower)
        ids = list(wanted.values_list("pk", flat=True))
    for connection_id in ids:
        current_app.send_task("crm.tasks.write_back_invoices_of", args=[connection_id], expires=WRITE_BACK_EXPIRES)
    return len(ids)


@shared_task(name="crm.tasks.write_back_left_behind")
def ring_left_write_backs() -> int:
    """Ring for the accounts whose worker died while it wrote; returns how many there are."""
    return _ring_write_backs(pk__in=left_behind(WRITE_BACK_LEASE))


@shared_task(name="crm.tasks.write_back_invoices_of")
def write_back_invoices_of(connection_id: int) -> int:
    """Write one account's untold invoices to their deals; returns how many were written."""
    with scopes_disabled():
        connection = Connection.objects.select_related("organization").filter(pk=connection_id).first()
    if connection is None:
        return 0
    with scope(organization=connection.organization):
        return write_back_invoices(connection=connection)
