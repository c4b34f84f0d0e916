"""The conversion: a stored deal by rules to the authority's document, checked."""

from __future__ import annotations

from time import process_time

from crm.converters import convert
from crm.milestones import split
from invoices.document import Identity, build_document, check_document, document_bytes
from invoices.drafts import missing_facts, with_defaults
from invoices.drafts.lines import totals_of
from invoices.drafts.missing import tax_point
from invoices.drafts.preparing import prepare
from invoices.irn import make_irn
from invoices.rules import read_rules
from tests.crm.examples import DEAL
from tests.golden.making import ISSUED, SELLER
from tests.invoices.making import LAW, TAX

COUNT = 5_000


def run() -> None:
    """Print documents a second on one core; asked: 4,000."""
    by_pattern = {"sources": ["line.tax_category"], "cases": [{"like": "SUP-*", "value": "EXEMPTED"}]}
    rules = read_rules({"lines": {"tax_category": by_pattern}})
    started = process_time()
    for number in range(COUNT):
        whole = convert(DEAL, connection_id=1, rules=rules, tax=TAX)
        [part] = split(whole, DEAL, rules, today=None, provider="HubSpot").due
        assert not missing_facts(part.draft, SELLER)
        day = tax_point(part.draft.supply_date, ISSUED.date())
        draft = prepare(with_defaults(part.draft, SELLER), LAW, day).draft
        totals = totals_of(draft, day, TAX)
        assert totals is not None
        identity = Identity(make_irn(f"INV{number + 1:06}", SELLER.service_id, ISSUED.date()), ISSUED)
        check_document(document_bytes(build_document(identity=identity, seller=SELLER, draft=draft, totals=totals)))
    seconds = process_time() - started
    print(f"Deal → validated document by rules, one line: {COUNT / seconds:,.0f}/s of CPU time (asked 4,000).\n")
