"""Sales of tills through the API."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_scopes import scope

from accounts.models import Organization
from invoices.models import Invoice
from pos.models import SaleKey
from pos.records import SaleRecord
from pos.services.invoicing import invoice_due_sales
from pos.services.saving import save_refunds, save_sales
from tests.api.conftest import BACKEND, Tenant
from tests.invoices.making import make_business
from tests.pos.making import make_till, refund_of, sale_of
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/sales/"


def sold(organization: Organization, *sales: SaleRecord) -> None:
    with scope(organization=organization):
        till = make_till(organization, provider="square")
        save_sales(connection=till, records=sales)
        save_refunds(connection=till, records=[refund_of(sales[0])])
        invoice_due_sales(connection=till)


@pytest.fixture
def now_and_before(tenant: Tenant, sandbox: SandboxProcess) -> list[SaleRecord]:
    """Return a sale of today and one of forty days ago, stored and invoiced."""
    now = timezone.now()
    records = [sale_of(sold_at=now), sale_of(sold_at=now - timedelta(days=40), state="open")]
    with scope(organization=tenant.organization):
        profile = sandbox.get("/_control/businesses")[0]
        make_business(tenant.organization, profile, hsn_code="2106.90", product_category="Food")
    sold(tenant.organization, *records)
    return records


def test_a_day_of_sales_is_listed_with_their_invoices(api: Client, now_and_before: list[SaleRecord]) -> None:
    [sale] = api.get(ADDRESS).json()["results"]
    assert sale["external_id"] == now_and_before[0].external_id
    assert (sale["total_amount"], sale["tax_amount"], sale["currency"]) == ("1075.00", "75.00", "NGN")
    with scope(organization=Organization.objects.get(slug="kano")):
        invoice = Invoice.objects.get()
    assert sale["invoice"] == {"id": invoice.pk, "number": invoice.number, "status": invoice.status}
    assert "payload" not in sale


def test_another_day_and_a_sale_by_its_id_are_found(api: Client, now_and_before: list[SaleRecord]) -> None:
    _today, before = now_and_before
    for narrowed in ({"day": before.sold_at.date().isoformat()}, {"external_id": before.external_id}):
        [sale] = api.get(ADDRESS, narrowed).json()["results"]
        assert (sale["external_id"], sale["invoice"]) == (before.external_id, None)


@pytest.mark.parametrize(
    ("narrowed", "count"),
    [({"state": "completed"}, 1), ({"state": "open"}, 0), ({"location": "elsewhere"}, 0), ({"connection": 2**62}, 0)],
)
def test_a_day_narrows(api: Client, now_and_before: list[SaleRecord], narrowed: dict[str, Any], count: int) -> None:
    assert api.get(ADDRESS, narrowed).json()["count"] == count


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"day": "yesterday"}, "day must be a day like 2026-11-22."),
        ({"state": "sold"}, "state must be one of open, completed, canceled; sold was given."),
    ],
)
def test_what_means_nothing_is_refused(api: Client, given: dict[str, str], sentence: str) -> None:
    answer = api.get(ADDRESS, given)
    assert (answer.status_code, answer.json()) == (400, {next(iter(given)): [sentence]})


def test_one_sale_comes_with_all_that_belongs_to_it(api: Client, now_and_before: list[SaleRecord]) -> None:
    [listed] = api.get(ADDRESS).json()["results"]
    sale = api.get(f"{ADDRESS}{listed['id']}/").json()
    assert {**sale, **listed} == sale
    [line] = sale["lines"]
    assert (line["quantity"], line["total_amount"]) == ("2", "1075.00")
    assert [Decimal(tender["amount"]) for tender in sale["tenders"]] == [Decimal(1075)]
    assert [refund["amount"] for refund in sale["refunds"]] == ["1075.00"]


def test_another_tenants_sales_are_as_absent_as_none(
    api: Client, stranger: Tenant, now_and_before: list[SaleRecord]
) -> None:
    outsider = Client()
    outsider.force_login(stranger.owner, backend=BACKEND)
    with scope(organization=Organization.objects.get(slug="kano")):
        key = SaleKey.objects.get(external_id=now_and_before[0].external_id)
    for external_id in ("", key.external_id):
        assert outsider.get(ADDRESS, {"external_id": external_id} if external_id else {}).json()["count"] == 0
    theirs, none = outsider.get(f"{ADDRESS}{key.pk}/"), outsider.get(f"{ADDRESS}{key.pk + 10**6}/")
    assert theirs.status_code == none.status_code == 404
    assert theirs.json() == {"detail": f"Your organizations have no sale {key.pk}."}
    assert api.get(f"{ADDRESS}{key.pk}/").status_code == 200
