"""Very many invoices at once, made inside PostgreSQL: several organizations, one far bigger, most rows signed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from django.db import connection as database
from django.db.models import Field
from django_scopes import scopes_disabled

from accounts.models import Organization
from invoices.models import Business, Invoice, Status
from tests.factories import make_organization
from tests.invoices.making import make_connection

# What part of all rows each organization has.
SHARES = (0.6, 0.2, 0.12, 0.06, 0.02)
DOCUMENT = Path(__file__).parent / "golden" / "b2b_invoice.json"
FIRST_DAY = "2024-01-01"
DAYS = 1_000

# Of a thousand: 20 drafts, 15 rejected, 10 ready, 2 unknown, 8 voided, 45 passed on, 900 signed.
STATUS = """CASE WHEN d < 20 THEN 'draft' WHEN d < 35 THEN 'rejected' WHEN d < 45 THEN 'ready'
    WHEN d < 47 THEN 'unknown' WHEN d < 55 THEN 'voided' WHEN d < 100 THEN 'transmitted' ELSE 'signed' END"""
# What differs from row to row, by column; `n` counts the organization's rows, `d` is one of a thousand, `day` the day.
COLUMNS = {
    "status": "s",
    "number": "CASE WHEN s <> 'draft' THEN 'INV' || lpad(n::text, 7, '0') END",
    "irn": "CASE WHEN s <> 'draft' THEN 'INV' || lpad(n::text, 7, '0') || '-' || %(service)s || '-'"
    " || to_char(day, 'YYYYMMDD') END",
    "business_id": "CASE WHEN s <> 'draft' THEN %(business)s END",
    "issue_date": "CASE WHEN s <> 'draft' THEN day END",
    "document": "CASE WHEN s <> 'draft' THEN replace(%(document)s, 'INV000001', 'INV' || lpad(n::text, 7, '0')) END",
    "document_sha256": "CASE WHEN s <> 'draft' THEN repeat('0', 64) ELSE '' END",
    "payable_amount": "CASE WHEN d %% 7 <> 0 OR s <> 'draft' THEN (n * 7919 %% 90000000) / 100.0 + 1 END",
    "tax_amount": "(n * 7919 %% 6000000) / 100.0",
    "currency": "CASE WHEN d %% 97 = 0 THEN 'USD' ELSE 'NGN' END",
    "kind": "CASE WHEN d %% 250 = 1 THEN 'B2G' WHEN d %% 3 = 0 THEN 'B2C' ELSE 'B2B' END",
    "buyer_name": "(ARRAY['Bridgepoint', 'Cedar Row', 'Delta Quay', 'Eastgate', 'Fernhill'])[1 + n %% 5] || ' '"
    " || (ARRAY['Book Depot', 'Foods', 'Haulage', 'Pharmacy', 'Tiles', 'Timber', 'Traders'])[1 + n %% 7]"
    " || ' ' || n * 7919 %% 3000 || ' Ltd'",
    "source_external_id": "n::text",
    "source_label": "'Order ' || n * 31 %% 100000",
    "missing": """CASE WHEN s = 'draft' THEN '[{"field": "buyer", "label": "The buyer", "where": "On the deal"}]'::jsonb
    ELSE '[]'::jsonb END""",
    "problem": "CASE WHEN s = 'rejected' THEN 'The invoiced quantity is no whole number.' ELSE '' END",
    "voided_for": "CASE WHEN s = 'voided' THEN 'person' ELSE '' END",
    "void_reason": "CASE WHEN s = 'voided' THEN 'Made up.' ELSE '' END",
    "signed_at": "CASE WHEN s IN ('signed', 'transmitted') THEN day + interval '12 hours' END",
    "next_attempt_at": "CASE WHEN s IN ('ready', 'unknown') THEN day + interval '12 hours' END",
    "created_at": "day + interval '9 hours' + n %% 30000 * interval '1 second'",
    "updated_at": "day + interval '12 hours'",
}
ROWS = f"""FROM (SELECT n, d, {STATUS} AS s, day FROM (
    SELECT n, (n * 7919 + n / 1000) %% 1000 AS d,
        (date %(first)s + (n * %(days)s / %(rows)s)::integer) AS day
    FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n) AS each) AS row, invoices_invoice AS model
    WHERE model.id = %(model)s ORDER BY n"""  # noqa: S608 - constants
SLICES = 40  # of the days; in each every organization has its part, so that their rows are mixed


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organization that got rows."""

    organization: Organization
    rows: int


def fill(rows: int) -> list[Tenant]:
    """Insert so many invoices, every constraint and trigger in place, and analyse the table; the biggest tenant first.

    An organization's invoices follow each other by date, and the tenants' are mixed, as they are in life.
    """
    with scopes_disabled():
        tenants = [
            Tenant(make_organization(f"bulk-{place}"), round(rows * share)) for place, share in enumerate(SHARES)
        ]
        models = [_model(tenant, place) for place, tenant in enumerate(tenants)]
        for part in range(SLICES):
            for place, tenant in enumerate(tenants):
                _fill_slice(tenant, place, models[place], part)
        Invoice.objects.filter(pk__in=[model.pk for model in models]).delete()
    with database.cursor() as cursor:
        cursor.execute("ANALYZE invoices_invoice")
    return tenants


def _model(tenant: Tenant, place: int) -> Invoice:
    """Return a draft whose values are those of every row where COLUMNS says nothing else."""
    Business.objects.create(
        organization=tenant.organization, legal_name=tenant.organization.name, business_id=uuid.uuid4()
    )
    return Invoice.objects.create(
        organization=tenant.organization,
        connection=make_connection(tenant.organization, f"bulk{place}"),
        source_kind="deal",
        source_external_id="0",
        status=Status.DRAFT,
        kind="B2B",
    )


def _fill_slice(tenant: Tenant, place: int, model: Invoice, part: int) -> None:
    fields: list[Field] = [field for field in Invoice._meta.concrete_fields if not field.primary_key]  # type: ignore[type-arg]
    names = ", ".join(field.column for field in fields)
    values = ", ".join(COLUMNS.get(field.column, f"model.{field.column}") for field in fields)
    with database.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO invoices_invoice ({names}) SELECT {values} {ROWS}",
            {
                "from": tenant.rows * part // SLICES + 1,
                "to": tenant.rows * (part + 1) // SLICES,
                "rows": tenant.rows,
                "first": FIRST_DAY,
                "days": DAYS,
                "service": f"BULK000{place}",
                "business": tenant.organization.business.pk,
                "model": model.pk,
                "document": DOCUMENT.read_text(),
            },
        )
