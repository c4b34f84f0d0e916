"""A basket and its tenders in the shape of Square's Order and Payment; what is empty is left out."""

from dataclasses import dataclass
from typing import Any

from sandbox.square_pricing import TOTAL, Basket, Discount, Line, ServiceCharge, Tax

CURRENCY = "NGN"
KILOGRAMS = {"measurement_unit": {"weight_unit": "METRIC_KILOGRAM", "type": "TYPE_WEIGHT"}, "precision": 3}


@dataclass(slots=True)
class Tender:
    """One way in which a sale was paid; `amount` is without the tip, both in kobo. `external` is Square's type."""

    payment_id: str
    type: str
    amount: int
    tip: int = 0
    external: str = ""
    source: str = ""


def money(amount: int) -> dict[str, Any]:
    """Return an amount of kobo as Square's Money."""
    return {"amount": amount, "currency": CURRENCY}


def pruned(content: dict[str, Any]) -> dict[str, Any]:
    """Return an object without the members that are null or empty."""
    return {name: value for name, value in content.items() if value is not None and value not in ("", [], {})}


def amounts(total: int, tax: int, discount: int, tip: int, charge: int) -> dict[str, Any]:
    """Return an OrderMoneyAmounts."""
    return {
        "total_money": money(total),
        "tax_money": money(tax),
        "discount_money": money(discount),
        "tip_money": money(tip),
        "service_charge_money": money(charge),
    }


def basket_json(basket: Basket) -> dict[str, Any]:
    """Return the part of an Order that comes from what was on the till."""
    of_lines = [(each, "LINE_ITEM", each.applied) for line in basket.lines for each in line.discounts]
    of_order = [(each, "ORDER", each.applied) for each in basket.discounts]
    rounding = {"uid": "rounding", "name": "Cash rounding", "amount_money": money(basket.rounding)}
    return pruned(
        {
            "line_items": [_line(line) for line in basket.lines],
            "taxes": [_tax(tax) for tax in basket.taxes],
            "discounts": [_discount(*each) for each in of_lines + of_order],
            "service_charges": [_charge(charge) for charge in basket.charges],
            "rounding_adjustment": rounding if basket.rounding else None,
            "total_tax_money": money(basket.tax),
            "total_discount_money": money(basket.discount),
            "total_service_charge_money": money(basket.charged),
        }
    )


def _line(line: Line) -> dict[str, Any]:
    return pruned(
        {
            "uid": line.uid,
            "name": line.name,
            "quantity": line.quantity,
            "quantity_unit": KILOGRAMS if line.unit else None,
            "note": line.note,
            "catalog_object_id": line.catalog_object_id,
            "variation_name": line.variation_name,
            "item_type": line.item_type,
            "modifiers": [
                {
                    "uid": each.uid,
                    "name": each.name,
                    "quantity": "1",
                    "base_price_money": money(each.price),
                    "total_price_money": money(each.total),
                }
                for each in line.modifiers
            ],
            "applied_taxes": _applied("tax_uid", line.applied_taxes),
            "applied_discounts": _applied("discount_uid", line.applied_discounts),
            "base_price_money": money(line.base_price),
            "variation_total_price_money": money(line.variation_total),
            "gross_sales_money": money(line.gross),
            "total_tax_money": money(line.tax),
            "total_discount_money": money(line.discount),
            "total_service_charge_money": money(0),
            "total_money": money(line.total),
        }
    )


def _applied(name: str, parts: dict[str, int]) -> list[dict[str, Any]]:
    return [{"uid": f"a-{uid}", name: uid, "applied_money": money(part)} for uid, part in parts.items()]


def _tax(tax: Tax) -> dict[str, Any]:
    return pruned(
        {
            "uid": tax.uid,
            "catalog_object_id": tax.catalog_object_id,
            "name": tax.name,
            "type": tax.type,
            "percentage": tax.percentage,
            "applied_money": money(tax.applied),
            "scope": "LINE_ITEM",
        }
    )


def _discount(discount: Discount, scope: str, applied: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"uid": discount.uid, "name": discount.name, "scope": scope}
    if discount.percentage:
        shown |= {"type": "FIXED_PERCENTAGE", "percentage": discount.percentage}
    else:
        shown |= {"type": "FIXED_AMOUNT", "amount_money": money(discount.amount)}
    return shown | {"applied_money": money(applied)}


def _charge(charge: ServiceCharge) -> dict[str, Any]:
    value = {"percentage": charge.percentage} if charge.percentage else {"amount_money": money(charge.amount)}
    return pruned(
        {
            "uid": charge.uid,
            "name": charge.name,
            **value,
            "applied_money": money(charge.applied),
            "total_money": money(charge.total),
            "total_tax_money": money(charge.tax),
            "calculation_phase": charge.phase,
            "taxable": charge.taxable and charge.phase != TOTAL,
            "applied_taxes": _applied("tax_uid", charge.applied_taxes),
            "type": "AUTO_GRATUITY" if charge.gratuity else "CUSTOM",
            "treatment_type": "LINE_ITEM_TREATMENT",
        }
    )


def tender_json(tender: Tender, location_id: str, order_id: str, at: str) -> dict[str, Any]:
    """Return an order's Tender; its amount includes the tip."""
    shown: dict[str, Any] = {
        "id": tender.payment_id,
        "payment_id": tender.payment_id,
        "location_id": location_id,
        "transaction_id": order_id,
        "created_at": at,
        "amount_money": money(tender.amount + tender.tip),
        "type": "CASH" if tender.type == "CASH" else "OTHER",
    }
    if tender.tip:
        shown["tip_money"] = money(tender.tip)
    if tender.type == "CASH":
        given = _supplied(tender)
        change = money(given - tender.amount - tender.tip)
        shown["cash_details"] = {"buyer_tendered_money": money(given), "change_back_money": change}
    return shown


def payment_json(tender: Tender) -> dict[str, Any]:
    """Return the part of a Payment that comes from its tender."""
    whole = tender.amount + tender.tip
    shown: dict[str, Any] = {
        "id": tender.payment_id,
        "amount_money": money(tender.amount),
        "total_money": money(whole),
        "approved_money": money(whole),
        "source_type": tender.type,
    }
    if tender.tip:
        shown["tip_money"] = money(tender.tip)
    if tender.type == "CASH":
        given = _supplied(tender)
        shown["cash_details"] = {"buyer_supplied_money": money(given), "change_back_money": money(given - whole)}
    else:
        shown["external_details"] = {"type": tender.external or "OTHER", "source": tender.source or "Other"}
    return shown


def _supplied(tender: Tender) -> int:
    """Return what the buyer handed over: whole thousands of naira."""
    return -(-(tender.amount + tender.tip) // 100_000) * 100_000
