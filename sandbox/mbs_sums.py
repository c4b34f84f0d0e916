"""Whether a document's sums hold. The authority does not ask; the control list tells, from its own arithmetic."""

from decimal import Decimal
from typing import Any

from sandbox.money import rounded


def sums_ok(document: dict[str, Any]) -> bool:
    """Whether lines, taxes and totals of an accepted document agree to the kobo (rules of EN 16931)."""
    totals = document["legal_monetary_total"]
    lines = sum((_line_net(line) for line in document["invoice_line"]), Decimal(0))
    stated = all(_line_net(line) == line["line_extension_amount"] for line in document["invoice_line"])
    net = lines + sum(
        (_number(entry["amount"]) * (1 if entry["charge_indicator"] else -1))
        for entry in document.get("allowance_charge") or []
    )
    subtotals = [subtotal for total in document["tax_total"] for subtotal in total["tax_subtotal"]]
    taxes = all(_tax_holds(subtotal) for subtotal in subtotals) and all(
        _number(total["tax_amount"]) == sum(_number(subtotal["tax_amount"]) for subtotal in total["tax_subtotal"])
        for total in document["tax_total"]
    )
    taxable = sum(_number(subtotal["taxable_amount"]) for subtotal in subtotals)
    tax = sum(_number(total["tax_amount"]) for total in document["tax_total"])
    return (
        stated
        and taxes
        and taxable == net
        and totals["line_extension_amount"] == lines
        and totals["tax_exclusive_amount"] == net
        and totals["tax_inclusive_amount"] == net + tax
        and totals["payable_amount"] == net + tax
    )


def _number(value: int | Decimal) -> Decimal:
    return Decimal(value)


def _line_net(line: dict[str, Any]) -> Decimal:
    price = line["price"]
    gross = _number(line["invoiced_quantity"]) * _number(price["price_amount"]) / _number(price["base_quantity"])
    return rounded(gross) - _number(line.get("discount_amount") or 0) + _number(line.get("fee_amount") or 0)


def _tax_holds(subtotal: dict[str, Any]) -> bool:
    percent = _number(subtotal["tax_category"]["percent"])
    return bool(rounded(_number(subtotal["taxable_amount"]) * percent / 100) == subtotal["tax_amount"])
