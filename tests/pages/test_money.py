"""What an invoice's page says of money that is not just what the deal says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connection
from invoices.models import Business
from invoices.services.law import enter_rates
from tests.invoices.making import SERVICE
from tests.pages.making import make_invoice

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("price", "is_named"), [("1000.07", False), ("1000.11", True)])
def test_a_kobo_that_is_lost_to_rounded_tax_is_named(
    business: Business, account: Connection, owner_browser: Client, price: str, is_named: bool
) -> None:
    line = replace(SERVICE, unit_price=Decimal(price))
    invoice = make_invoice(account, lines=(line,), document_discount=Decimal(0), prices_include_tax=True)
    page = owner_browser.get(reverse("invoice", args=[invoice.pk])).content.decode()
    assert ("Off the quote" in page) is is_named
    assert (invoice.payable_amount == Decimal(price)) is not is_named


def test_the_pinned_rate_and_the_naira_stand_on_the_page(
    business: Business, account: Connection, owner_browser: Client, settings: Any
) -> None:
    settings.MBS_FOREIGN_CURRENCY = "keep"
    day = date(2026, 11, 20)
    enter_rates(rows=[("USD", day, Decimal("1500.5"))], source="Invented bank", by=None)
    invoice = make_invoice(account, currency="USD", supply_date=day)
    page = owner_browser.get(reverse("invoice", args=[invoice.pk])).content.decode()
    assert "1 USD = ₦1,500.5" in page
    assert "Invented bank" in page
    assert f"₦{invoice.naira_amount:,.2f}" in page
