"""The report on numbers: what each series used, what was voided and why, and what is missing or there twice.

The database lets neither happen; the report is there to prove it, so it looks at the rows and trusts no counter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection as database
from django.db.models import Count

from invoices.models import Invoice, NumberSeries, Status

MOST = 1_000  # missing or double numbers that are named
# As `invoices.irn.number_text` writes them.
GAPS = """
SELECT %(prefix)s || CASE WHEN n < 1000000 THEN lpad(n::text, 6, '0') ELSE n::text END FROM (
    SELECT generate_series(1::bigint, %(last)s) AS n
    EXCEPT
    SELECT substr(number, length(%(prefix)s) + 1)::bigint FROM invoices_invoice
    WHERE business_id = %(business)s AND number ~ %(pattern)s
) AS missing ORDER BY n LIMIT %(most)s
"""
USED = """
SELECT count(*), count(DISTINCT number), coalesce(max(substr(number, length(%(prefix)s) + 1)::bigint), 0)
FROM invoices_invoice WHERE business_id = %(business)s AND number ~ %(pattern)s
"""


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """One series of one business: its counter `last`, how many invoices bear its numbers, and what is wrong.

    `voided` has (number, reason), `gaps` missing numbers, `twice` those of several invoices, each 1,000 at most;
    `highest` is above `last` when the counter has fallen behind, so that the next number would be one that is used.
    """

    business: str
    prefix: str
    last: int
    used: int
    highest: int
    voided: tuple[tuple[str, str], ...]
    gaps: tuple[str, ...]
    twice: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Tell whether every number up to the last is on exactly one invoice."""
        return not self.gaps and not self.twice and self.highest <= self.last

    def as_json(self) -> dict[str, Any]:
        """Return what a run keeps of it; the voided ones as a number, the lists short."""
        return {
            "business": self.business,
            "prefix": self.prefix,
            "last": self.last,
            "used": self.used,
            "highest": self.highest,
            "voided": len(self.voided),
            "gaps": self.gaps[:100],
            "twice": self.twice[:100],
            "is_whole": self.is_whole,
        }


def number_report() -> list[SeriesReport]:
    """Return the report of every series in the open scope."""
    series = NumberSeries.objects.select_related("business").order_by("business", "prefix")
    return [_report(each) for each in series]


def rows_of(reports: list[SeriesReport]) -> Iterator[tuple[Any, ...]]:
    """Yield the report as rows for a spreadsheet, with their head."""
    yield ("business", "series", "last number", "used", "number", "what", "reason")
    for each in reports:
        facts = (each.business, each.prefix, each.last, each.used)
        yield (*facts, "", "whole" if each.is_whole else "not whole", "")
        yield from ((*facts, number, "voided", reason) for number, reason in each.voided)
        yield from ((*facts, number, "missing", "") for number in each.gaps)
        yield from ((*facts, number, "twice", "") for number in each.twice)


def _report(series: NumberSeries) -> SeriesReport:
    pattern = rf"^{series.prefix}[0-9]{{6,}}$"
    values = {
        "prefix": series.prefix,
        "pattern": pattern,
        "business": series.business_id,
        "last": series.last_number,
        "most": MOST,
    }
    mine = Invoice.objects.filter(business=series.business, number__regex=pattern)
    voided = mine.filter(status=Status.VOIDED).order_by("number").values_list("number", "void_reason")
    [(used, distinct, highest)] = _rows(USED, values)
    # Counting is quick; which ones are missing is only asked where some are.
    gaps = _rows(GAPS, values) if distinct < series.last_number or highest > series.last_number else []
    twice = mine.order_by("number").values_list("number").annotate(Count("pk")).filter(pk__count__gt=1)
    return SeriesReport(
        business=str(series.business),
        prefix=series.prefix,
        last=series.last_number,
        used=used,
        highest=highest,
        voided=tuple((number or "", reason) for number, reason in voided),
        gaps=tuple(row[0] for row in gaps),
        twice=tuple(number or "" for number, _ in twice[:MOST]) if distinct < used else (),
    )


def _rows(query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())
