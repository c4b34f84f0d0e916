"""What should become of each deal: is it won, what is wrong with it, what is payable. Judged from the records."""

from decimal import Decimal
from typing import Any

from sandbox.dataset import Dataset, Link, Record
from sandbox.money import half_up, kobo_text, rounded, shares

LIMIT = Decimal(10) ** 12
RATES_PER_MILLE = {"STANDARD_VAT": 75, "ZERO_VAT": 0, "EXEMPTED": 0}
COUNTRIES = {"nigeria", "ng", "nga"}


class Flawed(Exception):
    """The deal cannot become an invoice; the argument is the flaw's name."""


def judge_all(data: Dataset) -> list[dict[str, Any]]:
    """Return one entry a deal, in the order of their ids; amounts are text in naira."""
    return [judge(data, deal) for deal in data.tables["deals"]]


def judge(data: Dataset, deal: Record) -> dict[str, Any]:
    """Return deal_id, won, flaw (None when there is none or the deal is not won), payable_amount, buyer_tin."""
    won = deal.properties.get("hs_is_closed_won") == "true"
    entry: dict[str, Any] = {"deal_id": str(deal.id), "won": won, "flaw": None}
    entry |= {"payable_amount": None, "buyer_tin": None}
    if not won:
        return entry
    try:
        company = _buyer(data, deal)
        entry["buyer_tin"] = company.properties.get("tin")
        entry["payable_amount"] = kobo_text(_payable(data, deal))
    except Flawed as flaw:
        entry["flaw"] = str(flaw)
    return entry


def _buyer(data: Dataset, deal: Record) -> Record:
    links = data.links("deals", "companies").get(deal.id, [])
    company = data.tables["companies"].records[_primary(links).id]
    if len(company.properties.get("tin", "")) < 5:
        raise Flawed("no_tin")
    if not all(company.properties.get(name) for name in ("address", "city", "zip", "country")):
        raise Flawed("no_address")
    if company.properties["country"].strip().lower() not in COUNTRIES:
        raise Flawed("unknown_country")
    return company


def _primary(links: list[Link]) -> Link:
    if not links:
        raise Flawed("no_company")
    primary = [link for link in links if 5 in link.types]
    if not primary and len(links) > 1:
        raise Flawed("several_companies")
    return (primary or links)[0]


def _payable(data: Dataset, deal: Record) -> int:
    """Return what is payable in kobo; raises Flawed."""
    links = data.links("deals", "line_items").get(deal.id, [])
    lines = [data.tables["line_items"].records[link.id] for link in links]
    if not lines:
        raise Flawed("no_line_items")
    if deal.properties.get("deal_currency_code", "NGN") != "NGN":
        raise Flawed("foreign_currency")
    if deal.properties.get("amount"):
        _number(deal, "amount", "bad_amount")
    by_category: dict[str, int] = {}
    for line in lines:
        category = line.properties.get("tax_category", "STANDARD_VAT")
        if category not in RATES_PER_MILLE:
            raise Flawed("unknown_tax_category")
        by_category[category] = by_category.get(category, 0) + _line_net(line)
    total, discount = sum(by_category.values()), _kobo(_number(deal, "document_discount", "bad_number", "0"))
    if not 0 <= discount < total:
        raise Flawed("bad_number" if discount else "nothing_to_pay")
    parts = shares(discount, list(by_category.values()))
    taxable = {category: net - part for (category, net), part in zip(by_category.items(), parts, strict=True)}
    tax = sum(half_up(net * RATES_PER_MILLE[category], 1000) for category, net in taxable.items())
    return total - discount + tax


def _line_net(line: Record) -> int:
    if not line.properties.get("price"):
        raise Flawed("no_price")
    price = _number(line, "price", "bad_number")
    if price < 0:
        raise Flawed("negative_price")
    quantity = _number(line, "quantity", "bad_number", "")
    off = _number(line, "discount", "bad_number", "0")
    percentage = _number(line, "hs_discount_percentage", "bad_number", "0")
    gross = rounded(quantity * price)
    discount = rounded(quantity * off) if off else rounded(quantity * price * percentage / 100)
    if quantity <= 0 or not 0 <= discount <= gross:
        raise Flawed("bad_number")
    return _kobo(gross - discount)


def _number(record: Record, name: str, flaw: str, default: str = "") -> Decimal:
    try:
        number = Decimal(record.properties.get(name) or default)
    except ArithmeticError:
        raise Flawed(flaw) from None
    if not number.is_finite() or not -LIMIT < number < LIMIT:
        raise Flawed(flaw)
    return number


def _kobo(amount: Decimal) -> int:
    return int(rounded(amount) * 100)
