"""What goes back over the counter: an order's `returns` from the sale, or from a bare amount.

A line can be returned in parts; each part's sums are the difference of two shares of the sold line, so that all parts
together return exactly what was sold.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from secrets import token_hex
from typing import Any

from sandbox.square_orders_json import amounts, money, pruned
from sandbox.square_pricing import BadBasket, quantity_of

Part = tuple[Fraction, Fraction]  # the share of a line that was back before, and that is back after


@dataclass(slots=True)
class Return:
    """One entry of `returns` with its sums in kobo; `parts` are the shares of the sale's lines that are back now."""

    shown: dict[str, Any]
    total: int
    tax: int
    parts: dict[str, Fraction] = field(default_factory=dict)


def return_lines(
    sale: dict[str, Any], back: dict[str, Fraction], wanted: list[dict[str, Any]], *, all_of_it: bool
) -> Return:
    """Return the lines of a sale: those `wanted` by uid (and quantity), or all that is left with charges and tips.

    `back` has the share of each line that is back already. Raises BadBasket.
    """
    lines = {line["uid"]: line for line in sale.get("line_items", [])}
    if all_of_it:
        wanted = [{"uid": uid} for uid in lines if back.get(uid, 0) < 1]
    parts = {str(each.get("uid")): _part(lines, back, each) for each in wanted}
    taxes: dict[str, int] = {}
    shown_lines = [_line(lines[uid], part, taxes) for uid, part in parts.items()]
    charges = [_charge(each, taxes) for each in sale.get("service_charges", [])] if all_of_it and not back else []
    rounding = sale.get("rounding_adjustment") if all_of_it and not back else None
    tips = _tips(sale) if all_of_it and not back else []
    discount = sum(_kobo(line, "total_discount_money") for line in shown_lines)
    tip, tax = sum(_kobo(each, "applied_money") for each in tips), sum(taxes.values())
    charged = sum(_kobo(each, "applied_money") for each in charges)
    total = tip + sum(_kobo(each, "total_money") for each in (*shown_lines, *charges))
    total += rounding["amount_money"]["amount"] if rounding else 0
    if total <= 0:
        raise BadBasket("Nothing of this sale is left to be returned.")
    shown = {
        "uid": token_hex(6),
        "source_order_id": sale["id"],
        "return_line_items": shown_lines,
        "return_taxes": [_tax(each, taxes[each["uid"]]) for each in sale.get("taxes", []) if each["uid"] in taxes],
        "return_discounts": _discounts(sale, shown_lines),
        "return_service_charges": charges,
        "return_tips": tips,
        "rounding_adjustment": rounding,
        "return_amounts": amounts(total, tax, discount, tip, charged),
    }
    return Return(pruned(shown), total, tax, {uid: part[1] for uid, part in parts.items()})


def return_amount(amount: int, source_order_id: str) -> Return:
    """Return a bare amount: one line without tax; without a source the refund is unlinked."""
    line = {
        "uid": token_hex(6),
        "quantity": "1",
        "item_type": "CUSTOM_AMOUNT",
        "base_price_money": money(amount),
        "variation_total_price_money": money(amount),
        "gross_return_money": money(amount),
        "total_tax_money": money(0),
        "total_discount_money": money(0),
        "total_money": money(amount),
    }
    shown = {
        "uid": token_hex(6),
        "source_order_id": source_order_id,
        "return_line_items": [line],
        "return_amounts": amounts(amount, 0, 0, 0, 0),
    }
    return Return(pruned(shown), amount, 0)


def _part(lines: dict[str, Any], back: dict[str, Fraction], wanted: dict[str, Any]) -> Part:
    uid = wanted.get("uid")
    if uid not in lines:
        raise BadBasket(f"The sale has no line {uid}.")
    whole, before = Fraction(lines[uid]["quantity"]), back.get(uid, Fraction(0))
    after = before + quantity_of(str(wanted["quantity"])) / whole if "quantity" in wanted else Fraction(1)
    if not before < after <= 1:
        raise BadBasket(f"Of the line {uid}, {(1 - before) * whole} can still be returned.")
    return before, after


def _of(amount: int, part: Part) -> int:
    return round(amount * part[1]) - round(amount * part[0])


def _kobo(content: dict[str, Any], name: str) -> int:
    amount: int = content[name]["amount"]
    return amount


def _line(line: dict[str, Any], part: Part, taxes: dict[str, int]) -> dict[str, Any]:
    """Return a ReturnLineItem; its taxes are added to `taxes`. The total is made of its parts, not a share itself."""
    applied = {each["tax_uid"]: _of(_kobo(each, "applied_money"), part) for each in line.get("applied_taxes", [])}
    off = {each["discount_uid"]: _of(_kobo(each, "applied_money"), part) for each in line.get("applied_discounts", [])}
    gross = _of(_kobo(line, "gross_sales_money"), part)
    sold = _kobo(line, "gross_sales_money") - _kobo(line, "total_discount_money")
    additive = _kobo(line, "total_money") != sold
    for uid, amount in applied.items():
        taxes[uid] = taxes.get(uid, 0) + amount
    quantity = Fraction(line["quantity"]) * (part[1] - part[0])
    kept = ("name", "quantity_unit", "note", "catalog_object_id", "variation_name", "item_type", "base_price_money")
    return pruned(
        {
            "uid": token_hex(6),
            "source_line_item_uid": line["uid"],
            "quantity": _decimal(quantity),
            **{name: line.get(name) for name in kept},
            "return_modifiers": [_modifier(each, part) for each in line.get("modifiers", [])],
            "applied_taxes": _applied("tax_uid", applied),
            "applied_discounts": _applied("discount_uid", off),
            "variation_total_price_money": money(_of(_kobo(line, "variation_total_price_money"), part)),
            "gross_return_money": money(gross),
            "total_tax_money": money(sum(applied.values())),
            "total_discount_money": money(sum(off.values())),
            "total_money": money(gross - sum(off.values()) + (sum(applied.values()) if additive else 0)),
        }
    )


def _modifier(modifier: dict[str, Any], part: Part) -> dict[str, Any]:
    return {
        "uid": token_hex(4),
        "source_modifier_uid": modifier["uid"],
        "name": modifier["name"],
        "quantity": modifier["quantity"],
        "base_price_money": modifier["base_price_money"],
        "total_price_money": money(_of(_kobo(modifier, "total_price_money"), part)),
    }


def _decimal(value: Fraction) -> str:
    """Return a quantity with at most five decimals and no trailing zeros."""
    whole, rest = divmod(round(value * 100_000), 100_000)
    return f"{whole}.{rest:05}".rstrip("0").rstrip(".")


def _applied(name: str, parts: dict[str, int]) -> list[dict[str, Any]]:
    return [{"uid": f"r-{uid}", name: uid, "applied_money": money(part)} for uid, part in parts.items()]


def _tax(tax: dict[str, Any], applied: int) -> dict[str, Any]:
    names = ("catalog_object_id", "name", "type", "percentage", "scope")
    kept: dict[str, Any] = {name: tax[name] for name in names if name in tax}
    return {"uid": tax["uid"], "source_tax_uid": tax["uid"], **kept, "applied_money": money(applied)}


def _discounts(sale: dict[str, Any], lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    back: dict[str, int] = {}
    for each in (each for line in lines for each in line.get("applied_discounts", [])):
        back[each["discount_uid"]] = back.get(each["discount_uid"], 0) + _kobo(each, "applied_money")
    return [
        {**discount, "source_discount_uid": discount["uid"], "applied_money": money(back[discount["uid"]])}
        for discount in sale.get("discounts", [])
        if discount["uid"] in back
    ]


def _charge(charge: dict[str, Any], taxes: dict[str, int]) -> dict[str, Any]:
    for each in charge.get("applied_taxes", []):
        taxes[each["tax_uid"]] = taxes.get(each["tax_uid"], 0) + _kobo(each, "applied_money")
    kept = {name: value for name, value in charge.items() if name not in ("uid", "type")}
    return {"uid": token_hex(6), "source_service_charge_uid": charge["uid"], **kept}


def _tips(sale: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"uid": token_hex(6), "applied_money": tender["tip_money"], "source_tender_id": tender["id"]}
        for tender in sale.get("tenders", [])
        if "tip_money" in tender
    ]
