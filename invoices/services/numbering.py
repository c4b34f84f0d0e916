"""The report on numbers: what each series used, what was voided and why, and what is missing, which must be nothing."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection as database

from invoices.models import Invoice, NumberSeries, Status

MOST_GAPS = 1_000
# As `invoices.irn.number_text` writes them.
GAPS = """
SELECT %(prefix)s || CASE WHEN n < 1000000 THEN lpad(n::text, 6, '0') ELSE n::text END AS number
FROM generate_series(1, %(last)s) AS n
WHERE NOT EXISTS (
    SELECT 1 FROM invoices_invoice WHERE business_id = %(business)s
    AND number = %(prefix)s || CASE WHEN n < 1000000 THEN lpad(n::text, 6, '0') ELSE n::text END)
ORDER BY n LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """One series of one business: numbers up to `last`, how many are used, (number, reason) of voided, and gaps."""

    business: str
    prefix: str
    last: int
    used: int
    voided: tuple[tuple[str | None, str], ...]
    gaps: tuple[str, ...]


def number_report() -> list[SeriesReport]:
    """Return the report of every series in the open scope; `gaps` stops after a thousand."""
    found = []
    for series in NumberSeries.objects.select_related("business").order_by("business", "prefix"):
        pattern = rf"^{series.prefix}[0-9]{{6,}}$"
        mine = Invoice.objects.filter(business=series.business, number__regex=pattern)
        voided = mine.filter(status=Status.VOIDED).order_by("number").values_list("number", "void_reason")
        with database.cursor() as cursor:
            cursor.execute(
                GAPS,
                {
                    "prefix": series.prefix,
                    "last": series.last_number,
                    "business": series.business_id,
                    "most": MOST_GAPS,
                },
            )
            gaps = tuple(row[0] for row in cursor.fetchall())
        name = str(series.business)
        found.append(SeriesReport(name, series.prefix, series.last_number, mine.count(), tuple(voided), gaps))
    return found
