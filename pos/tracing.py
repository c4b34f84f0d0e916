"""Where each value of a till's invoice comes from: the till, its price list, a rule, or arithmetic. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from invoices import tracing
from invoices.drafts import InvoiceDraft
from invoices.rules import Found
from invoices.tracing import PROFILE, WORKED_OUT, Traced
from pos.converters import SELLERS, Shop, Sold, sold_in
from pos.records import SaleRecord

NAMED = 3  # of the sales that a line is of
BUYER = "what you said of this customer, on the page of businesses that buy"
OF_SALES = {
    "kind": "to a business where you gave the customer's TIN, else to a consumer",
    "currency": "the currency of the sale",
    "supply_date": "the day of the sale, of several of the first, on Nigeria's clock",
    "note": "the shop, and which sale or day this is of",
}
OF_LINE = {
    "name": "the name and the variation of what was sold",
    "description": "the name of what was sold, with its modifiers",
    "quantity": "how much was sold",
    "unit_price": "what it came to, divided by how much was sold",
    "discount": "what the till took off, of this line and its share of the sale's",
    "sku": "the SKU in the price list",
}


class SaleTracer(tracing.Tracer):
    """Traces the values of the draft of one sale, or of a shop's day together, and of the document made from it."""

    def __init__(self, sales: Sequence[SaleRecord], draft: InvoiceDraft, shop: Shop, rules: str) -> None:
        self.draft, self.shop, self.rules = draft, shop, rules
        self.together = draft.source.kind == "sales"
        self.groups = sold_in(sales, shop, together=self.together)

    def of_fact(self, path: str, value: str) -> Traced:
        """Return where one value of the draft comes from."""
        if path in WORKED_OUT:
            return Traced(path, value, f"worked out: {WORKED_OUT[path]}")
        if path in OF_SALES:
            return Traced(path, value, f"{self.shop.provider}: {OF_SALES[path]}")
        if path.startswith("buyer."):
            return Traced(path, value, BUYER)
        if path.startswith("lines."):
            _, number, name = path.split(".")
            return self._of_line(path, value, name, int(number) - 1)
        return Traced(path, value, PROFILE)

    def _of_line(self, path: str, value: str, name: str, place: int) -> Traced:
        group = self.groups[place]
        found = group[0].facts.get(name)
        if found is not None and found.value:
            return self._found(path, value, found, group)
        if name in ("quantity", "unit_price") and self._is_whole(group, place):
            return Traced(path, value, "worked out: one of the whole, since no price of one makes the sum to the kobo")
        if name in OF_LINE:
            return Traced(path, value, f"{self.shop.provider}: {OF_LINE[name]}{self._of(group)}")
        return Traced(path, value, PROFILE)

    def _is_whole(self, group: Sequence[Sold], place: int) -> bool:
        return self.draft.lines[place].quantity != sum(each.quantity for each in group)

    def _found(self, path: str, value: str, found: Found, group: Sequence[Sold]) -> Traced:
        if found.rule == SELLERS:
            return Traced(path, value, PROFILE)
        if not found.source:
            return Traced(path, value, f"{self.rules}: {found.rule}", rule=found.rule)
        name = found.source.partition(".")[2]
        if name == "taxes":
            taxes = ", ".join(f"{tax.name} {tax.rate:f} %" for tax in group[0].line.taxes if tax.rate is not None)
            return Traced(path, value, f"{self.shop.provider}: the tax that the till took", found.source, taxes)
        words = f"{self.shop.provider}, {found.source.replace('.', ' property ')}"
        if found.rule:
            words = f"{self.rules}: {found.rule}, by {words}"
        return Traced(path, value, words + self._of(group), found.source, self._given(name, group), found.rule)

    def _given(self, name: str, group: Sequence[Sold]) -> str:
        ware = self.shop.wares.get(group[0].line.catalog_id)
        return str(getattr(ware, name, "") or getattr(group[0].line, name, ""))

    def _of(self, group: Sequence[Sold]) -> str:
        if not self.together:
            return ""
        ids = list(dict.fromkeys(each.sale_id for each in group))
        more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        return f", of {len(ids)} sale{'s' * (len(ids) > 1)}: {', '.join(ids[:NAMED])}{more}"
