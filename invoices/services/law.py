"""The law and the exchange rates as staff keep them, for those who make invoices."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal

from django.conf import settings
from django_scopes import scopes_disabled

from accounts.models import Organization, User
from invoices.authority.codes import is_currency
from invoices.drafts.preparing import NAIRA
from invoices.law import Law, Pinned, Rule
from invoices.models import ExchangeRate, Invoice, LegalRule, Status, TaxRate, TaxRulesVersion
from invoices.taxes import Rate, TaxRules, make_rules, rules_from_json


class RatesUnreadable(ValueError):
    """Pasted rates that cannot be read; `problems` names each line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def law_in_force(currencies: Collection[str] | None = ()) -> Law:
    """Return what staff keep, as it stands now; small queries each time, so that a change holds at once.

    Of the exchange rates only those of `currencies` are in it, None for all: there are years of them.
    """
    rates = (Rate(row.category, row.percent, row.since, row.law, row.is_information) for row in TaxRate.objects.all())
    rules = (Rule(row.key, row.value, row.unit, row.since, row.law) for row in LegalRule.objects.all())
    return Law(
        tax=make_rules(rates),
        rules=tuple(rules),
        exchange=_exchange_rates(currencies),
        rate_days=settings.EXCHANGE_RATE_DAYS,
        keeps_foreign=settings.MBS_FOREIGN_CURRENCY == "keep",
    )


def _exchange_rates(currencies: Collection[str] | None) -> tuple[Pinned, ...]:
    foreign = None if currencies is None else set(currencies) - {NAIRA}
    if foreign is not None and not foreign:
        return ()
    rows = ExchangeRate.objects.order_by("-day", "currency")
    if foreign is not None:
        rows = rows.filter(currency__in=foreign)
    return tuple(Pinned(row.currency, row.day, row.rate, row.source) for row in rows)


def read_rates(text: str) -> list[tuple[str, date, Decimal]]:
    """Return (currency, day, naira for one) of pasted lines such as "USD 2026-11-20 1500.25" or their CSV.

    Raises RatesUnreadable with a sentence for each line that is none, and for each that gives a day another rate.
    """
    found: dict[tuple[str, date], tuple[int, Decimal]] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        parts = [part for part in re.split(r"[\s,;]+", line.strip()) if part]
        if not parts:
            continue
        try:
            key, rate = (_currency(parts[0]), date.fromisoformat(parts[1])), _rate(*parts[2:])
        except (ValueError, ArithmeticError, TypeError, IndexError):
            problems.append(f"Line {number} (“{line.strip()[:60]}”) is no rate. Write: USD 2026-11-20 1500.25")
            continue
        first, kept = found.setdefault(key, (number, rate))
        if kept != rate:
            problems.append(f"Lines {first} and {number} give {key[0]} two rates on {key[1]}. Keep one of them.")
    if problems or not found:
        raise RatesUnreadable(problems or ["There is no line to read."])
    return [(currency, day, rate) for (currency, day), (_line, rate) in found.items()]


def enter_rates(*, rows: Sequence[tuple[str, date, Decimal]], source: str, by: User | None) -> int:
    """Store rates and return how many; one of the same currency and day is replaced. Invoices keep what they have.

    Each currency and day stands in `rows` once, as `read_rates` sees to.
    """
    ExchangeRate.objects.bulk_create(
        [ExchangeRate(currency=c, day=d, rate=r, source=source, entered_by=by) for c, d, r in rows],
        update_conflicts=True,
        unique_fields=["currency", "day"],
        update_fields=["rate", "source", "entered_by"],
    )
    return len(rows)


def waiting_for_rates() -> list[Organization]:
    """Return the organizations that have drafts which wait for an exchange rate."""
    with scopes_disabled():
        held = Invoice.objects.filter(status=Status.DRAFT, missing__contains=[{"field": "currency"}])
        return list(Organization.objects.filter(pk__in=held.order_by().values("organization_id")))


def _currency(text: str) -> str:
    if not is_currency(text.upper()) or text.upper() == NAIRA:
        raise ValueError(text)
    return text.upper()


def _rate(text: str) -> Decimal:
    rate = Decimal(text).quantize(Decimal("0.000001"))
    if not 0 < rate < 10**12:
        raise ValueError(text)
    return rate


def remember(tax: TaxRules) -> None:
    """Keep the rates that a document is made with, whole, so that it can be made again."""
    TaxRulesVersion.objects.get_or_create(version=tax.version, defaults={"content": tax.to_json()})


def tax_rules_of(invoice: Invoice) -> TaxRules | None:
    """Return the rates that an invoice was made with, None for one from before they were kept."""
    return rules_from_json(invoice.tax_rules.content) if invoice.tax_rules else None


def pinned_rate(invoice: Invoice) -> Pinned | None:
    """Return the exchange rate that an invoice was converted with, None when it was not."""
    if invoice.exchange_rate is None or invoice.exchange_day is None:
        return None
    return Pinned(invoice.source_currency, invoice.exchange_day, invoice.exchange_rate, invoice.exchange_source)
