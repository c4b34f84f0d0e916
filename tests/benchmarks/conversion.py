"""The conversion: a deal in our dataclasses to the authority's document, checked."""

from __future__ import annotations

from time import perf_counter

from crm.converters import deal_to_draft
from tests.crm.examples import DEAL

COUNT = 5_000


def run() -> None:
    """Print drafts a second, single core."""
    started = perf_counter()
    for _ in range(COUNT):
        deal_to_draft(DEAL, connection_id=1)
    seconds = perf_counter() - started
    print(f"Conversion deal → draft, one line: {COUNT / seconds:,.0f}/s on one core.\n")
