"""Any till's tasks: ids only, one service call each; and what its accounts need by the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import structlog
from celery import shared_task
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django_scopes import scope, scopes_disabled
from kombu.exceptions import OperationalError

from accounts.models import Organization
from integrations.base.errors import IntegrationError, ReauthorizationRequired, TransientError
from integrations.base.registry import get_connector_class
from integrations.models import Connection, WebhookEvent
from integrations.services.connections import mark_needs_reauthorization
from integrations.services.events import NotYet
from integrations.services.leases import LeaseLost
from integrations.services.syncs import SyncNotPossible, connection_for_sync
from integrations.tasks import ring_sync, take_turn
from invoices.tasks import ring_exchanges, ring_submissions
from pos.connector import POSConnector, Touched
from pos.models import Location, TerminalPayment
from pos.payment_connector import PaymentsConnector
from pos.services.closing import close_day, days_to_close, shops_to_close
from pos.services.crediting import connections_with_due_refunds, credit_due_exchanges, credit_due_refunds
from pos.services.invoicing import connections_with_due_sales, invoice_due_sales, retry_conversions
from pos.services.matching import mark_closed_invoices, match_payment, match_waiting, tell_paid_invoices
from pos.services.paying import refresh_payments, request_payment_reads, sync_payments
from pos.services.syncing import Refreshed, confirm_access, refresh_sales, sync_sales

logger = structlog.get_logger(__name__)

ANOTHER = "Another worker is at this shop."
NOTHING = "It names no sale, refund, customer or location."
NO_PAYMENT = "It names no payment."
# Of a task that reads one sale: seconds, doubling. The client itself tried three times within seconds.
SALE_RETRIES = {
    "autoretry_for": (TransientError,),
    "retry_backoff": 10,
    "retry_backoff_max": 3600,
    "max_retries": 10,
}


def _connection(connection_id: int) -> Connection:
    with scopes_disabled():
        return connection_for_sync(connection_id)


@shared_task(name="pos.tasks.sync_sales_of")
def sync_sales_of(connection_id: int, days_back: int = 3) -> str:
    """Read a connection's sales and refunds, page by page."""
    try:
        connection = _connection(connection_id)
        with scope(organization=connection.organization):
            return sync_sales(connection=connection, days_back=days_back).sentence
    except SyncNotPossible as refusal:
        return str(refusal)


@shared_task(name="pos.tasks.process_sale", **SALE_RETRIES)
def process_sale(sale_id: str, connection_id: int) -> str:
    """Read one sale anew and store it; one that our own converter broke on is converted again."""
    try:
        connection = _connection(connection_id)
    except SyncNotPossible as refusal:
        return str(refusal)
    with scope(organization=connection.organization):
        if retry_conversions(connection=connection, external_ids=[str(sale_id)]):
            return "It is converted again within a minute."
        try:
            done = refresh_sales(connection=connection, sale_ids=[str(sale_id)])
        except TransientError:
            raise
        except IntegrationError as problem:
            return problem.sentence
    if done.hidden:
        raise TransientError(f"The till's provider shows no sale {sale_id}, or not yet.")
    return done.nothing.get(str(sale_id), "Stored.")


@shared_task(name="pos.tasks.process_sale_events")
def process_sale_events(connection_id: int) -> str:
    """Process a connection's waiting events: each sale that they touch is read once and stored."""
    try:
        connection = _connection(connection_id)
    except SyncNotPossible as refusal:
        return str(refusal)

    def handle(events: Sequence[WebhookEvent]) -> Mapping[int, str | NotYet]:
        connector_class = get_connector_class(connection.provider)
        assert issubclass(connector_class, POSConnector)  # noqa: S101 - its webhook task is this one
        touched = {event.pk: connector_class.touched_by(event.payload) for event in events}
        if any(each.is_revoked for each in touched.values()):
            # Notices come late and in any order: this one may be of an access from before the present one.
            confirm_access(connection=connection)
        done = refresh_sales(
            connection=connection,
            sale_ids=sorted(set().union(*(each.sales for each in touched.values()))),
            offline_ids=sorted(set().union(*(each.offline for each in touched.values()))),
            refund_ids=sorted(set().union(*(each.refunds for each in touched.values()))),
            customer_ids=set().union(*(each.customers for each in touched.values())),
            locations=any(each.locations for each in touched.values()),
            catalog=any(each.catalog for each in touched.values()),
        )
        return {pk: why for pk, each in touched.items() if (why := _undone(each, done, connector_class.info.name))}

    with scope(organization=connection.organization):
        return f"{take_turn(connection, handle)} events."


def _undone(touched: Touched, done: Refreshed, provider: str) -> str | NotYet:
    if hidden := sorted((touched.sales | touched.refunds) & done.hidden):
        return NotYet(f"{provider} does not show {hidden[0]}, or not yet.")
    if touched.is_revoked:
        return f"{provider} still lets us in, so it tells of an access from before."
    return NOTHING if touched == Touched() else ""


@shared_task(name="pos.tasks.sync_payments_of")
def sync_payments_of(connection_id: int) -> str:
    """Read a connection's payments, page by page, and match what rules can match."""
    try:
        connection = _connection(connection_id)
        with scope(organization=connection.organization):
            run = sync_payments(connection=connection)
            match_waiting(connection=connection)
    except SyncNotPossible as refusal:
        return str(refusal)
    ring_exchanges()
    return run.sentence


@shared_task(name="pos.tasks.process_payment", **SALE_RETRIES)
def process_payment(reference: str, connection_id: int) -> str:
    """Read one payment anew, store it and match it."""
    try:
        connection = _connection(connection_id)
    except SyncNotPossible as refusal:
        return str(refusal)
    with scope(organization=connection.organization):
        try:
            stored, hidden = refresh_payments(connection=connection, references=[str(reference)])
        except TransientError:
            raise
        except IntegrationError as problem:
            return problem.sentence
        for payment_id in stored:
            match_payment(payment_id=payment_id)
    ring_exchanges()
    return "The provider shows no such payment." if hidden else "Stored."


@shared_task(name="pos.tasks.process_payment_events")
def process_payment_events(connection_id: int) -> str:
    """Process a connection's waiting events: each payment that they touch is read once, stored and matched."""
    try:
        connection = _connection(connection_id)
    except SyncNotPossible as refusal:
        return str(refusal)

    def handle(events: Sequence[WebhookEvent]) -> Mapping[int, str | NotYet]:
        connector_class = get_connector_class(connection.provider)
        assert issubclass(connector_class, PaymentsConnector)  # noqa: S101 - its webhook task is this one
        touched = {event.pk: connector_class.payments_touched_by(event.payload) for event in events}
        wanted = frozenset().union(*touched.values())
        stored, hidden = refresh_payments(connection=connection, references=wanted)
        for payment_id in stored:
            match_payment(payment_id=payment_id)
        late = NotYet(f"{connector_class.info.name} does not show this payment, or not yet.")
        return {pk: late if each & hidden else NO_PAYMENT for pk, each in touched.items() if not each or each & hidden}

    with scope(organization=connection.organization):
        taken = take_turn(connection, handle)
    ring_exchanges()
    return f"{taken} events."


@shared_task(name="pos.tasks.read_payments")
def read_payments() -> int:
    """Ring for a read of every connection whose payments are read; return how many."""
    connections = request_payment_reads()
    for connection in connections:
        ring_sync(connection)
    return len(connections)


@shared_task(name="pos.tasks.match_waiting_payments")
def match_waiting_payments() -> int:
    """Match payments whose invoice was made after them, mark those whose invoice is gone, tell of invoices paid."""
    with scopes_disabled():
        paying = TerminalPayment.objects.filter(organization=OuterRef("pk"))
        with_payments = list(Organization.objects.filter(Exists(paying)))
    count = 0
    for organization in with_payments:
        with scope(organization=organization):
            try:
                count += match_waiting() + mark_closed_invoices() + tell_paid_invoices()
            except Exception:  # one organization's fault must not stop the sweep for those after it
                logger.exception("waiting_payments_not_matched", organization=organization.pk)
    if count:
        ring_exchanges()
    return count


@shared_task(name="pos.tasks.invoice_waiting_sales")
def invoice_waiting_sales() -> int:
    """Invoice the sales that are due and credit the refunds that are, everywhere; return how many were looked at."""
    with scopes_disabled():
        due = {*connections_with_due_sales(), *connections_with_due_refunds()}
        connections = list(Connection.objects.filter(pk__in=due).select_related("organization"))
    count = 0
    for connection in connections:
        with scope(organization=connection.organization):
            try:
                count += len(invoice_due_sales(connection=connection))
                count += credit_due_exchanges(connection=connection)
                count += credit_due_refunds(connection=connection)
            except Exception:  # one connection's fault must not stop the sweep for those after it
                logger.exception("waiting_sales_not_invoiced", connection=connection.pk)
    if count:
        ring_submissions()
    return count


@shared_task(name="pos.tasks.close_days")
def close_days() -> int:
    """Ring for each shop whose last days are to be closed; returns how many shops."""
    with scopes_disabled():
        shops = shops_to_close()
    for shop in shops:
        close_days_of.delay(shop)
    return len(shops)


@shared_task(name="pos.tasks.close_days_of", **SALE_RETRIES)
def close_days_of(location_id: int, day: str = "") -> str:
    """Close a day of a shop, or its last four: so long sales may come late from a till without a network."""
    with scopes_disabled():
        shop = Location.objects.select_related("organization", "connection").filter(pk=location_id).first()
    if shop is None or not shop.connection.is_active:
        return "Its till is not connected, so it cannot be asked."
    with scope(organization=shop.organization):
        for each in [date.fromisoformat(day)] if day else days_to_close(timezone.now()):
            try:
                if close_day(location=shop, day=each) is None:
                    return ANOTHER
            except LeaseLost:
                return ANOTHER
            except ReauthorizationRequired as problem:
                mark_needs_reauthorization(connection=shop.connection, problem=problem)
                return problem.sentence
    return "Closed as far as it goes."


def ring_close(location: Location, day: date) -> None:
    """Ask a worker to close a day anew once the transaction is committed."""
    transaction.on_commit(lambda: _ring_close(location.pk, day))


def _ring_close(location_id: int, day: date) -> None:
    try:
        close_days_of.delay(location_id, day.isoformat())
    except OperationalError:
        logger.warning("broker_away", task=close_days_of.name)
