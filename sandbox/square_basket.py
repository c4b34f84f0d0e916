"""Reads what is to be rung up: from the control endpoint's JSON to a priced basket and its tenders."""

import re
from fractions import Fraction
from secrets import token_hex
from typing import Any

from sandbox.square_orders_json import Tender
from sandbox.square_pricing import (
    ADDITIVE,
    GIFT_CARD,
    INCLUSIVE,
    SUBTOTAL,
    TOTAL,
    BadBasket,
    Basket,
    Discount,
    Line,
    Modifier,
    ServiceCharge,
    Tax,
    price,
)
from sandbox.square_shops import TARIFFS, WARES_BY_KEY, Seller, catalog_id

TENDER_TYPES = ("CASH", "EXTERNAL")
ITEM_TYPES = ("ITEM", "CUSTOM_AMOUNT", GIFT_CARD)


def read_basket(seller: Seller, given: dict[str, Any]) -> Basket:
    """Return the priced basket of a sale; raises BadBasket."""
    lines = [_line(seller, each) for each in _objects(given, "lines")]
    if len({line.uid for line in lines}) < len(lines):
        raise BadBasket("Two lines have the same uid; each needs its own.")
    extra = [_tax(each) for each in _objects(given, "taxes")]
    used = dict.fromkeys(uid for line in lines for uid in line.tax_uids)
    taxes = [_listed_tax(seller, uid) for uid in used if uid in TARIFFS]
    taxes += [tax for tax in extra if tax.uid not in TARIFFS]
    unknown = [uid for uid in used if uid not in {tax.uid for tax in taxes}]
    if unknown:
        raise BadBasket(f"There is no tax {unknown[0]}; there are {', '.join(TARIFFS)} and those of the call's taxes.")
    return price(
        Basket(
            lines,
            [_discount(each) for each in _objects(given, "discounts")],
            taxes,
            [_charge(each) for each in _objects(given, "service_charges")],
            _kobo(given, "cash_rounding"),
        )
    )


def read_tenders(given: dict[str, Any], total: int) -> list[Tender]:
    """Return the tenders of a sale of `total` kobo; the last one without an amount pays what the others leave."""
    asked = _objects(given, "tenders") or [{"type": "CASH"}]
    tenders = [_tender(each) for each in asked]
    tenders[-1].tip += _kobo(given, "tip")
    if "amount" not in asked[-1]:
        tenders[-1].amount = total - sum(tender.amount for tender in tenders[:-1])
    if sum(tender.amount for tender in tenders) != total or any(tender.amount < 0 for tender in tenders):
        raise BadBasket(f"The tenders do not add up to the total of {total} kobo.")
    return [tender for tender in tenders if tender.amount or tender.tip or len(tenders) == 1]


def _line(seller: Seller, given: dict[str, Any]) -> Line:
    ware = WARES_BY_KEY.get(str(given.get("ware")))
    if given.get("ware") and ware is None:
        raise BadBasket(f"There is no ware {given['ware']}; there are {', '.join(WARES_BY_KEY)}.")
    line = Line(
        str(given.get("uid") or token_hex(6)),
        str(given.get("name") or (ware.name if ware else "Custom amount")),
        str(given.get("quantity", "1")),
        _kobo(given, "price") if "price" in given or not ware else ware.price,
        str(given.get("item_type") or ("ITEM" if ware else "CUSTOM_AMOUNT")),
        note=str(given.get("note") or ""),
        unit=ware.unit if ware else "",
    )
    if line.item_type not in ITEM_TYPES:
        raise BadBasket(f"A line's item_type is one of {', '.join(ITEM_TYPES)}.")
    tariffs = given.get("taxes", [ware.tariff] if ware else [])
    line.tax_uids = list(dict.fromkeys(str(uid) for uid in tariffs if uid))
    if ware:
        line.catalog_object_id, line.variation_name = catalog_id(seller.id, "VAR", ware.key), ware.variation
    line.modifiers = [
        Modifier(token_hex(4), str(each.get("name", "Extra")), _kobo(each, "price"))
        for each in _objects(given, "modifiers")
    ]
    line.discounts = [_discount(each) for each in _objects(given, "discounts")]
    return line


def _listed_tax(seller: Seller, uid: str) -> Tax:
    tariff = TARIFFS[uid]
    return Tax(uid, tariff.name, tariff.percentage, tariff.type, catalog_id(seller.id, "TAX", uid))


def _tax(given: dict[str, Any]) -> Tax:
    uid = str(given.get("uid") or "")
    if not uid:
        raise BadBasket("A tax of the call needs a uid, which its lines name in their taxes.")
    if given.get("type", ADDITIVE) not in (ADDITIVE, INCLUSIVE):
        raise BadBasket(f"A tax's type is {ADDITIVE} or {INCLUSIVE}.")
    rate = _percentage(given) or "0"
    return Tax(uid, str(given.get("name", "Tax")), rate, given.get("type", ADDITIVE))


def _discount(given: dict[str, Any]) -> Discount:
    return Discount(token_hex(4), str(given.get("name", "Discount")), _percentage(given), _kobo(given, "amount"))


def _charge(given: dict[str, Any]) -> ServiceCharge:
    phase, taxable = given.get("phase", SUBTOTAL), bool(given.get("taxable"))
    if phase not in (SUBTOTAL, TOTAL) or (phase == TOTAL and taxable):
        raise BadBasket(f"A service charge is of the {SUBTOTAL} or the {TOTAL}; only the former can be taxable.")
    return ServiceCharge(
        token_hex(4),
        str(given.get("name", "Service charge")),
        _percentage(given),
        _kobo(given, "amount"),
        phase,
        taxable,
        bool(given.get("gratuity")),
    )


def _tender(given: dict[str, Any]) -> Tender:
    if given.get("type") not in TENDER_TYPES:
        raise BadBasket("A tender's type is CASH or EXTERNAL: there are no others in Nigeria.")
    return Tender(
        f"P{token_hex(11).upper()}",
        given["type"],
        _kobo(given, "amount"),
        _kobo(given, "tip"),
        str(given.get("external", "")),
        str(given.get("source", "")),
    )


def _objects(given: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of objects of the call, empty when it has none."""
    value = given.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise BadBasket(f"{name} must be a list of objects.")
    return value


def _percentage(given: dict[str, Any]) -> str:
    """Return a percentage as text, "" when there is none."""
    text = str(given.get("percentage", ""))
    if text and not (re.fullmatch(r"\d{1,3}(\.\d{1,4})?", text) and Fraction(text) <= 100):
        raise BadBasket(f"{text} is no percentage from 0 to 100, such as 7.5.")
    return text


def _kobo(given: dict[str, Any], name: str) -> int:
    value = given.get(name, 0)
    if type(value) is not int or value < 0:
        raise BadBasket(f"{name} must be a whole number of kobo, not below 0.")
    return value
