"""What is wrong with a draft's lines and sums, as sentences for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from invoices.authority.codes import names_by_code
from invoices.drafts.facts import NOTHING, InvoiceDraft, LineDraft, Missing
from invoices.taxes import EXACT, CannotCalculate, TaxableLine, TaxRules, Totals, calculate, line_amounts, money

HSN_CODE = re.compile(r"\d{4}\.\d{2}")
ISIC_CODE = re.compile(r"\d{4}")
SMALLEST = Decimal("0.000001")  # the database keeps six decimals of quantities and prices
LARGEST = Decimal(10) ** 12  # far above any deal; a line of two such numbers still fits where it must
LONGEST_TEXT = 500


def line_defects(position: int, line: LineDraft, place: str, *, has_sound_numbers: bool) -> Iterator[Missing]:
    """Yield what line number `position` (from 1) of `place` lacks or has wrong, but for numbers known to be sound."""
    path, who = f"lines.{position}", f"Line {position}"
    where = f"Correct line {position} of {place}."
    for name in ("name", "description"):
        text = getattr(line, name).strip()
        if not text:
            yield Missing(f"{path}.{name}", f"{who}'s {name}", where)
        elif len(text) > LONGEST_TEXT:
            yield Missing(f"{path}.{name}", f"{who}'s {name} is longer than {LONGEST_TEXT} characters", where)
    for field, sentence in () if has_sound_numbers else _number_defects(line):
        yield Missing(f"{path}.{field}", f"{who}{sentence}", where)
    if not line.tax_category:
        label = f"{who}'s tax category"
        yield Missing(f"{path}.tax_category", label, f"{where} Or set a default on the business profile.")
    elif line.tax_category not in names_by_code("tax_categories"):
        label = f"{who} has the tax category {line.tax_category[:30]}, which is none of the authority's"
        yield Missing(f"{path}.tax_category", label, where)
    sentence = _classification_defect(line)
    if sentence:
        yield Missing(f"{path}.classification", f"{who}{sentence}", where)


def sum_defects(draft: InvoiceDraft, lines: Sequence[TaxableLine], place: str) -> Iterator[Missing]:
    """Yield what is wrong with the document's discount, charge and total; of the total only with `taxable` lines."""
    where = f"Correct the amounts of {place}."
    amounts = {"discount": draft.document_discount, "charge": draft.document_charge}
    wrong = [name for name, amount in amounts.items() if _unusable(amount)]
    for name in wrong:
        yield Missing(f"document_{name}", f"The document's {name} ({shown(amounts[name])}) cannot be invoiced", where)
    if wrong or not lines:
        return
    whole = sum((line_amounts(line, NOTHING).net for line in lines), NOTHING)
    discount, charge = money(amounts["discount"]), money(amounts["charge"])
    if discount > whole:
        label = f"The document's discount ({shown(discount)}) is larger than the sum of its lines ({shown(whole)})"
        yield Missing("document_discount", label, where)
    elif charge and not whole:
        yield Missing("document_charge", "The document has a charge but its lines come to nothing", where)
    elif whole - discount + charge == 0:
        yield Missing("total", "The invoice comes to nothing (0.00)", where)


def totals_of(draft: InvoiceDraft, day: date, tax: TaxRules) -> Totals | None:
    """Return the document's sums at the rates of `day`, None while they cannot be worked out."""
    lines = taxable(draft.lines)
    if not lines or _unusable(draft.document_discount) or _unusable(draft.document_charge):
        return None
    try:
        return calculate(
            lines,
            document_discount=draft.document_discount,
            document_charge=draft.document_charge,
            day=day,
            rules=tax,
        )
    except CannotCalculate:
        return None


def taxable(lines: Iterable[LineDraft]) -> list[TaxableLine]:
    """Return the lines for the arithmetic, none while a number of any is lacking or impossible."""
    found = []
    for line in lines:
        if line.quantity is None or line.unit_price is None or next(_number_defects(line), None):
            return []
        found.append(TaxableLine(line.quantity, line.unit_price, line.discount, line.fee, line.tax_category))
    return found


def shown(number: Decimal) -> str:
    """Return a number as people write it: thousands set off, a true minus sign, never an endless one."""
    if not number.is_finite() or number.adjusted() > 20:
        return str(number)[:20]
    return f"{number:,f}".replace("-", "−")[:40]


def _number_defects(line: LineDraft) -> Iterator[tuple[str, str]]:
    quantity, price = line.quantity, line.unit_price
    factors = None
    if quantity is not None and price is not None and not (_unusable(quantity) or _unusable(price)):
        factors = quantity, price
    if not (factors and quantity):
        yield from _factor_defects(quantity, price)
    for name in ("discount", "fee"):
        if _unusable(getattr(line, name)):
            yield name, f" has a {name} that cannot be invoiced ({shown(getattr(line, name))})"
            return
    if factors:
        yield from _net_defect(line, *factors)


def _factor_defects(quantity: Decimal | None, price: Decimal | None) -> Iterator[tuple[str, str]]:
    if quantity is None:
        yield "quantity", "'s quantity"
    elif _unusable(quantity) or not quantity:
        yield "quantity", f" has a quantity that cannot be invoiced ({shown(quantity)})"
    if price is None:
        yield "unit_price", "'s price"
    elif price.is_finite() and price < 0:
        yield "unit_price", f" has a negative price ({shown(price)}); a discount belongs in its own field"
    elif _unusable(price):
        yield "unit_price", f" has a price that cannot be invoiced ({shown(price)})"


def _net_defect(line: LineDraft, quantity: Decimal, price: Decimal) -> Iterator[tuple[str, str]]:
    amounts = line_amounts(TaxableLine(quantity, price, line.discount, line.fee, ""), NOTHING)
    if amounts.net < 0:
        yield "discount", f"'s discount ({shown(amounts.discount)}) is larger than the line ({shown(amounts.gross)})"
    elif amounts.net > LARGEST:
        yield "net", f" comes to more than can be invoiced ({shown(amounts.net)})"


def _classification_defect(line: LineDraft) -> str:
    goods, service = (line.hsn_code, line.product_category), (line.isic_code, line.service_category)
    if any(goods) and any(service):
        return " has both a goods code and a service code; keep one"
    if any(service):
        if not ISIC_CODE.fullmatch(line.isic_code):
            return f"'s service code (4 digits of the authority's list; it has {line.isic_code[:20]!r})"
        return "" if line.service_category else f"'s service code ({line.isic_code} is not on the authority's list)"
    if not any(goods):
        return "'s classification (a goods code with its category, or a service code)"
    if not HSN_CODE.fullmatch(line.hsn_code):
        return f"'s goods code (written like 9403.20; it has {line.hsn_code[:20]!r})"
    return "" if line.product_category.strip() else "'s product category, the words for its goods code"


def _unusable(amount: Decimal) -> bool:
    if not (amount.is_finite() and NOTHING <= amount <= LARGEST):
        return True
    return amount.quantize(SMALLEST, ROUND_HALF_UP, EXACT) != amount
