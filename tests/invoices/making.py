"""Drafts and sellers that tests need; every company is invented."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from accounts.models import Organization
from integrations.models import Connection
from invoices.drafts import InvoiceDraft, LineDraft, PartyDraft, SourceRef
from invoices.law import Law, Rule
from invoices.law_seed import IN_FORCE, LEGAL_RULES, TAX_RATES
from invoices.models import Business
from invoices.qr import parse_key_file
from invoices.taxes import Rate, make_rules

# What a new installation begins with.
TAX = make_rules(Rate(*row) for row in TAX_RATES)
LAW = Law(TAX, tuple(Rule(key, value, unit, IN_FORCE, law) for key, value, unit, law, _c, _n in LEGAL_RULES))
_numbers = itertools.count(1001)

SELLER_PARTY = PartyDraft(
    name="Adupe Shelving Works Ltd",
    tin="90012345-0001",
    email="accounts@adupe-shelving.example",
    telephone="+2348000000101",
    description="Makes and fits steel shelving",
    street="14 Fictional Crescent",
    city="Ikorodu",
    postal_zone="104101",
    state="NG-LA",
    country="NG",
    lga="NG-LA-IKO",
)
BUYER = PartyDraft(
    name="Bridgepoint Book Depot Ltd",
    tin="90054321-0001",
    email="payables@bridgepoint-books.example",
    telephone="+2348000000202",
    description="Wholesale and retail of books",
    street="3 Sample Close",
    city="Aba",
    postal_zone="450101",
    state="NG-AB",
    country="NG",
    lga="NG-AB-ANO",
)
GOODS = LineDraft(
    name="Shelf bay 2 m",
    description="Steel shelf bay, five levels",
    quantity=Decimal(10),
    unit_price=Decimal(25000),
    discount=Decimal(12500),
    discount_rate=Decimal(5),
    fee=Decimal(0),
    tax_category="STANDARD_VAT",
    hsn_code="9403.20",
    product_category="Other metal furniture",
    isic_code="",
    service_category="",
    sku="SB-200-5",
)
SERVICE = LineDraft(
    name="Fitting on site",
    description="Assembly and wall fixing of ten bays",
    quantity=Decimal(1),
    unit_price=Decimal(40000),
    discount=Decimal(0),
    discount_rate=None,
    fee=Decimal(0),
    tax_category="STANDARD_VAT",
    hsn_code="",
    product_category="",
    isic_code="4330",
    service_category="",
    sku="SVC-FIT",
)


def make_draft(connection_id: int = 1, external_id: str = "", **changes: Any) -> InvoiceDraft:
    """Return a complete draft of a deal that nobody has seen before, with fields changed as told."""
    external_id = external_id or str(next(_numbers))
    draft = InvoiceDraft(
        source=SourceRef(connection_id, "deal", external_id, label=f"Deal {external_id}"),
        kind="B2B",
        currency="NGN",
        buyer=BUYER,
        lines=(GOODS, SERVICE),
        document_discount=Decimal(7500),
        document_charge=Decimal(0),
        supply_date=None,
        note="",
        missing=(),
        snapshot={"deal": {"id": external_id}},
    )
    return replace(draft, **changes)


def make_business(organization: Organization, profile: dict[str, Any], **fields: Any) -> Business:
    """Return the business profile of one of the sandbox authority's businesses."""
    key_file = profile["key_file"]
    keys = parse_key_file(key_file if isinstance(key_file, str) else json.dumps(key_file))
    same = ("entity_id", "business_id", "service_id", "tin", "email", "telephone", "description", "street", "city")
    facts = {
        **{name: profile[name] for name in (*same, "postal_zone", "state", "lga")},
        "legal_name": profile["name"],
        "public_key": keys.public_key,
        "certificate": keys.certificate,
        "api_key": "sandbox-key",
        "api_secret": "sandbox-secret",
    }
    return Business.objects.create(organization=organization, **{**facts, **fields})


def make_connection(organization: Organization, account: str = "62515") -> Connection:
    """Return a connection that drafts can name."""
    return Connection.objects.create(
        organization=organization, provider="hubspot", name="Adupe CRM", external_account_id=account
    )


def day(text: str) -> date:
    """Return a date from its text."""
    return date.fromisoformat(text)
