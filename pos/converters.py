"""Sales to consumers into invoice drafts: pure, by the organization's rules, and with the till's own amounts.

What the till took as tax is never put into a document: the authority wants the law's rate of the sum. Both are
compared, and a sale on which they differ by more than rounding is held and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from invoices.authority import codes
from invoices.drafts import InvoiceDraft, LineDraft, Missing, PartyDraft, SourceRef
from invoices.drafts.lines import totals_of
from invoices.irn import in_lagos
from invoices.rules import Found, Rules
from invoices.rules.applying import NOWHERE, Lookup, by_default, fill_line
from invoices.taxes import EXACT, TaxRules, money
from pos.records import SaleLineRecord, SaleRecord, Ware, plain

ZERO, KOBO = Decimal(0), Decimal("0.01")
PRICE_PLACES = Decimal("0.000001")  # what the document and the database keep of a price
STANDARD = "STANDARD_VAT"
SELLERS = "the seller's default"  # stands for a rule where no rule and no tax says anything
WARE_FACTS = frozenset({"sku", "item", "category"})
FACTS = ("tax_category", "hsn_code", "product_category", "isic_code", "unit_code", "description")
WHERE = (
    "Set it by rules (Settings → Rules), for example by line.sku, line.category or line.name, or give the goods a tax "
    "at the till."
)


@dataclass(frozen=True, slots=True)
class Shop:
    """Whose sales these are: `provider` is for people, `rule_set_id` None where the organization made no rules.

    `default_category` is the seller's, for goods on which neither the rules nor the till's taxes say anything;
    `wares` is what the price list says, by a line's `catalog_id`.
    """

    connection_id: int
    provider: str
    location: str
    rules: Rules
    rule_set_id: int | None
    tax: TaxRules
    default_category: str = ""
    wares: Mapping[str, Ware] = field(default_factory=dict)


def sale_to_draft(sale: SaleRecord, shop: Shop, buyer: PartyDraft | None = None) -> InvoiceDraft:
    """Return the invoice of one sale, to a business where `buyer` is one; what it lacks is named in it."""
    source = SourceRef(shop.connection_id, "sale", sale.external_id, label=f"{shop.location}, {sale.external_id}")
    return _draft([sale], shop, source, buyer=buyer)


def batch_to_draft(sales: Sequence[SaleRecord], shop: Shop, *, source_id: str, part: str, day: date) -> InvoiceDraft:
    """Return the one invoice of a location's sales of a day: alike lines together, the sales' ids as evidence.

    Raises ValueError without sales, and when they are of several currencies.
    """
    if len({sale.currency for sale in sales}) != 1:
        raise ValueError("A batch has sales, and of one currency.")
    label = f"{shop.location}, {len(sales)} sales of {day}"
    return _draft(sales, shop, SourceRef(shop.connection_id, "sales", source_id, part, label), together=True)


def turnover(sale: SaleRecord) -> Decimal:
    """Return what a sale's invoice should come to: its lines with the till's tax, without gift cards and rounding."""
    return sum((line.total_amount for line in _billed(sale)), ZERO)


def _draft(
    sales: Sequence[SaleRecord],
    shop: Shop,
    source: SourceRef,
    *,
    together: bool = False,
    buyer: PartyDraft | None = None,
) -> InvoiceDraft:
    with localcontext(EXACT):
        missing = [each for sale in sales for each in _problems(sale, shop)]
        lines = tuple(
            _line(_summed(group), "" if together else group[0].line.external_id)
            for group in sold_in(sales, shop, together=together)
        )
        missing += _without_category(lines)
        first = min(sale.sold_at for sale in sales)
        draft = InvoiceDraft(
            source=source,
            kind="B2B" if buyer else "B2C",
            currency=sales[0].currency,
            buyer=buyer,
            lines=lines,
            document_discount=ZERO,
            document_charge=ZERO,
            supply_date=in_lagos(first).date(),
            note=source.label,
            missing=tuple(missing),
            snapshot={"sales": [_snapshot(sale) for sale in sales]} | _wares(sales, shop),
            rule_set_id=shop.rule_set_id,
            supplied_at=first,
        )
        return replace(draft, missing=(*draft.missing, *_tax_differs(draft, sales, shop)))


@dataclass(frozen=True, slots=True)
class Sold:
    """Goods or a service as they were sold, once or over a day: quantity and net are sums."""

    name: str
    sku: str
    facts: dict[str, Found]
    quantity: Decimal
    gross: Decimal  # before discounts, where the till's prices are without tax; else the net
    net: Decimal
    sale_id: str
    line: SaleLineRecord

    @property
    def alike(self) -> tuple[object, ...]:
        """Return what goods have in common that stand on one line."""
        return (self.name, self.sku, *(self.facts[name].value for name in FACTS), self.gross == self.net)


def sold_in(sales: Sequence[SaleRecord], shop: Shop, *, together: bool) -> list[list[Sold]]:
    """Return what stands on each line: one piece of goods, or all that are alike, in the order of their first sale."""
    sold = [_sold(line, sale, shop) for sale in sales for line in _billed(sale)]
    if not together:
        return [[each] for each in sold]
    groups: dict[tuple[object, ...], list[Sold]] = {}
    for each in sold:
        groups.setdefault(each.alike, []).append(each)
    return list(groups.values())


def _billed(sale: SaleRecord) -> list[SaleLineRecord]:
    """Return the lines that are supplies; a gift card is money paid ahead, whose spending is the supply."""
    return [line for line in sale.lines if line.kind != "gift_card"]


def _sold(line: SaleLineRecord, sale: SaleRecord, shop: Shop) -> Sold:
    name = " – ".join(text for text in (line.name, line.variation) if text) or line.external_id
    ware = shop.wares.get(line.catalog_id, Ware(line.sku))
    lookup = _lookup(line, ware)
    facts = {each: _fact(shop.rules, lookup, each) for each in FACTS}
    if not facts["tax_category"].value:
        facts["tax_category"] = _category_by_tax(line, shop, in_lagos(sale.sold_at).date())
    if not facts["description"].value:
        words = ", ".join(line.modifiers)
        facts["description"] = Found(f"{name} ({words})" * bool(words) or name, "line.name")
    net = line.net_amount
    gross = line.gross_amount if line.gross_amount - line.discount_amount == net else net
    return Sold(name, ware.sku, facts, line.quantity, gross, net, sale.external_id, line)


def _summed(group: Sequence[Sold]) -> Sold:
    if len(group) == 1:
        return group[0]
    quantity, gross, net = (sum((getattr(each, name) for each in group), ZERO) for name in ("quantity", "gross", "net"))
    return replace(group[0], quantity=quantity, gross=gross, net=net)


def _line(sold: Sold, external_id: str) -> LineDraft:
    quantity, price, discount = _price(sold)
    facts = {name: found.value for name, found in sold.facts.items()}
    words = "" if quantity == sold.quantity else f" ({sold.quantity:f} sold)"
    return LineDraft(
        name=sold.name,
        description=facts["description"] + words,
        quantity=quantity,
        unit_price=price,
        discount=discount,
        discount_rate=None,
        fee=ZERO,
        tax_category=facts["tax_category"],
        hsn_code=facts["hsn_code"],
        product_category=facts["product_category"],
        isic_code=facts["isic_code"],
        service_category=codes.service_category(facts["isic_code"]),
        sku=sold.sku,
        unit_code=facts["unit_code"] or "H87",
        external_id=external_id,
    )


def _price(sold: Sold) -> tuple[Decimal, Decimal, Decimal]:
    """Return (quantity, price, discount) that make the net exactly; one of the whole where no price of one does."""
    for whole in (sold.gross, sold.net):
        if sold.quantity > 0:
            price = (whole / sold.quantity).quantize(PRICE_PLACES)
            if money(price * sold.quantity) == whole:
                return sold.quantity, price, whole - sold.net
    return Decimal(1), sold.net, ZERO


def _lookup(line: SaleLineRecord, ware: Ware) -> Lookup:
    def lookup(path: str) -> str:
        kind, _, name = path.partition(".")
        value = getattr(ware if name in WARE_FACTS else line, name, "") if kind == "line" else ""
        return value if isinstance(value, str) else ""

    return lookup


def _fact(rules: Rules, lookup: Lookup, name: str) -> Found:
    rule, path = getattr(rules.lines, name), f"lines.{name}"
    found = fill_line(rule, lookup, path)
    return by_default(rule, path) if found is NOWHERE and name != "tax_category" else found


def _category_by_tax(line: SaleLineRecord, shop: Shop, day: date) -> Found:
    """Return the category that the till's tax says: the standard rate is VAT, and another rate nobody can tell.

    No tax says nothing by itself: there the default of the rules counts, then the seller's.
    """
    rates = {tax.rate for tax in line.taxes}
    if not rates:
        found = by_default(shop.rules.lines.tax_category, "lines.tax_category")
        return found if found.value else Found(shop.default_category, rule=SELLERS)
    is_standard = rates == {shop.tax.rate_on(STANDARD, day)} and len(line.taxes) == 1
    return Found(STANDARD, "line.taxes") if is_standard else NOWHERE


def _without_category(lines: Sequence[LineDraft]) -> list[Missing]:
    return [
        Missing(f"lines.{number}.tax_category", f"Line {number} ({line.name[:60]}): the tax category", WHERE)
        for number, line in enumerate(lines, 1)
        if not line.tax_category
    ]


def _problems(sale: SaleRecord, shop: Shop) -> list[Missing]:
    found = []
    if sale.problem:
        found.append(Missing("sale", f"A sale that adds up ({sale.external_id})", sale.problem))
    if sale.state != "completed":
        where = f"It stands at “{sale.state}” at {shop.provider}; once it is completed, it is invoiced."
        found.append(Missing("sale.state", f"A completed sale ({sale.external_id})", where))
    return found


def _tax_differs(draft: InvoiceDraft, sales: Sequence[SaleRecord], shop: Shop) -> list[Missing]:
    """Name a difference of the document and the till that rounding line by line cannot make."""
    if draft.supply_date is None or any(not line.tax_category for line in draft.lines):
        return []
    totals = totals_of(draft, draft.supply_date, shop.tax)
    expected = sum((turnover(sale) for sale in sales), ZERO)
    if totals is None or abs(totals.payable_amount - expected) <= KOBO * sum(len(_billed(sale)) for sale in sales):
        return []
    where = (
        f"With the law's rates it comes to {totals.payable_amount:,.2f} {draft.currency} and the till took "
        f"{expected:,.2f}. Correct the taxes at {shop.provider}, or the tax categories in the rules."
    )
    return [Missing("sale.tax", "One amount with tax", where)]


def _wares(sales: Sequence[SaleRecord], shop: Shop) -> dict[str, Any]:
    """Return what the price list said of the goods, as the snapshot keeps it."""
    sold = {line.catalog_id for sale in sales for line in sale.lines}
    found = {each: plain(shop.wares[each]) for each in sorted(sold & shop.wares.keys())}
    return {"wares": found} if found else {}


def _snapshot(sale: SaleRecord) -> dict[str, Any]:
    return {name: value for name, value in dict(plain(sale)).items() if name != "payload"}
