"""A CRM's deals and parties in our dataclasses, not stored yet. Money is Decimal in the record's currency."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

# The option of a connection that names, by kind of record, what its organization's rules read beside our fields.
RULE_PROPERTIES = "rule_properties"


class NotReadable(ValueError):
    """A value that cannot be stored as what it claims to be; `str()` is the reason for people."""


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One stage of a pipeline."""

    label: str
    order: int
    is_closed: bool
    is_won: bool


@dataclass(frozen=True, slots=True)
class PipelineRecord:
    """A pipeline; `stages` by their external id."""

    external_id: str
    label: str
    stages: dict[str, StageRecord]


@dataclass(frozen=True, slots=True)
class OwnerRecord:
    """A salesperson."""

    external_id: str
    name: str
    email: str
    is_archived: bool


@dataclass(frozen=True, slots=True)
class CompanyRecord:
    """A buying company as its people typed it."""

    external_id: str
    name: str
    tin: str
    email: str
    phone: str
    description: str
    street: str
    city: str
    state: str
    postal_zone: str
    country: str
    source_updated_at: datetime | None
    payload: dict[str, Any]
    extra: dict[str, str] = field(default_factory=dict)  # what rules name beside our own fields, as text
    filled: dict[str, str] = field(default_factory=dict)  # what the buyer filled in, by its name on the invoice


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A person at a buyer."""

    external_id: str
    first_name: str
    last_name: str
    email: str
    phone: str
    source_updated_at: datetime | None
    payload: dict[str, Any]
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """Return both names, "" when there is neither."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class LineRecord:
    """One line item; `unit_discount` is money off each unit, `amount` the provider's own net total."""

    external_id: str
    position: int
    name: str
    description: str
    sku: str
    quantity: Decimal | None
    unit_price: Decimal | None
    unit_discount: Decimal | None
    discount_percent: Decimal | None
    amount: Decimal | None
    currency: str
    tax_rate: Decimal | None
    tax_category: str
    hsn_code: str
    product_category: str
    isic_code: str
    payload: dict[str, Any]
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DealRecord:
    """A deal with its lines; parties are named by their external ids and come beside it when they are new."""

    external_id: str
    name: str
    amount: Decimal | None
    currency: str
    document_discount: Decimal | None
    pipeline_external_id: str
    stage_external_id: str
    stage_label: str
    is_won: bool
    is_closed: bool
    close_date: date | None
    owner_external_id: str
    url: str
    is_archived: bool
    source_updated_at: datetime | None
    payload: dict[str, Any]
    company_external_id: str = ""
    company_question: str = ""
    contact_external_id: str = ""
    former_ids: tuple[str, ...] = ()  # of the deals that were merged into this one
    lines: tuple[LineRecord, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)
    companies: tuple[CompanyRecord, ...] = field(default=(), compare=False)
    contacts: tuple[ContactRecord, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Touched:
    """External ids of deals that changed, and of companies, contacts and lines whose deals are to be looked up."""

    deals: frozenset[str] = frozenset()
    companies: frozenset[str] = frozenset()
    contacts: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """What a provider is told about a deal's invoice, in words for people; all empty when it has none any more."""

    number: str = ""
    status: str = ""
    link: str = ""
