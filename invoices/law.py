"""The law as the program uses it: dated numbers that staff keep with their citations. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from invoices.taxes import TaxRules

B2C_THRESHOLD = "b2c-threshold"
B2C_REPORT_HOURS = "b2c-report-hours"


@dataclass(frozen=True, slots=True)
class Rule:
    """One number of the law from a day on; without a value the law names none."""

    key: str
    value: Decimal | None
    unit: str
    since: date
    law: str


@dataclass(frozen=True, slots=True)
class Pinned:
    """The rate that an invoice was converted with."""

    currency: str
    day: date
    rate: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Law:
    """Everything that staff keep of the law and of exchange rates, as it stands now."""

    tax: TaxRules
    rules: tuple[Rule, ...] = ()
    exchange: tuple[Pinned, ...] = ()  # the newest first
    rate_days: int = 7  # how old an exchange rate may be
    keeps_foreign: bool = False  # whether a document stays in the currency of its source

    def rule(self, key: str, day: date) -> Rule | None:
        """Return what the law says about a key on a day, None when nothing is kept."""
        found: Iterable[Rule] = (rule for rule in self.rules if rule.key == key and rule.since <= day)
        return max(found, key=lambda rule: rule.since, default=None)

    def exchange_rate(self, currency: str, day: date) -> Pinned | None:
        """Return the newest rate up to a day that is not too old, None when there is none."""
        oldest = day - timedelta(days=self.rate_days)
        return next((each for each in self.exchange if each.currency == currency and oldest <= each.day <= day), None)
