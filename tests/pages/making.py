"""Deals and invoices for the pages, and a reader that looks at a page as a browser would."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from django.utils import timezone

from accounts.models import Organization
from crm.models import Company, Deal, DealLine
from integrations.models import Connection
from invoices.models import Invoice, Status
from invoices.services.issuing import issue_drafts
from tests.invoices.making import BUYER, make_draft
from tests.invoices.standing import stand_at

_numbers = itertools.count(50_001)


def make_deal(connection: Connection, **fields: Any) -> Deal:
    """Return a won deal with one line."""
    external_id = fields.pop("external_id", str(next(_numbers)))
    facts = {
        "name": f"Shelves for {external_id}",
        "amount": Decimal("1250000.00"),
        "currency": "NGN",
        "stage_label": "Closed Won",
        "is_won": True,
        "is_closed": True,
        "close_date": date(2026, 11, 20),
        "payload": {"properties": {"dealname": f"Shelves for {external_id}"}},
    }
    deal = Deal.objects.create(
        organization_id=connection.organization_id,
        connection=connection,
        external_id=external_id,
        content_hash="0" * 32,
        stored_at=timezone.now(),
        **{**facts, **fields},
    )
    DealLine.objects.create(
        connection=connection,
        deal=deal,
        external_id=f"9{external_id}",
        name="Shelf bay 2 m",
        quantity=Decimal(10),
        unit_price=Decimal("25000.50"),
        unit_discount=Decimal(500),
        currency="NGN",
    )
    return deal


def make_company(connection: Connection, name: str) -> Company:
    """Return a buying company."""
    return Company.objects.create(
        organization_id=connection.organization_id,
        connection=connection,
        external_id=str(next(_numbers)),
        content_hash="0" * 32,
        stored_at=timezone.now(),
        name=name,
        tin="90054321-0001",
        city="Aba",
    )


def make_invoice(connection: Connection, status: str = Status.READY, **changes: Any) -> Invoice:
    """Return an invoice of a complete draft (its seller must exist), moved to a status by hand."""
    [issued] = issue_drafts(organization=connection.organization, drafts=[make_draft(connection.pk, **changes)])
    return stand_at(Invoice.objects.get(pk=issued.invoice_id), status)


def make_held(connection: Connection, **changes: Any) -> Invoice:
    """Return a draft that lacks the buyer's TIN."""
    return make_invoice(connection, buyer=replace(BUYER, tin=""), **changes)


def outsider(organization: Organization) -> Connection:
    """Return another organization's connection."""
    return Connection.objects.create(
        organization=organization, provider="hubspot", name="Their CRM", external_account_id=str(next(_numbers))
    )


class Reader(HTMLParser):
    """Collects what a page would run, load and link to, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.inline_scripts: list[str] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag with its attributes."""
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        self._inside = tag
        if tag == "script" and "src" not in given:
            self.inline_scripts.append(tag)

    def handle_data(self, data: str) -> None:
        """Keep the words."""
        if self._inside not in {"script", "style"} and data.strip():
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        """Return the page's words in a row."""
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        """Return the attributes of each such tag."""
        return [attributes for name, attributes in self.tags if name == tag]
