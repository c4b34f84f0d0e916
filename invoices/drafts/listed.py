"""A draft's codes against the authority's lists as they were fetched. Pure.

What is shipped with the project is checked where the values are made; here is what the authority has changed since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from invoices.drafts.facts import InvoiceDraft, LineDraft, Missing

WORDS = {
    "currencies": "currency",
    "states": "state",
    "countries": "country",
    "tax_categories": "tax category",
    "services_codes": "service code",
}
Lists = Mapping[str, Mapping[str, str]]  # kind to {code: name}; a kind that was never fetched is not in it


@dataclass(frozen=True, slots=True)
class Listed:
    """A code of a draft, the list that it should be on, and what people call the place it has."""

    kind: str
    code: str
    place: str


def codes_of(draft: InvoiceDraft) -> Iterator[Listed]:
    """Yield every code of a draft that the authority has a list for."""
    found = [Listed("currencies", draft.currency, "currency")]
    if buyer := draft.buyer:
        found.append(Listed("states", buyer.state, "the buyer's state"))
        found.append(Listed("countries", buyer.country, "the buyer's country"))
    for position, line in enumerate(draft.lines, 1):
        found.append(Listed("tax_categories", line.tax_category, f"line {position}, tax category"))
        found.append(Listed("services_codes", line.isic_code, f"line {position}, service code"))
    return (each for each in found if each.code)


def unlisted(draft: InvoiceDraft, lists: Lists) -> Iterator[Missing]:
    """Yield each code that is not on its list any more, once."""
    for kind, code in dict.fromkeys((each.kind, each.code) for each in codes_of(draft)):
        if kind in lists and code not in lists[kind]:
            places = [each.place for each in codes_of(draft) if (each.kind, each.code) == (kind, code)]
            where = f"The authority's list has it no more. It stands at: {', '.join(places)[:200]}."
            yield Missing(f"codes.{kind}", f"Another {WORDS[kind]} than {code[:40]}", where)


def with_listed_names(draft: InvoiceDraft, lists: Lists) -> InvoiceDraft:
    """Return the draft with the descriptions of service codes that are newer than the shipped list."""
    names = lists.get("services_codes", {})
    lines = tuple(_named(line, names) for line in draft.lines)
    return draft if lines == draft.lines else replace(draft, lines=lines)


def _named(line: LineDraft, names: Mapping[str, str]) -> LineDraft:
    if not line.isic_code or line.service_category or not names.get(line.isic_code):
        return line
    return replace(line, service_category=names[line.isic_code])
