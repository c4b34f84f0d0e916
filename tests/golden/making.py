"""Makes what a case comes to, and writes it so that a difference can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from crm.converters import convert, is_due
from crm.milestones import split
from crm.records import DealRecord
from invoices.document import Identity, build_document, check_document, document_bytes
from invoices.drafts import InvoiceDraft, Seller, missing_facts, with_defaults
from invoices.drafts.lines import totals_of
from invoices.drafts.missing import tax_point
from invoices.drafts.preparing import prepare
from invoices.irn import LAGOS, make_irn
from invoices.law import Pinned
from invoices.rules import read_rules
from tests.invoices.making import LAW, SELLER_PARTY

FILES = Path(__file__).parent / "cases"
ISSUED = datetime(2026, 11, 22, 10, 42, 5, tzinfo=LAGOS)
SELLER = Seller(
    party=SELLER_PARTY,
    business_id="5b0e7c1a-9d42-4f6e-8c37-1a2b3c4d5e6f",
    service_id="C41D9D42",
    public_key="a key",
    certificate="a certificate",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A deal, the rules and what must come of it: what each document comes to, worked out by hand, or what is missing.

    `today` None takes every part of the deal, due or not.
    """

    name: str
    deal: DealRecord
    payable: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)
    seller: Seller = SELLER
    exchange: tuple[Pinned, ...] = ()
    keeps_foreign: bool = False
    today: date | None = None


def outcome(case: Case) -> list[dict[str, Any]]:
    """Return what a case comes to: {"document": …} or {"missing": […]} for each invoice, [] when it is not due."""
    rules = read_rules(dict(case.rules))
    if not is_due(case.deal, rules):
        return []
    whole = convert(case.deal, connection_id=1, rules=rules, tax=LAW.tax)
    parts = split(whole, case.deal, rules, today=case.today, provider="HubSpot").due
    return [_made(case, part.draft, number) for number, part in enumerate(parts, 1)]


def document_of(draft: InvoiceDraft, number: str, seller: Seller, issued: datetime, **law: Any) -> bytes:
    """Return the checked bytes of a complete draft."""
    day = tax_point(draft.supply_date, issued.date())
    prepared = prepare(with_defaults(draft, seller), replace(LAW, **law), day)
    totals = totals_of(prepared.draft, day, LAW.tax)
    assert totals is not None
    identity = Identity(make_irn(number, seller.service_id, issued.date()), issued)
    body = document_bytes(build_document(identity=identity, seller=seller, draft=prepared.draft, totals=totals))
    check_document(body)
    return body


def written(found: Sequence[Mapping[str, Any]]) -> str:
    """Return an outcome as indented JSON that keeps every digit."""
    text = json.dumps(found, indent=1, ensure_ascii=False)
    return re.sub(r'"#(-?[0-9.]+)"', r"\1", text) + "\n"


def exact(body: bytes) -> Any:
    """Return a document with its numbers as they stand in the bytes, marked for `written`."""
    return json.loads(body, parse_float=_digits, parse_int=_digits)


def payable_of(made: Mapping[str, Any]) -> Decimal:
    """Return what a document asks to be paid."""
    return Decimal(made["document"]["legal_monetary_total"]["payable_amount"].removeprefix("#"))


def _digits(text: str) -> str:
    return f"#{text}"


def _made(case: Case, draft: InvoiceDraft, number: int) -> dict[str, Any]:
    law = {"exchange": case.exchange, "keeps_foreign": case.keeps_foreign}
    day = tax_point(draft.supply_date, ISSUED.date())
    prepared = prepare(with_defaults(draft, case.seller), replace(LAW, **law), day)
    missing = (*missing_facts(draft, case.seller), *prepared.missing)
    if missing:
        return {"missing": [{"field": fact.field, "label": fact.label, "where": fact.where} for fact in missing]}
    return {"document": exact(document_of(draft, f"INV{number:06}", case.seller, ISSUED, **law))}
