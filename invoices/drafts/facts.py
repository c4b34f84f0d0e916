"""The dataclasses of a draft, and their JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

InvoiceKind = Literal["B2B", "B2C", "B2G"]
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Missing:
    """One fact that keeps a draft from becoming an invoice.

    `field` is a path ("buyer.tin", "lines.2.unit_price"), `label` names it to people ("The buyer's TIN"),
    `where` is a sentence that says what to do.
    """

    field: str
    label: str
    where: str


@dataclass(frozen=True, slots=True)
class PartyDraft:
    """A seller or buyer; "" means unknown. `state` is a code such as NG-LA, `country` an alpha-2 code."""

    name: str
    tin: str
    email: str
    telephone: str
    description: str
    street: str
    city: str
    postal_zone: str
    state: str
    country: str
    lga: str = ""


@dataclass(frozen=True, slots=True)
class LineDraft:
    """One line. `discount` and `fee` are money for the whole line, `discount_rate` a percentage for display."""

    name: str
    description: str
    quantity: Decimal | None
    unit_price: Decimal | None
    discount: Decimal
    discount_rate: Decimal | None
    fee: Decimal
    tax_category: str
    hsn_code: str
    product_category: str
    isic_code: str
    service_category: str
    sku: str
    unit_code: str = "H87"
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class SourceRef:
    """What a draft was made from: the connection, the kind ("deal", "sale", "refund"), their id, and which part.

    `former_ids` are ids that the same source had before; what was invoiced under one of them is this source's invoice.
    """

    connection_id: int
    kind: str
    external_id: str
    part: str = "1"
    label: str = ""
    url: str = ""
    former_ids: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[int, str, str, str]:
        """Return what makes it unique."""
        return (self.connection_id, self.kind, self.external_id, self.part)


@dataclass(frozen=True, slots=True)
class BillingReference:
    """The registered invoice that a credit or debit note is about."""

    irn: str
    issue_date: date


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """An invoice's facts. `missing` is what the converter already found lacking; `snapshot` is what it read."""

    source: SourceRef
    kind: InvoiceKind
    currency: str
    buyer: PartyDraft | None
    lines: tuple[LineDraft, ...]
    document_discount: Decimal
    document_charge: Decimal
    supply_date: date | None
    note: str
    missing: tuple[Missing, ...]
    snapshot: dict[str, Any] = field(default_factory=dict)
    type_code: str = "381"
    billing_reference: BillingReference | None = None
    buyer_reference: str = ""
    order_reference: str = ""
    payment_terms_note: str = ""
    payment_terms_days: int | None = None  # None: those of the business profile
    prices_include_tax: bool = False
    rule_set_id: int | None = None  # the version of the organization's rules, None: it has none
    supplied_at: datetime | None = None  # the instant, where the source knows it; of several sales that of the first

    def to_json(self) -> dict[str, Any]:
        """Return the draft without its snapshot as JSON-able data, Decimals as text."""
        return {name: value for name, value in _plain(self).items() if name != "snapshot"}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], snapshot: dict[str, Any]) -> InvoiceDraft:
        """Return the draft that `to_json` wrote."""
        supply_date = data["supply_date"]
        return cls(
            source=SourceRef(**{**data["source"], "former_ids": tuple(data["source"].get("former_ids", ()))}),
            kind=data["kind"],
            currency=data["currency"],
            buyer=PartyDraft(**data["buyer"]) if data["buyer"] else None,
            lines=tuple(_line(row) for row in data["lines"]),
            document_discount=Decimal(data["document_discount"]),
            document_charge=Decimal(data["document_charge"]),
            supply_date=date.fromisoformat(supply_date) if supply_date else None,
            note=data["note"],
            missing=tuple(Missing(**row) for row in data["missing"]),
            snapshot=snapshot,
            type_code=data.get("type_code", "381"),
            billing_reference=_reference(data.get("billing_reference")),
            buyer_reference=data.get("buyer_reference", ""),
            order_reference=data.get("order_reference", ""),
            payment_terms_note=data.get("payment_terms_note", ""),
            payment_terms_days=data.get("payment_terms_days"),
            prices_include_tax=data.get("prices_include_tax", False),
            rule_set_id=data.get("rule_set_id"),
            supplied_at=datetime.fromisoformat(instant) if (instant := data.get("supplied_at")) else None,
        )


def terms_of(draft: InvoiceDraft, seller: Seller) -> int:
    """Return the days until payment is due: the document's own, else the seller's."""
    return seller.payment_terms_days if draft.payment_terms_days is None else draft.payment_terms_days


@dataclass(frozen=True, slots=True)
class Seller:
    """The selling business as the authority knows it, with what it fills in where a line is silent."""

    party: PartyDraft
    business_id: str
    service_id: str
    public_key: str
    certificate: str
    payment_means_code: str = "30"
    payment_terms_days: int = 30
    default_tax_category: str = ""
    hsn_code: str = ""
    product_category: str = ""
    isic_code: str = ""
    service_category: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return all that a document says of the seller; its keys, of which one is a secret, are left out."""
        return {name: value for name, value in _plain(self).items() if name not in ("public_key", "certificate")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Seller:
        """Return the seller that `to_json` wrote, without keys: a document can be made with it, a QR code cannot."""
        return cls(**{**data, "party": PartyDraft(**data["party"])}, public_key="", certificate="")


_LINE_NUMBERS = ("quantity", "unit_price", "discount", "discount_rate", "fee")
_LINE_FIELDS = frozenset(each.name for each in fields(LineDraft))


def _reference(data: Mapping[str, Any] | None) -> BillingReference | None:
    return BillingReference(data["irn"], date.fromisoformat(data["issue_date"])) if data else None


def _line(row: Mapping[str, Any]) -> LineDraft:
    values = {name: value for name, value in row.items() if name in _LINE_FIELDS}
    for name in _LINE_NUMBERS:
        values[name] = None if values[name] is None else Decimal(values[name])
    return LineDraft(**values)


def _plain(value: Any) -> Any:
    match value:
        case str() | int() | None | dict():  # a snapshot is JSON-able as it is
            return value
        case Decimal():
            return str(value)
        case tuple():
            return [_plain(each) for each in value]
        case date():
            return value.isoformat()
        case _:
            return {name: _plain(getattr(value, name)) for name in value.__slots__}
