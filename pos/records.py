"""A till's sales in our dataclasses, not stored yet. Money is Decimal in major units of the record's currency.

Every sum is the till's own: nothing here is computed from prices or rates. A sale's total has no tip in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import orjson

ZERO = Decimal(0)

SaleState = Literal["open", "completed", "canceled"]
CatalogKind = Literal["variation", "item", "category"]
LineKind = Literal["item", "custom", "gift_card", "service_charge"]
RefundState = Literal["pending", "completed", "failed"]
PaymentState = Literal["pending", "succeeded", "failed", "reversed"]


@dataclass(frozen=True, slots=True)
class LocationRecord:
    """A shop or counter."""

    external_id: str
    name: str
    time_zone: str
    currency: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class CatalogRecord:
    """An entry of a price list: a variation, the item it is of (its parent), or the category that an item is in."""

    external_id: str
    kind: CatalogKind
    name: str
    sku: str
    parent_external_id: str
    source_updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ware:
    """What the price list says of what was sold; "" where it says nothing."""

    sku: str = ""
    item: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """A customer; `name` is that of a business, "" for a person. `country` is an alpha-2 code."""

    external_id: str
    name: str
    email: str
    telephone: str
    street: str
    city: str
    postal_zone: str
    country: str
    source_updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class AppliedTax:
    """A tax that the till took on a line: its rate in percent (None: not told), its amount, whether prices held it."""

    name: str
    rate: Decimal | None
    amount: Decimal
    is_inclusive: bool = False


@dataclass(frozen=True, slots=True)
class SaleLineRecord:
    """One line of a sale, a service charge of the whole sale among them.

    `gross_amount` is before discounts and `total_amount` is what was paid for the line, tax included; the net is
    `total_amount` less `tax_amount`, whether prices held the tax or not. `modifiers` are words.
    """

    external_id: str
    position: int
    kind: LineKind
    name: str
    quantity: Decimal
    gross_amount: Decimal
    discount_amount: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    taxes: tuple[AppliedTax, ...] = ()
    variation: str = ""
    modifiers: tuple[str, ...] = ()
    sku: str = ""
    catalog_id: str = ""
    unit: str = ""
    note: str = ""

    @property
    def net_amount(self) -> Decimal:
        """Return what it comes to before tax."""
        return self.total_amount - self.tax_amount


@dataclass(frozen=True, slots=True)
class TenderRecord:
    """One payment of a sale; `amount` has its tip in it.

    `state` is the provider's own word in small letters, "" where the sale was read without its payments.
    """

    external_id: str
    kind: str
    amount: Decimal
    tip_amount: Decimal
    state: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class ReturnRecord:
    """What a sale took back: of which sale ("": not told), and the lines, each with positive amounts.

    A line's `external_id` is that of the line of the sale it comes from, "" where only an amount was given back.
    """

    sale_external_id: str
    lines: tuple[SaleLineRecord, ...]
    total_amount: Decimal
    tax_amount: Decimal
    tip_amount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class SaleRecord:
    """A sale with its lines as the till has it; one that only takes back has no lines.

    `total_amount` is what the lines come to with tax and rounding, without tips. `problem` is a sentence when the
    till's own sums contradict each other; such a sale is stored and never invoiced.
    """

    external_id: str
    location_external_id: str
    state: SaleState
    sold_at: datetime
    currency: str
    total_amount: Decimal
    tax_amount: Decimal
    discount_amount: Decimal
    tip_amount: Decimal
    rounding_amount: Decimal
    source_updated_at: datetime | None
    payload: dict[str, Any]
    version: int | None = None
    customer_external_id: str = ""
    is_offline: bool = False
    problem: str = ""
    lines: tuple[SaleLineRecord, ...] = ()
    tenders: tuple[TenderRecord, ...] = ()
    returns: tuple[ReturnRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundRecord:
    """Money given back for a payment; `return_external_id` is the sale that took the goods back, "" without one."""

    external_id: str
    location_external_id: str
    state: RefundState
    payment_external_id: str
    return_external_id: str
    refunded_at: datetime
    currency: str
    amount: Decimal
    reason: str
    source_updated_at: datetime | None
    payload: dict[str, Any] = field(default_factory=dict)
    is_unlinked: bool = False


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """A payment that a terminal took, with no sale behind it.

    `named` is what it says of its invoice, a number or an IRN. `refunded_amount` is None where the read did not tell
    what was given back.
    """

    external_id: str
    reference: str
    state: PaymentState
    amount: Decimal
    currency: str
    created_at: datetime
    paid_at: datetime | None
    terminal_id: str = ""
    named: tuple[str, ...] = ()
    refunded_amount: Decimal | None = None


def plain(value: Any) -> Any:
    """Return records, tuples and Decimals as JSON has them, Decimals as text."""
    return orjson.loads(orjson.dumps(value, default=str))
