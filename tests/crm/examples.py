"""Deals for the pure tests, all invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from crm.records import CompanyRecord, ContactRecord, DealRecord, LineRecord

COMPANY = CompanyRecord(
    external_id="51",
    name="Bridgepoint Book Depot Ltd",
    tin="90054321-0001",
    email="payables@bridgepoint-books.example",
    phone="+2348000000202",
    description="Wholesale and retail of books",
    street="3 Sample Close",
    city="Aba",
    state="Abia",
    postal_zone="450101",
    country="Nigeria",
    source_updated_at=datetime(2026, 11, 20, tzinfo=UTC),
    payload={},
)
CONTACT = ContactRecord("61", "Ada", "Example", "ada@bridgepoint-books.example", "+2348000000203", None, {})
LINE = LineRecord(
    external_id="71",
    position=0,
    name="Shelf bay 2 m",
    description="Steel shelf bay, five levels",
    sku="SB-200-5",
    quantity=Decimal(10),
    unit_price=Decimal(25000),
    unit_discount=None,
    discount_percent=Decimal(5),
    amount=Decimal(237500),
    currency="NGN",
    tax_rate=None,
    tax_category="STANDARD_VAT",
    hsn_code="9403.20",
    product_category="Other metal furniture",
    isic_code="",
    payload={},
)
DEAL = DealRecord(
    external_id="901",
    name="Shelves for Aba",
    amount=Decimal(237500),
    currency="NGN",
    document_discount=None,
    pipeline_external_id="default",
    stage_external_id="closedwon",
    stage_label="Closed won",
    is_won=True,
    is_closed=True,
    close_date=date(2026, 11, 20),
    owner_external_id="41",
    url="https://crm.example/deal/901",
    is_archived=False,
    source_updated_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
    payload={"id": "901"},
    company_external_id="51",
    contact_external_id="61",
    lines=(LINE,),
    companies=(COMPANY,),
    contacts=(CONTACT,),
)


def deal_with_line(**changes: Any) -> DealRecord:
    """Return the deal with its one line changed."""
    return replace(DEAL, lines=(replace(LINE, **changes),))


def deal_of(**changes: Any) -> DealRecord:
    """Return the deal with its company changed."""
    return replace(DEAL, companies=(replace(COMPANY, **changes),))
