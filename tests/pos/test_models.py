from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Organization
from integrations.models import Connection
from pos.connector import POSConnector
from pos.models import Location, Refund, Sale

WHEN = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture
def sale(organization: Organization) -> Sale:
    till = Connection.objects.create(
        organization=organization, provider="example", name="Till", external_account_id="t1"
    )
    shop = Location.objects.create(
        organization=organization, connection=till, external_id="s1", name="Ikorodu", currency="NGN"
    )
    return Sale.objects.create(
        organization=organization, connection=till, location=shop, external_id="1", sold_at=WHEN, currency="NGN",
        total_amount=Decimal("1075.00"), tax_amount=Decimal("75.00"),
    )  # fmt: skip


def test_a_sale_is_stored_once(sale: Sale) -> None:
    sale.pk = None
    with pytest.raises(IntegrityError, match="one_sale_per_id"), transaction.atomic():
        sale.save()


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_a_refund_gives_something_back(sale: Sale, amount: str) -> None:
    with pytest.raises(IntegrityError, match="refund_amount_positive"), transaction.atomic():
        Refund.objects.create(
            organization=sale.organization, connection=sale.connection, sale=sale, external_id="r1", refunded_at=WHEN,
            currency="NGN", amount=Decimal(amount),
        )  # fmt: skip


def test_a_tills_connector_must_answer_every_question_of_the_base() -> None:
    assert POSConnector.__abstractmethods__ == {
        "oauth", "authenticate", "test_connection", "close", "get_locations", "get_sales", "get_sale_by_id",
        "sale_to_invoice_data",
    }  # fmt: skip
