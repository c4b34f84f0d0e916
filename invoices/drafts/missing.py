"""What keeps a draft from becoming an invoice, named fact by fact. Nothing is ever invented to fill a gap."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from invoices.authority import codes
from invoices.drafts.facts import InvoiceDraft, LineDraft, Missing, PartyDraft, Seller
from invoices.drafts.lines import line_defects, sum_defects, taxable
from invoices.irn import SERVICE_ID

PROFILE = "business profile"
SELLER_WHERE = f"Fill it in on your organization's {PROFILE} in the admin."
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

# attribute, what people call it, shortest, longest: the authority's limits
PARTY_FACTS = (
    ("name", "name", 2, 100),
    ("tin", "TIN", 5, 20),
    ("email", "e-mail address", 3, 100),
    ("street", "street address", 1, 150),
    ("city", "city", 1, 100),
    ("postal_zone", "postal code", 1, 20),
    ("country", "country", 2, 2),
)


def with_defaults(draft: InvoiceDraft, seller: Seller | None) -> InvoiceDraft:
    """Return the draft with the seller's own defaults where a line names no tax category or classification.

    A services code without its description gets the one of the authority's list.
    """
    lines = tuple([_line_with_defaults(line, seller) for line in draft.lines])
    return draft if lines == draft.lines else replace(draft, lines=lines)


def missing_facts(draft: InvoiceDraft, seller: Seller | None) -> tuple[Missing, ...]:
    """Return all that the document needs and the draft lacks; empty means it can become an invoice.

    What the converter found itself comes first and stands for its field: it knows best where to fill it in.
    """
    draft = with_defaults(draft, seller)
    found: dict[str, Missing] = {}
    for each in (*draft.missing, *_defects(draft, seller)):
        found.setdefault(each.field, each)
    return tuple(found.values())


def tax_point(supply_date: date | None, issue_date: date) -> date:
    """Return the time of supply: the earliest of supply and invoice (section 147 of the Nigeria Tax Act 2025)."""
    return min(supply_date or issue_date, issue_date)


def _defects(draft: InvoiceDraft, seller: Seller | None) -> Iterator[Missing]:
    yield from _seller_defects(seller)
    place = _place(draft)
    yield from _header_defects(draft, place)
    if draft.buyer is not None:
        yield from party_defects("buyer", "The buyer", draft.buyer, _buyer_where(draft.buyer, place))
    elif draft.kind != "B2C":
        yield Missing("buyer", "The buyer", f"Name the business that buys: {place} has none.")
    sound = taxable(draft.lines)
    for position, line in enumerate(draft.lines, 1):
        yield from line_defects(position, line, place, has_sound_numbers=bool(sound))
    yield from sum_defects(draft, sound, place)


def _seller_defects(seller: Seller | None) -> Iterator[Missing]:
    if seller is None:
        yield Missing(
            "seller", f"The seller's {PROFILE}", f"Make the {PROFILE} of this organization in the admin first."
        )
        return
    yield from party_defects("seller", "The seller", seller.party, SELLER_WHERE)
    if not SERVICE_ID.fullmatch(seller.service_id):
        yield Missing(
            "seller.service_id",
            "The seller's service id",
            f"It has 8 capital letters and digits and is part of the authority's IRN template. {SELLER_WHERE}",
        )
    if not (seller.public_key and seller.certificate):
        yield Missing(
            "seller.key_file",
            "The seller's key file",
            f"Download crypto_keys.txt from the authority's dashboard and load it into the {PROFILE} in the admin.",
        )


def _header_defects(draft: InvoiceDraft, place: str) -> Iterator[Missing]:
    if draft.source.kind == "refund":
        yield Missing("kind", "A credit note", "Refunds are kept here but not made into credit notes yet.")
    if not draft.currency:
        yield Missing("currency", "The currency", f"Give {place} a currency.")
    if not draft.lines:
        yield Missing("lines", "At least one line", f"Add the goods or services sold to {place}.")


def party_defects(path: str, who: str, party: PartyDraft, where: str) -> Iterator[Missing]:
    """Yield what a party lacks, or has in a form that the authority refuses."""
    for name, words, shortest, longest in PARTY_FACTS:
        value = getattr(party, name).strip()
        if shortest <= len(value) <= longest:
            continue
        label = f"{who}'s {words}"
        if not value:
            yield Missing(f"{path}.{name}", label, where)
        else:
            size = f"shorter than {shortest}" if len(value) < shortest else f"longer than {longest}"
            yield Missing(f"{path}.{name}", f"{label} ({_cut(value)} is {size} characters)", where)
    if party.email.strip() and not EMAIL.fullmatch(party.email.strip()):
        yield Missing(f"{path}.email", f"{who}'s e-mail address ({_cut(party.email)} is none)", where)
    if party.country and not codes.country_code(party.country):
        yield Missing(f"{path}.country", f"{who}'s country ({_cut(party.country)} is not known)", where)


def _buyer_where(buyer: PartyDraft, place: str) -> str:
    return f"Fill it in for {_cut(buyer.name) or 'the buyer'} where {place} is kept."


def _place(draft: InvoiceDraft) -> str:
    label = draft.source.label.strip() or draft.source.external_id
    return f"the {draft.source.kind} {_cut(label)}"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def _line_with_defaults(line: LineDraft, seller: Seller | None) -> LineDraft:
    if seller is not None:
        if not line.tax_category and seller.default_tax_category:
            line = replace(line, tax_category=seller.default_tax_category)
        if seller.hsn_code or seller.isic_code:
            line = _classified(line, seller)
    if line.isic_code and not line.service_category:
        line = replace(line, service_category=codes.service_category(line.isic_code))
    return line


def _classified(line: LineDraft, seller: Seller) -> LineDraft:
    if line.hsn_code or line.product_category or line.isic_code or line.service_category:
        return line
    return replace(
        line,
        hsn_code=seller.hsn_code,
        product_category=seller.product_category,
        isic_code=seller.isic_code,
        service_category=seller.service_category,
    )
