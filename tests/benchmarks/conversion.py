"""The conversion: a deal in our dataclasses to a draft, and on to the authority's document, checked."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from crm.converters import deal_to_draft
from invoices.document import check_document
from invoices.drafts import missing_facts, with_defaults
from invoices.drafts.preparing import prepare
from invoices.freezing import make_document
from tests.benchmarks.sums import DAY, IDENTITY, SELLER
from tests.crm.examples import DEAL
from tests.invoices.making import BUYER, LAW

COUNT = 5_000


def run() -> None:
    """Print drafts and documents a second, single core."""
    started = perf_counter()
    for _ in range(COUNT):
        deal_to_draft(DEAL, connection_id=1)
    seconds = perf_counter() - started
    print(f"Conversion deal → draft, one line: {COUNT / seconds:,.0f}/s on one core.")
    seller = replace(SELLER, default_tax_category="STANDARD_VAT", isic_code="4330")
    started = perf_counter()
    for _ in range(COUNT):
        draft = replace(with_defaults(deal_to_draft(DEAL, connection_id=1), seller), buyer=BUYER, missing=())
        missing_facts(draft, seller)
        made = make_document(prepare(draft, LAW, DAY).draft, seller, identity=IDENTITY, tax=LAW.tax)
        assert made is not None
        check_document(made[1])
    seconds = perf_counter() - started
    print(f"Conversion deal → checked document, one line: {COUNT / seconds:,.0f}/s on one core.\n")
