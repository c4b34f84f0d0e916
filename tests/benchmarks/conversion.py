"""The conversion: a stored deal by rules to the authority's document, checked."""

from __future__ import annotations

from statistics import median
from time import process_time

from crm.converters import convert
from crm.milestones import split
from invoices.document import Identity, build_document, check_document, document_bytes
from invoices.drafts import missing_facts, with_defaults
from invoices.drafts.lines import totals_of
from invoices.drafts.missing import tax_point
from invoices.drafts.preparing import prepare
from invoices.irn import make_irn
from invoices.rules import Rules, read_rules
from tests.crm.examples import DEAL
from tests.golden.making import ISSUED, SELLER
from tests.invoices.making import LAW, TAX

COUNT = 2_000
ROUNDS = 5  # of which the middle one counts, because other processes are on the machine


def run() -> None:
    """Print documents a second on one core; asked: 4,000."""
    by_pattern = {"sources": ["line.tax_category"], "cases": [{"like": "SUP-*", "value": "EXEMPTED"}]}
    rules = read_rules({"lines": {"tax_category": by_pattern}})
    speeds = [_round(rules) for _ in range(ROUNDS)]
    print(
        f"Deal → validated document by rules, one line: {median(speeds):,.0f}/s of CPU time, "
        f"{min(speeds):,.0f} to {max(speeds):,.0f} (asked 4,000).\n"
    )


def _round(rules: Rules) -> float:
    """Return how many documents a second of CPU time one round makes."""
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
    return COUNT / (process_time() - started)
