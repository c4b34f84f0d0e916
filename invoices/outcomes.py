"""What rules make of a deal, as text by path, so that it can be shown, expected by an example and compared. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from invoices.drafts import InvoiceDraft, LineDraft, Missing, Seller, missing_facts, with_defaults
from invoices.drafts.lines import totals_of
from invoices.drafts.missing import tax_point
from invoices.drafts.preparing import prepare
from invoices.law import Law

HEADER = (
    *("kind", "currency", "supply_date", "note", "buyer_reference", "order_reference"),
    *("payment_terms_days", "payment_terms_note", "document_discount"),
)
PARTY = ("name", "tin", "email", "telephone", "street", "city", "postal_zone", "lga", "state", "country")
LINE = (
    *("name", "description", "quantity", "unit_price", "discount", "tax_category", "hsn_code"),
    *("product_category", "isic_code", "unit_code"),
)
SUMS = (("net", "tax_exclusive_amount"), ("tax", "tax_amount"), ("payable", "payable_amount"))
# What an example that is kept from a deal expects unless somebody chooses otherwise.
KEY_FACTS = {"due", "parts", "kind", "tin", "tax_category", "hsn_code", "isic_code", "unit_code", "payable", "missing"}


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact that came out otherwise than before, or than an example expects; "" where there is none."""

    path: str
    before: str
    after: str


def facts_of(drafts: Sequence[InvoiceDraft], seller: Seller | None, law: Law, today: date) -> dict[str, str]:
    """Return every fact of what a deal becomes, {"due": "no"} for nothing.

    Paths are those of the draft ("buyer.tin", "lines.1.tax_category"); with several parts they begin with "parts.1.".
    """
    if not drafts:
        return {"due": "no"}
    facts = {"due": "yes"}
    if len(drafts) > 1:
        facts["parts"] = str(len(drafts))
    for number, draft in enumerate(drafts, 1):
        prefix = f"parts.{number}." if len(drafts) > 1 else ""
        facts |= {prefix + path: text for path, text in _facts_of_one(draft, seller, law, today).items() if text}
    return facts


def lacking(draft: InvoiceDraft, seller: Seller | None) -> tuple[Missing, ...]:
    """Return what the draft lacks of the deal's own; what the business profile lacks is the same for every deal."""
    return tuple(fact for fact in missing_facts(draft, seller) if not fact.field.startswith("seller"))


def compare(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """Return what differs, in the order of the paths as they stand in `after`, then those that are gone."""
    paths = dict.fromkeys((*after, *before))
    pairs = ((path, before.get(path, ""), after.get(path, "")) for path in paths)
    return [Difference(*each) for each in pairs if each[1] != each[2]]


def unmet(expected: Mapping[str, str], facts: Mapping[str, str]) -> list[Difference]:
    """Return what an example expects and is not so."""
    pairs = ((path, text, facts.get(path, "")) for path, text in expected.items())
    return [Difference(*each) for each in pairs if each[1] != each[2]]


def key_paths(facts: Iterable[str]) -> list[str]:
    """Return the paths whose facts an example should expect: what rules decide and what it comes to."""
    return [path for path in facts if path.rpartition(".")[2] in KEY_FACTS or path.endswith("buyer.name")]


def _facts_of_one(draft: InvoiceDraft, seller: Seller | None, law: Law, today: date) -> dict[str, str]:
    day = tax_point(draft.supply_date, today)
    prepared = prepare(with_defaults(draft, seller), law, day)
    whole, lacks = prepared.draft, (*lacking(draft, seller), *prepared.missing)
    facts = {name: _text(getattr(whole, name)) for name in HEADER}
    if whole.buyer is not None:
        facts |= {f"buyer.{name}": _text(getattr(whole.buyer, name)) for name in PARTY}
    for number, line in enumerate(whole.lines, 1):
        facts |= _facts_of_line(line, number)
    totals = totals_of(whole, day, law.tax)
    if totals is not None and not prepared.missing:
        facts |= {name: str(getattr(totals, attribute)) for name, attribute in SUMS}
    return facts | {"missing": "; ".join(sorted(fact.label for fact in lacks))}


def _facts_of_line(line: LineDraft, number: int) -> dict[str, str]:
    return {f"lines.{number}.{name}": _text(getattr(line, name)) for name in LINE}


def _text(value: Any) -> str:
    if value is None or value == Decimal(0):
        return ""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
