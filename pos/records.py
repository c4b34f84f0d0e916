"""A till's sales in our dataclasses, not stored yet. Money is Decimal in major units of the record's currency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class LocationRecord:
    """A shop or counter."""

    external_id: str
    name: str
    time_zone: str
    currency: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class SaleLineRecord:
    """One line of a sale."""

    external_id: str
    position: int
    name: str
    quantity: Decimal
    gross_amount: Decimal
    discount_amount: Decimal
    tax_amount: Decimal
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SaleRecord:
    """A completed sale with its lines; taxes are the till's own."""

    external_id: str
    location_external_id: str
    sold_at: datetime
    currency: str
    total_amount: Decimal
    tax_amount: Decimal
    tip_amount: Decimal
    source_updated_at: datetime | None
    payload: dict[str, Any]
    lines: tuple[SaleLineRecord, ...] = ()
