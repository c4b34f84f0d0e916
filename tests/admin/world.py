"""One row of every model that the admin shows, made quickly and without a sync; every name is invented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import Group
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, IntervalSchedule, SolarSchedule

from accounts.models import Organization
from crm.models import (
    BuyerFacts,
    BuyerLink,
    Census,
    CensusDifference,
    Company,
    Contact,
    Deal,
    DealLine,
    Owner,
    Pipeline,
)
from integrations.base.auth import CredentialManager, Tokens
from integrations.models import Connection, Quarantine, RunStatus, SyncCursor, SyncRun, WebhookDelivery, WebhookEvent
from integrations.services.connections import schedule_nightly_sync
from invoices.models import (
    AuthorityNotice,
    Breaker,
    Business,
    CodeList,
    DeadlineAlarm,
    Difference,
    Exchange,
    Invoice,
    PaperSent,
    Proposal,
    Reconciliation,
    RuleExample,
    Step,
    Submission,
)  # fmt: skip
from invoices.services.issuing import issue_drafts
from invoices.services.law import enter_rates
from invoices.services.ruling import save_draft
from pos.models import CatalogObject, Customer, DayClose, Location, SaleBatch, TerminalPayment
from pos.records import LocationRecord, ReturnRecord
from pos.services.saving import save_locations, save_refunds, save_sales
from tests.factories import make_member, make_organization
from tests.invoices.making import make_business, make_connection, make_draft
from tests.pos.making import refund_of, sale_of

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
ACCESS_TOKEN, REFRESH_TOKEN = "made-up-access-token-7f31", "made-up-refresh-token-9c55"
SECRETS = (ACCESS_TOKEN, REFRESH_TOKEN, "sandbox-key", "sandbox-secret")


@dataclass
class World:
    """What tests reach for."""

    organization: Organization
    connection: Connection
    business: Business
    deal: Deal
    invoice: Invoice
    held: Invoice


def make_world(profile: dict[str, Any]) -> World:
    """Make everything; `profile` is one of the sandbox authority's sellers."""
    organization = make_organization("ibadan", name="Ibadan Chairs Ltd")
    make_member(organization)
    connection = make_connection(organization)
    CredentialManager(connection.pk).store(
        Tokens(ACCESS_TOKEN, refresh_token=REFRESH_TOKEN, expires_at=timezone.now() + timedelta(minutes=30))
    )
    schedule_nightly_sync(connection)
    _make_reading(connection)
    deal = _make_deal(organization, connection)
    _make_sales(organization, connection)
    business = make_business(organization, profile)
    ready, held = issue_drafts(
        organization=organization,
        drafts=[make_draft(connection.pk, deal.external_id), make_draft(connection.pk, "9002", buyer=None)],
    )
    Invoice.objects.filter(pk=ready.invoice_id).update(attempts=1)
    invoice = Invoice.objects.get(pk=ready.invoice_id)
    Submission.objects.create(
        invoice=invoice, attempt=1, step=Step.VALIDATE, started_at=NOON, finished_at=NOON + timedelta(seconds=1),
        http_status=200, outcome="accepted", response='{"code": 200}',
    )  # fmt: skip
    Exchange.objects.create(invoice=invoice, purpose="compare", stage="done")
    AuthorityNotice.objects.create(irn="INV000001-C41D9D42-20261102", message="TRANSMITTED")
    PaperSent.objects.create(invoice=invoice, to="payables@bridgepoint-books.example", outcome="failed")
    CodeList.objects.create(
        kind="lgas", version="0" * 64, items={"NG-LA-IKE": "Ikeja"}, fetched_at=NOON, confirmed_at=NOON
    )
    Breaker.objects.create(authority="http://authority.example")
    Proposal.objects.create(
        invoice=invoice, why="The deal has changed since: it comes to 5.00 NGN less.", difference=-5
    )
    save_draft(organization=organization, content={"document": {"note": ["=Made in Ibadan"]}}, by=None)
    RuleExample.objects.create(
        organization=organization, name="An ordinary deal", snapshot={"external_id": "1"}, expected={"due": "yes"}
    )
    run = Reconciliation.objects.create(organization=organization, since=NOON.date(), until=NOON.date())
    Difference.objects.create(
        organization=organization, subject="1:deal:9002", cause="held", amount=Decimal("5.00"), found_in=run,
        deadline=NOON.date(),
    )  # fmt: skip
    DeadlineAlarm.objects.create(invoice=invoice, step="late")
    enter_rates(rows=[("USD", NOON.date(), Decimal("1500.25"))], source="Invented bank", by=None)
    _make_strangers()
    return World(organization, connection, business, deal, invoice, Invoice.objects.get(pk=held.invoice_id))


def _make_reading(connection: Connection) -> None:
    run = SyncRun.objects.create(connection=connection, stream="deals", mode="full", status=RunStatus.PARTIAL)
    SyncCursor.objects.create(connection=connection, stream="deals", position={"after": "100"})
    Quarantine.objects.create(
        connection=connection, stream="deals", external_id="77", reason="Its amount is no number.", run=run,
        payload='{"amount": "NaN"}',
    )  # fmt: skip
    delivery = WebhookDelivery.objects.create(provider=connection.provider, body=b"[\xff", problem="It is not JSON.")
    WebhookEvent.objects.create(
        delivery_id=delivery.pk, provider=connection.provider, external_account_id=connection.external_account_id,
        connection=connection, event_type="deal.creation", object_type="deal", object_id="9001",
        received_at=timezone.now(), next_attempt_at=timezone.now(), key="0" * 64, payload='{"objectId": 9001}',
    )  # fmt: skip


def _make_deal(organization: Organization, connection: Connection) -> Deal:
    same: dict[str, Any] = {"organization": organization, "connection": connection}
    record = {**same, "content_hash": "0" * 32, "stored_at": NOON, "source_updated_at": NOON}
    company = Company.objects.create(external_id="501", name="Bridgepoint Book Depot Ltd", **record)
    contact = Contact.objects.create(external_id="601", first_name="Sade", email="sade@bridgepoint.example", **record)
    Pipeline.objects.create(external_id="default", label="Sales", stages={"won": {"label": "Won"}}, **same)
    Owner.objects.create(external_id="701", name="Kunle Invented", **same)
    deal = Deal.objects.create(
        external_id="9001", name="Forty chairs", amount=Decimal("1250000"), currency="NGN", stage_label="Won",
        stage_external_id="closedwon", is_won=True, is_closed=True, close_date=date(2026, 11, 2), company=company,
        contact=contact, payload={"properties": {"dealname": "Forty chairs <b>"}}, url="javascript:alert(1)",
        **record,
    )  # fmt: skip
    BuyerFacts.objects.create(company=company, facts={"tin": "90055555-0001"}, filled_at=NOON)
    BuyerLink.objects.create(organization=organization, company=company, expires_at=timezone.now() + timedelta(days=14))
    DealLine.objects.create(
        connection=connection, deal=deal, external_id="801", name="Chair", quantity=Decimal(40),
        unit_price=Decimal(31250), amount=Decimal(1250000), currency="NGN",
    )  # fmt: skip
    census = Census.objects.create(connection=connection, counted_here=1, counted_there=2, days_compared=1)
    CensusDifference.objects.create(census=census, external_id="9002", cause="missing", currency="NGN")
    return deal


def _make_sales(organization: Organization, connection: Connection) -> None:
    mine = {"organization": organization, "connection": connection}
    CatalogObject.objects.create(external_id="var-1", kind="variation", name="Large", sku="JOL-1", **mine)
    Customer.objects.create(external_id="cust-1", name="Okra Works", **mine)
    shop = LocationRecord("yaba", "Shop at the lagoon", "Africa/Lagos", "NGN", is_active=True)
    save_locations(connection=connection, records=[shop])
    sale = sale_of(external_id="S1")
    save_sales(connection=connection, records=[sale])
    save_refunds(connection=connection, records=[refund_of(sale)])
    save_sales(
        connection=connection,
        records=[sale_of(external_id="S2", returns=(ReturnRecord("S1", (), Decimal(5), Decimal(0)),))],
    )
    at = timezone.now()
    DayClose.objects.create(
        organization=organization, connection=connection, location=Location.objects.get(connection=connection),
        day=at.date(), side="sold", currency="NGN", till_count=1, till_amount=10, stored_count=1, stored_amount=10,
        invoiced_count=1, invoiced_amount=10, reported_count=1, reported_amount=10, named_amount=0, open_count=0,
        fetched_count=0, read_at=at, first_closed_at=at, closed_at=at,
    )  # fmt: skip
    TerminalPayment.objects.create(
        organization=organization, connection=connection, external_id="4677", reference="T4677", state="succeeded",
        currency="NGN", amount=Decimal(5000), made_at=NOON, paid_at=NOON, read_at=NOON,
    )  # fmt: skip
    SaleBatch.objects.create(
        organization=organization, connection=connection, location=Location.objects.get(), day=NOON.date(),
        currency="NGN", sequence=1, total_amount=sale.total_amount, due_at=NOON, closed_at=NOON,
    )  # fmt: skip


def _make_strangers() -> None:
    """Rows of other packages, whose admins must open too."""
    Group.objects.create(name="Support")
    facts = {"username": "nobody@people.example", "ip_address": "127.0.0.1", "user_agent": "none", "path_info": "/"}
    AccessAttempt.objects.create(get_data="", post_data="", failures_since_start=1, **facts)
    AccessLog.objects.create(**facts)
    AccessFailureLog.objects.create(**facts)
    IntervalSchedule.objects.create(every=30, period=IntervalSchedule.SECONDS)
    ClockedSchedule.objects.create(clocked_time=NOON)
    SolarSchedule.objects.create(event="sunrise", latitude=Decimal("6.45"), longitude=Decimal("3.39"))
