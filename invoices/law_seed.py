"""What the law said when this program was written, with its sources: for empty tables, and staff's from then on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.apps import apps as installed

VAT = (
    "Finance Act 2019, amending section 4 of the Value Added Tax Act; from 2026-01-01 section 148, Nigeria Tax Act 2025"
)
SAME_ACTS = "the Value Added Tax Act as amended; from 2026-01-01 the Nigeria Tax Act 2025"
NTAA = "Nigeria Tax Administration Act 2025"
NOTICE = "NRS public notice on the roll-out of e-invoicing, early 2026"
FIRST_DAY = date(2020, 2, 1)  # the day of the rate of 7.5 %; an older supply is not invoiced by this program
IN_FORCE = date(2026, 1, 1)

TAX_RATES: tuple[tuple[str, Decimal, date, str, bool], ...] = (
    ("STANDARD_VAT", Decimal("7.5"), FIRST_DAY, VAT, False),
    ("ZERO_VAT", Decimal(0), FIRST_DAY, f"Zero-rated supplies: {SAME_ACTS}", False),
    ("EXEMPTED", Decimal(0), FIRST_DAY, f"Exempt supplies: {SAME_ACTS}", False),
)
LEGAL_RULES: tuple[tuple[str, Decimal | None, str, str, str, str], ...] = (
    (
        "b2c-threshold", Decimal(50_000), "NGN", "Reports of the tax authority's guidance on consumer sales", "medium",
        "Consumer receipts above it are reported within the hours of b2c-report-hours.",
    ),
    (
        "b2c-report-hours", Decimal(24), "hours", "Reports of the tax authority's guidance on consumer sales", "medium",
        "One source calls the 24 hours to be confirmed.",
    ),
    (
        "b2b-clearance", None, "", f"{NTAA}, section 23 (fiscalisation)", "high",
        "Registered before the document goes to the buyer; no number of hours is named. So for B2G.",
    ),
    ("withholding-tax", None, "", "No rule for its use on an invoice was found", "medium",
     "Deducted by the payer when paying, by kind of supply; never part of an invoice's total."),
    ("buyer-answer-hours", Decimal(72), "hours", "Reports of the authority's guidance", "medium",
     "The buyer may accept or refuse; no call for it was found."),
    ("penalty-refused-technology-first-day", Decimal(1_000_000), "NGN", f"{NTAA}, section 103", "medium",
     "After 30 days' notice; then the amount of the next row for each day."),
    ("penalty-refused-technology-each-day", Decimal(10_000), "NGN a day", f"{NTAA}, section 103", "medium", ""),
    ("penalty-not-fiscalised", Decimal(200_000), "NGN", f"{NTAA}, section 104", "high",
     "Plus all of the tax due, plus interest at the Central Bank's policy rate."),
    ("penalty-late-b2c", Decimal(50_000), "NGN a day", "One report", "low", "A single weak source."),
)  # fmt: skip
ENFORCEMENT: tuple[tuple[str, str, date, date | None], ...] = (
    ("Large: over NGN 5 billion a year", "go-live", date(2025, 8, 1), date(2025, 11, 1)),
    ("Large: over NGN 5 billion a year", "review", date(2026, 1, 1), date(2026, 3, 31)),
    ("Large: over NGN 5 billion a year", "enforcement", date(2026, 4, 1), date(2026, 6, 30)),
    ("Medium: NGN 1 to 5 billion a year", "engagement", date(2026, 1, 1), date(2026, 3, 31)),
    ("Medium: NGN 1 to 5 billion a year", "pilot", date(2026, 4, 1), date(2026, 6, 30)),
    ("Medium: NGN 1 to 5 billion a year", "go-live", date(2026, 7, 1), None),
    ("Medium: NGN 1 to 5 billion a year", "review", date(2026, 10, 1), date(2026, 11, 30)),
    ("Medium: NGN 1 to 5 billion a year", "enforcement", date(2027, 1, 1), date(2027, 3, 31)),
    ("Emerging: under NGN 1 billion a year", "engagement", date(2027, 1, 1), date(2027, 3, 31)),
    ("Emerging: under NGN 1 billion a year", "pilot", date(2027, 4, 1), date(2027, 6, 30)),
    ("Emerging: under NGN 1 billion a year", "go-live", date(2027, 7, 1), None),
    ("Emerging: under NGN 1 billion a year", "review", date(2027, 10, 1), date(2027, 11, 30)),
    ("Emerging: under NGN 1 billion a year", "enforcement", date(2028, 1, 1), date(2028, 3, 31)),
)


def seed_law(**_signal: Any) -> None:
    """Fill each of the three tables that is empty; called after every migration, so a new installation has them."""
    rates, rules = installed.get_model("invoices", "TaxRate"), installed.get_model("invoices", "LegalRule")
    dates = installed.get_model("invoices", "Enforcement")
    names = ("category", "percent", "since", "law", "is_information")
    if not rates.objects.exists():
        rates.objects.bulk_create(rates(**dict(zip(names, row, strict=True))) for row in TAX_RATES)
    if not rules.objects.exists():
        rules.objects.bulk_create(
            rules(key=key, value=value, unit=unit, since=IN_FORCE, law=law, confidence=confidence, note=note)
            for key, value, unit, law, confidence, note in LEGAL_RULES
        )
    if not dates.objects.exists():
        dates.objects.bulk_create(
            dates(turnover_class=who, milestone=what, begins=begins, until=until, law=NOTICE, confidence="high")
            for who, what, begins, until in ENFORCEMENT
        )
