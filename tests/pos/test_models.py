from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.utils import timezone

from accounts.models import Organization
from integrations.models import Connection
from integrations.partitions import MonthlyTable, maintain_all, make_ahead, partition_name
from pos.connector import POSConnector
from pos.models import Refund, Sale, SaleBatch, SaleKey
from pos.payment_connector import PaymentsConnector
from pos.paystack.connector import PaystackConnector
from pos.services.saving import save_refunds, save_sales
from pos.square.connector import SquareConnector
from tests.pos.making import make_till, refund_of, sale_of

pytestmark = pytest.mark.django_db
SALES = MonthlyTable("pos_sale", "sold_at")


@pytest.fixture
def till(organization: Organization) -> Connection:
    return make_till(organization)


def place_of(sale: Sale) -> str:
    with database.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM pos_sale WHERE id = %s", [sale.pk])
        [(name,)] = cursor.fetchall()
    return str(name)


def test_a_sale_has_one_key_whichever_month_it_is_in(till: Connection) -> None:
    save_sales(connection=till, records=[sale_of(external_id="1")])
    key = SaleKey.objects.get()
    key.pk, key.sold_at = None, key.sold_at - timedelta(days=60)
    with pytest.raises(IntegrityError, match="one_sale_per_id"), transaction.atomic():
        key.save()


def test_a_sale_on_a_batch_cannot_be_due(till: Connection) -> None:
    save_sales(connection=till, records=[sale_of()])
    key = SaleKey.objects.get()
    batch = SaleBatch.objects.create(
        organization=till.organization, connection=till, location=key.location, day=key.sold_at.date(), currency="NGN",
        sequence=1, total_amount=1, due_at=timezone.now(), closed_at=timezone.now(),
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="a_batched_sale_is_not_due"), transaction.atomic():
        SaleKey.objects.update(batch=batch)


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_a_refund_gives_something_back(till: Connection, amount: str) -> None:
    with pytest.raises(IntegrityError, match="refund_amount_positive"), transaction.atomic():
        save_refunds(connection=till, records=[refund_of(sale_of(), amount=Decimal(amount))])


def test_only_a_completed_refund_can_ask_for_its_note(till: Connection) -> None:
    save_refunds(connection=till, records=[refund_of(sale_of(), state="pending")])
    with pytest.raises(IntegrityError, match="only_a_completed_refund_is_credited"), transaction.atomic():
        Refund.objects.update(note_due=True)


def test_a_sale_lies_in_its_month_and_moves_when_its_time_was_wrong(till: Connection) -> None:
    now = timezone.now()
    sale = sale_of(sold_at=now)
    save_sales(connection=till, records=[sale])
    assert place_of(Sale.objects.get()) == partition_name(SALES, now)
    ahead = now + timedelta(days=32)
    save_sales(connection=till, records=[replace(sale, sold_at=ahead, version=2)])
    assert place_of(Sale.objects.get()) == partition_name(SALES, ahead)
    assert Sale.objects.get().lines.count() == 1


def test_sales_of_months_long_ago_get_months_of_their_own(till: Connection) -> None:
    long_ago = datetime(2021, 5, 3, tzinfo=UTC)
    save_sales(connection=till, records=[sale_of(sold_at=long_ago)])
    assert place_of(Sale.objects.get()) == "pos_sale_default"
    assert "pos_sale_y2021m05" in make_ahead(SALES, timezone.now())
    assert place_of(Sale.objects.get()) == "pos_sale_y2021m05"


def test_a_day_of_sales_is_read_from_its_month_alone(till: Connection) -> None:
    now = timezone.now()
    day = Sale.objects.filter(organization=till.organization, sold_at__gte=now - timedelta(hours=1), sold_at__lt=now)
    months = set(re.findall(r"pos_sale_(y\d{4}m\d{2}|default)", day.explain()))
    assert months
    assert months <= {f"{moment:y%Ym%m}" for moment in (now, now - timedelta(hours=1))}


def test_every_table_of_months_is_maintained() -> None:
    names = {"integrations_webhookevent", "pos_sale", "pos_saleline", "invoices_exchangecall"}
    assert set(maintain_all(timezone.now())) == names


def test_a_tills_connector_must_answer_every_question_of_the_base() -> None:
    assert POSConnector.__abstractmethods__ == {
        "authenticate", "test_connection", "close", "statistics", "get_locations", "get_sales",
        "get_sale_by_id", "get_refund_by_id", "read_sales", "read_refunds",
    }  # fmt: skip


def test_a_terminals_connector_must_answer_for_its_payments() -> None:
    assert PaymentsConnector.__abstractmethods__ == {
        "authenticate", "test_connection", "close", "statistics", "first_read", "overlap", "get_payment",
        "read_payments", "read_refunded",
    }  # fmt: skip


def test_a_connector_with_a_consent_has_to_say_where_it_is_given() -> None:
    with pytest.raises(NotImplementedError, match="does not say where"):
        super(SquareConnector, SquareConnector).oauth()
    assert PaystackConnector.oauth().client_id == ""
