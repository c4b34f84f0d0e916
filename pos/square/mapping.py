"""Square's JSON into our records. Pure; everything that may be absent may be absent.

Money is whole minor units. Square's own sums are kept and compared with each other; what contradicts itself says so
in `problem`. Order-wide discounts and taxes are spread over the lines by Square, so they are not taken off again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pos.records import (
    ZERO,
    AppliedTax,
    CatalogKind,
    CatalogRecord,
    CustomerRecord,
    LineKind,
    LocationRecord,
    RefundRecord,
    RefundState,
    ReturnRecord,
    SaleLineRecord,
    SaleRecord,
    SaleState,
    TenderRecord,
)

Raw = Mapping[str, Any]
# Currencies of ISO 4217 whose minor unit is not a hundredth; everything else has two places.
NO_PLACES = frozenset(("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF").split())  # noqa: SIM905
THREE_PLACES = frozenset(("BHD IQD JOD KWD LYD OMR TND").split())  # noqa: SIM905
STATES: dict[str, SaleState] = {"COMPLETED": "completed", "CANCELED": "canceled"}
CATALOG_KINDS: dict[str, CatalogKind] = {"ITEM_VARIATION": "variation", "ITEM": "item", "CATEGORY": "category"}
KINDS: dict[str, LineKind] = {"CUSTOM_AMOUNT": "custom", "GIFT_CARD": "gift_card"}
REFUND_STATES: dict[str, RefundState] = {"PENDING": "pending", "APPROVED": "pending", "COMPLETED": "completed"}
SPREAD = "APPORTIONED_TREATMENT"  # a charge that is in the lines already


class Unmappable(ValueError):
    """The JSON lacks what a record cannot be without; the text says what, for people."""


def to_location(raw: Raw) -> LocationRecord:
    """Return a shop."""
    return LocationRecord(
        external_id=_needed(raw, "id"),
        name=str(raw.get("name") or raw["id"]),
        time_zone=str(raw.get("timezone") or "Africa/Lagos"),
        currency=str(raw.get("currency") or "NGN"),
        is_active=raw.get("status", "ACTIVE") == "ACTIVE",
    )


def to_sale(raw: Raw, payments: Iterable[Raw] = ()) -> SaleRecord:
    """Return an order with what it took back; `payments` tell of states and of sales that were made offline.

    Raises Unmappable without an id, a location or a time.
    """
    paid = {str(each.get("id")): each for each in payments}
    lines = _lines(raw)
    tips = _money(raw.get("total_tip_money"))
    billed = sum((line.total_amount for line in lines), ZERO)
    rounding = _money((raw.get("rounding_adjustment") or {}).get("amount_money"))
    tenders = tuple(_tender(each, paid) for each in raw.get("tenders") or ())
    tips = tips or sum((each.tip_amount for each in tenders), ZERO)
    returns = tuple(_return(each, raw) for each in raw.get("returns") or ())
    offline = [each for each in paid.values() if each.get("is_offline_payment")]
    sale = SaleRecord(
        external_id=_needed(raw, "id"),
        location_external_id=_needed(raw, "location_id"),
        state=STATES.get(str(raw.get("state")), "open"),
        sold_at=_sold_at(raw, offline),
        currency=_currency(raw),
        total_amount=billed + rounding,
        tax_amount=_money(raw.get("total_tax_money")),
        discount_amount=_money(raw.get("total_discount_money")),
        tip_amount=tips,
        rounding_amount=rounding,
        source_updated_at=_instant(raw.get("updated_at")),
        payload=dict(raw),
        version=raw.get("version") if isinstance(raw.get("version"), int) else None,
        customer_external_id=_customer(raw),
        is_offline=bool(offline),
        lines=lines,
        tenders=tenders,
        returns=returns,
    )
    return replace(sale, problem=_contradiction(sale, raw))


def to_refund(raw: Raw) -> RefundRecord:
    """Return a refund of a payment; raises Unmappable without an id, a location, an amount or a time."""
    amount = _money(raw.get("amount_money"))
    refunded_at = _instant(raw.get("created_at"))
    if amount <= 0 or refunded_at is None:
        raise Unmappable("The refund has no amount or no time.")
    return RefundRecord(
        external_id=_needed(raw, "id"),
        location_external_id=_needed(raw, "location_id"),
        state=REFUND_STATES.get(str(raw.get("status")), "failed"),
        payment_external_id=str(raw.get("payment_id") or ""),
        return_external_id=str(raw.get("order_id") or ""),
        refunded_at=refunded_at,
        currency=str(raw["amount_money"].get("currency") or "NGN"),
        amount=amount,
        reason=str(raw.get("reason") or ""),
        source_updated_at=_instant(raw.get("updated_at")),
        payload=dict(raw),
        is_unlinked=bool(raw.get("unlinked")) or not raw.get("payment_id"),
    )


def to_catalog(raw: Raw) -> CatalogRecord | None:
    """Return an entry of the price list, None where it is of a kind that no invoice needs."""
    kind = CATALOG_KINDS.get(str(raw.get("type")))
    if kind is None or not raw.get("id"):
        return None
    data = raw.get(f"{raw['type'].lower()}_data") or {}
    parent = str(data.get("item_id") or "") if kind == "variation" else _category(data)
    return CatalogRecord(
        external_id=str(raw["id"]),
        kind=kind,
        name=str(data.get("name") or ""),
        sku=str(data.get("sku") or ""),
        parent_external_id=parent,
        source_updated_at=_instant(raw.get("updated_at")),
    )


def to_customer(raw: Raw) -> CustomerRecord:
    """Return a customer; a person has no name here."""
    address = raw.get("address") or {}
    street = [str(address[name]) for name in ("address_line_1", "address_line_2") if address.get(name)]
    return CustomerRecord(
        external_id=_needed(raw, "id"),
        name=str(raw.get("company_name") or "").strip(),
        email=str(raw.get("email_address") or ""),
        telephone=str(raw.get("phone_number") or ""),
        street=", ".join(street),
        city=str(address.get("locality") or ""),
        postal_zone=str(address.get("postal_code") or ""),
        country=str(address.get("country") or "")[:2],
        source_updated_at=_instant(raw.get("updated_at")),
    )


def _category(item: Raw) -> str:
    """Return the id of the category that an item is reported under, else of its first."""
    reporting, listed = item.get("reporting_category") or {}, item.get("categories") or [{}]
    return str(reporting.get("id") or listed[0].get("id") or item.get("category_id") or "")


def _customer(raw: Raw) -> str:
    """Return the id of who bought: the order's customer, else that of its payments."""
    told = [raw.get("customer_id"), *(each.get("customer_id") for each in raw.get("tenders") or ())]
    return next((str(each) for each in told if each), "")


def payment_ids(raw: Raw) -> list[str]:
    """Return the ids of an order's payments."""
    return [str(each.get("payment_id") or each.get("id")) for each in raw.get("tenders") or ()]


def _lines(raw: Raw) -> tuple[SaleLineRecord, ...]:
    taxes = {str(each.get("uid")): each for each in raw.get("taxes") or ()}
    lines = [_line(each, taxes, "") for each in raw.get("line_items") or ()]
    charges = [each for each in raw.get("service_charges") or () if each.get("treatment_type") != SPREAD]
    lines += [_charge(each, taxes) for each in charges]
    return tuple(replace(line, position=position) for position, line in enumerate(lines))


def _line(raw: Raw, taxes: Mapping[str, Raw], prefix: str) -> SaleLineRecord:
    """Return a line of an order, or with a prefix of its names ("return_") of what came back."""
    gross = "gross_return_money" if prefix else "gross_sales_money"
    return SaleLineRecord(
        external_id=str(raw.get("source_line_item_uid" if prefix else "uid") or ""),
        position=0,
        kind=KINDS.get(str(raw.get("item_type")), "item"),
        name=str(raw.get("name") or ""),
        quantity=_number(raw.get("quantity") or "1"),
        gross_amount=_money(raw.get(gross)),
        discount_amount=_money(raw.get("total_discount_money")),
        tax_amount=_money(raw.get("total_tax_money")),
        total_amount=_money(raw.get("total_money")),
        taxes=_taxes(raw, taxes),
        variation=str(raw.get("variation_name") or ""),
        modifiers=tuple(str(each.get("name")) for each in raw.get("modifiers") or () if each.get("name")),
        catalog_id=str(raw.get("catalog_object_id") or ""),
        unit=_unit(raw.get("quantity_unit") or {}),
        note=str(raw.get("note") or ""),
    )


def _charge(raw: Raw, taxes: Mapping[str, Raw]) -> SaleLineRecord:
    total, tax = _money(raw.get("total_money")), _money(raw.get("total_tax_money"))
    return SaleLineRecord(
        external_id=str(raw.get("uid") or ""),
        position=0,
        kind="service_charge",
        name=str(raw.get("name") or "Service charge"),
        quantity=Decimal(1),
        gross_amount=total - tax,
        discount_amount=ZERO,
        tax_amount=tax,
        total_amount=total,
        taxes=_taxes(raw, taxes),
        catalog_id=str(raw.get("catalog_object_id") or ""),
    )


def _taxes(raw: Raw, taxes: Mapping[str, Raw]) -> tuple[AppliedTax, ...]:
    found = []
    for applied in raw.get("applied_taxes") or ():
        tax = taxes.get(str(applied.get("tax_uid")), {})
        rate = _number(tax["percentage"]) if tax.get("percentage") else None
        inclusive = tax.get("type") == "INCLUSIVE"
        found.append(AppliedTax(str(tax.get("name") or ""), rate, _money(applied.get("applied_money")), inclusive))
    return tuple(found)


def _tender(raw: Raw, paid: Mapping[str, Raw]) -> TenderRecord:
    payment_id = str(raw.get("payment_id") or raw.get("id") or "")
    payment = paid.get(payment_id, {})
    external = payment.get("external_details") or {}
    return TenderRecord(
        external_id=payment_id,
        kind=str(external.get("type") or raw.get("type") or "").lower(),
        amount=_money(raw.get("amount_money")),
        tip_amount=_money(raw.get("tip_money")),
        state=str(payment.get("status") or "").lower(),
        source=str(external.get("source") or ""),
    )


def _return(raw: Raw, order: Raw) -> ReturnRecord:
    taxes = {str(each.get("uid")): each for each in (*(raw.get("return_taxes") or ()), *(order.get("taxes") or ()))}
    amounts = raw.get("return_amounts") or {}
    lines = [_line(each, taxes, "return_") for each in raw.get("return_line_items") or ()]
    tip = _money(amounts.get("tip_money"))
    total = _money(amounts.get("total_money")) or sum((line.total_amount for line in lines), ZERO) + tip
    return ReturnRecord(
        sale_external_id=str(raw.get("source_order_id") or ""),
        lines=tuple(replace(line, position=position) for position, line in enumerate(lines)),
        total_amount=total - tip,
        tax_amount=_money(amounts.get("tax_money")),
        tip_amount=tip,
    )


def _contradiction(sale: SaleRecord, raw: Raw) -> str:
    """Return the sentence of what does not add up, "" when everything does.

    Whether Square's total has the tips in it is not told, so both are accepted.
    """
    if not sale.lines:
        return ""
    total = _money(raw.get("total_money"))
    taken_back = sum((each.total_amount + each.tip_amount for each in sale.returns), ZERO)
    sums = {sale.total_amount + tip - back for tip in (ZERO, sale.tip_amount) for back in (ZERO, taken_back)}
    if raw.get("total_money") is not None and total not in sums:
        return f"Its lines and charges come to {sale.total_amount:,.2f} and Square's total is {total:,.2f}."
    taxes = sum((line.tax_amount for line in sale.lines), ZERO)
    if raw.get("total_tax_money") is not None and taxes != sale.tax_amount:
        return f"The taxes of its lines come to {taxes:,.2f} and Square's total of taxes is {sale.tax_amount:,.2f}."
    paid = sum((each.amount for each in sale.tenders), ZERO)
    if sale.state == "completed" and sale.tenders and paid < sale.total_amount - taken_back:
        return f"It is completed with {paid:,.2f} paid of {sale.total_amount:,.2f}."
    return ""


def _sold_at(raw: Raw, offline: Iterable[Raw]) -> datetime:
    """Return when it was sold: offline by the till's own clock, else when it was closed."""
    device = [_instant((each.get("offline_payment_details") or {}).get("client_created_at")) for each in offline]
    for moment in (*device, _instant(raw.get("closed_at")), _instant(raw.get("created_at"))):
        if moment is not None:
            return moment
    raise Unmappable("The order says no time.")


def _currency(raw: Raw) -> str:
    return str((raw.get("total_money") or raw.get("net_amount_due_money") or {}).get("currency") or "NGN")


def _needed(raw: Raw, name: str) -> str:
    if not raw.get(name):
        raise Unmappable(f"It has no {name.replace('_', ' ')}.")
    return str(raw[name])


def _money(raw: Any) -> Decimal:
    """Return Square's Money in major units; what is absent is nothing."""
    if not isinstance(raw, Mapping) or raw.get("amount") is None:
        return ZERO
    currency = str(raw.get("currency") or "NGN")
    places = 0 if currency in NO_PLACES else 3 if currency in THREE_PLACES else 2
    if not isinstance(raw["amount"], int):
        raise Unmappable("An amount is no whole number of minor units.")
    return Decimal(raw["amount"]).scaleb(-places)


def _number(text: Any) -> Decimal:
    try:
        number = Decimal(str(text))
    except ArithmeticError as problem:
        raise Unmappable(f"“{str(text)[:20]}” is no number.") from problem
    if not number.is_finite():
        raise Unmappable(f"“{str(text)[:20]}” is no number.")
    return number


def _unit(raw: Raw) -> str:
    measure = raw.get("measurement_unit") or {}
    units = [str(value) for name, value in measure.items() if name.endswith("_unit") and isinstance(value, str)]
    return units[0].lower() if units else ""


def _instant(text: Any) -> datetime | None:
    """Return an RFC 3339 instant; Square writes up to nine digits of a second."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
