from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django_scopes import scopes_disabled

from accounts.models import Organization, User
from crm.models import Company, Deal, DealLine
from integrations.base.auth import CredentialManager, Tokens
from integrations.models import Connection
from invoices.services.issuing import issue_drafts
from tests.factories import make_member, make_organization
from tests.invoices.making import make_business, make_connection, make_draft
from tests.sandbox_process import SandboxProcess

BACKEND = "django.contrib.auth.backends.ModelBackend"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@dataclass
class Tenant:
    """An organization with its owner, a connection and some deals."""

    organization: Organization
    owner: User
    connection: Connection


def make_tenant(slug: str, account: str, deals: int) -> Tenant:
    """Return a tenant; of its deals every second is won, and each has a line."""
    with scopes_disabled():
        organization = make_organization(slug)
        connection = make_connection(organization, account)
        CredentialManager(connection.pk).store(Tokens(f"token-of-{slug}", refresh_token=f"refresh-of-{slug}"))
        for number in range(1, deals + 1):
            _make_deal(connection, number)
        return Tenant(organization, make_member(organization), connection)


def _make_deal(connection: Connection, number: int) -> None:
    record: dict[str, Any] = {
        "organization": connection.organization, "connection": connection, "content_hash": "0" * 32,
        "stored_at": NOON, "payload": {"private": "payload-of-the-provider"},
    }  # fmt: skip
    company = Company.objects.create(
        external_id=f"c{number}", name=f"Buyer {number} Ltd", tin="90000000-0001", **record
    )
    deal = Deal.objects.create(
        external_id=f"d{number}", name=f"Deal number {number}", amount=Decimal(number * 1000), currency="NGN",
        pipeline_external_id="default", stage_external_id="closedwon" if number % 2 else "open", is_won=number % 2,
        close_date=date(2026, 11, 1) + timedelta(days=number), owner_external_id="7", company=company, **record,
    )  # fmt: skip
    DealLine.objects.create(
        connection=connection, deal=deal, external_id=f"l{number}", name="Chair", quantity=Decimal("1.5"),
        unit_price=Decimal("666.6667"), amount=Decimal(1000), currency="NGN",
    )  # fmt: skip


@pytest.fixture
def tenant(db: None) -> Tenant:
    """Return a tenant with 30 deals. No scope is open: the API must open its own."""
    return make_tenant("kano", "62601", deals=30)


@pytest.fixture
def stranger(db: None) -> Tenant:
    """Return another tenant, with 3 deals of the same ids."""
    return make_tenant("warri", "62602", deals=3)


@pytest.fixture
def api(client: Client, tenant: Tenant) -> Client:
    """Return a client signed in as the tenant's owner."""
    client.force_login(tenant.owner, backend=BACKEND)
    return client


@pytest.fixture
def invoices(tenant: Tenant, sandbox: SandboxProcess) -> list[int]:
    """Return the ids of a ready and a held invoice of the tenant."""
    with scopes_disabled():
        make_business(tenant.organization, sandbox.get("/_control/businesses")[0])
        drafts = [make_draft(tenant.connection.pk, "d1"), make_draft(tenant.connection.pk, "d3", buyer=None)]
        return [issued.invoice_id for issued in issue_drafts(organization=tenant.organization, drafts=drafts)]
