"""Where each value of an invoice comes from: what every kind of source has in common. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PROFILE = "your business profile"
WORKED_OUT = {
    "net": "the lines together, less the discount on the whole",
    "tax": "the tax of each category, added up",
    "payable": "the sum before tax, and the tax",
    "parts": "the milestones of the rules",
    "due": "pipeline, stage and conditions of the rules",
    "missing": "what the tax authority asks for and is not there",
}
# The document's names to the draft's.
HEADER = {
    "invoice_kind": "kind",
    "note": "note",
    "buyer_reference": "buyer_reference",
    "order_reference": "order_reference",
    "payment_terms_note": "payment_terms_note",
    "actual_delivery_date": "supply_date",
    "document_currency_code": "currency",
    "tax_currency_code": "currency",
}
PARTY = {
    "party_name": "name",
    "tin": "tin",
    "email": "email",
    "telephone": "telephone",
    "business_description": "description",
    "postal_address.street_name": "street",
    "postal_address.city_name": "city",
    "postal_address.postal_zone": "postal_zone",
    "postal_address.lga": "lga",
    "postal_address.state": "state",
    "postal_address.country": "country",
}
LINE = {
    "hsn_code": "hsn_code",
    "product_category": "product_category",
    "isic_code": "isic_code",
    "item.name": "name",
    "item.description": "description",
    "item.sellers_item_identification": "sku",
    "invoiced_quantity": "quantity",
    "price.price_amount": "unit_price",
    "price.price_unit": "unit_code",
}
GIVEN = {
    "business_id": PROFILE,
    "irn": "given when it was numbered: the number, the service id of your profile and the date",
    "issue_date": "the moment at which it was numbered, on Nigeria's clock",
    "issue_time": "the moment at which it was numbered, on Nigeria's clock",
    "due_date": "the issue date and the days until payment",
    "payment_status": "every invoice begins so",
    "invoice_type_code": "the authority's code of what this document is",
    "tax_point_date": "the earlier of supply and issue: section 147 of the Nigeria Tax Act 2025",
    "payment_means.payment_means_code": PROFILE,
    "payment_means.payment_due_date": "the issue date and the days until payment",
    "service_category": "the authority's list of service codes, by the ISIC code",
    "discount_rate": "the line's discount in percent",
    "discount_amount": "the line's discount: money for each times quantity, or percent of price times quantity",
    "fee_amount": "the line's fee",
    "line_extension_amount": "quantity times price, less discount, to the kobo",
    "price.base_quantity": "prices are for one",
    "legal_monetary_total.line_extension_amount": "the lines together",
    "legal_monetary_total.tax_exclusive_amount": "the lines together, less the discount on the whole",
    "legal_monetary_total.tax_inclusive_amount": "the sum before tax, and the tax",
    "legal_monetary_total.payable_amount": "the sum before tax, and the tax",
    "tax_total.tax_amount": "the tax of each category, added up",
    "taxable_amount": "the lines of this category, less their share of the discount",
    "tax_amount": "the sum of this category times its rate, to the kobo",
    "tax_category.id": "the tax category of the lines",
    "tax_category.percent": "the tax rates, on the day of the tax point",
    "allowance_charge.amount": "the discount or charge on the whole",
    "allowance_charge.charge_indicator": "whether it is a charge",
    "billing_reference.irn": "the invoice that this note corrects",
    "billing_reference.issue_date": "the invoice that this note corrects",
}


@dataclass(frozen=True, slots=True)
class Traced:
    """One value and its origin in words; `source` is a property and `given` its text there, `rule` the rule's path."""

    path: str
    value: str
    origin: str
    source: str = ""
    given: str = ""
    rule: str = ""


class NotTraceable(Exception):
    """An invoice whose values cannot be traced; `str()` says why."""


class Tracer(ABC):
    """Traces the values of one draft and of the document made from it."""

    @abstractmethod
    def of_fact(self, path: str, value: str) -> Traced:
        """Return where one value of the draft comes from."""

    def of_facts(self, facts: Mapping[str, str]) -> list[Traced]:
        """Return where each fact of a draft comes from, by the paths of `invoices.outcomes.facts_of` without a part."""
        return [self.of_fact(path, value) for path, value in facts.items()]

    def of_document(self, document: Mapping[str, Any]) -> list[Traced]:
        """Return where each value of the document comes from, in its order."""
        return [self._of_leaf(path, value) for path, value in _leaves(document, ())]

    def _of_leaf(self, path: tuple[str, ...], value: str) -> Traced:
        shown, plain = ".".join(path), ".".join(part for part in path if not part.isdecimal())
        if path[0] == "accounting_supplier_party":
            return Traced(shown, value, PROFILE)
        fact = self._fact_of(path)
        if fact:
            return _shown_as(self.of_fact(fact, value), shown)
        for name in (plain, plain.removeprefix("invoice_line."), plain.removeprefix("tax_total.tax_subtotal.")):
            if name in GIVEN:
                words = GIVEN[name]
                return Traced(shown, value, words if words == PROFILE else f"worked out: {words}")
        return Traced(shown, value, "worked out by the program")

    def _fact_of(self, path: tuple[str, ...]) -> str:
        if path[0] == "accounting_customer_party":
            return f"buyer.{PARTY.get('.'.join(path[1:]), path[-1])}"
        if path[0] == "invoice_line":
            name = LINE.get(".".join(path[2:]), "")
            return f"lines.{int(path[1]) + 1}.{name}" if name else ""
        return HEADER.get(".".join(path), "")


def _shown_as(traced: Traced, path: str) -> Traced:
    return Traced(path, traced.value, traced.origin, traced.source, traced.given, traced.rule)


def _leaves(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, Mapping):
        for name, each in node.items():
            yield from _leaves(each, (*path, str(name)))
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for number, each in enumerate(node):
            yield from _leaves(each, (*path, str(number)))
    else:
        yield path, ("true" if node else "false") if isinstance(node, bool) else str(node)
