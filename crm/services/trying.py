"""Rules tried on deals without writing anything: the preview, the examples and the simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import timezone
from django_scopes import scope

from accounts.models import Organization, User
from crm.facts import from_snapshot, to_snapshot, unread_properties
from crm.models import Deal
from crm.readback import to_record
from crm.records import DealRecord
from crm.services.converting import convert_by_rules
from crm.services.reading import crm_connector
from integrations.base.registry import get_connector_class
from invoices.drafts import InvoiceDraft, Seller
from invoices.irn import in_lagos
from invoices.models import Business, RuleExample
from invoices.outcomes import Difference, compare, facts_of, unmet
from invoices.rules import Found
from invoices.services.law import law_in_force
from invoices.services.ruling import RulesInForce, RulesRefused

NO_CRM = "the CRM"  # the name in an example's sentences, which belong to no account
SIMULATED_AT_ONCE = 500
MOST_EXAMPLES = 200


@dataclass(frozen=True, slots=True)
class Tried:
    """What rules make of one deal: its drafts, where their values come from, part by part, and its facts by path."""

    record: DealRecord
    drafts: tuple[InvoiceDraft, ...]
    origins: tuple[dict[str, Found], ...]
    facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Checked:
    """An example and what it expects that is not so; it passes when there is nothing."""

    example: RuleExample
    unmet: tuple[Difference, ...]
    problem: str = ""

    @property
    def passes(self) -> bool:
        """Tell whether all that it expects is so."""
        return not self.unmet and not self.problem


@dataclass(frozen=True, slots=True)
class Simulation:
    """The deals of one stretch that come out differently; `next_after` is where the next begins, None at the end."""

    differences: tuple[tuple[Deal, tuple[Difference, ...]], ...]
    looked_at: int
    next_after: int | None


class Trial:
    """Rules of one organization on a trial: knows its seller, and reads rules' own properties where they lack."""

    def __init__(self, organization: Organization, in_force: RulesInForce) -> None:
        self.organization, self.in_force = organization, in_force
        with scope(organization=organization):
            business = Business.objects.filter(organization=organization).first()
        self.seller: Seller | None = business.as_seller() if business else None
        self.today, self.law = in_lagos(timezone.now()).date(), law_in_force(currencies=None)

    def of_deal(self, deal: Deal, *, read_anew: bool = False) -> Tried:
        """Return what becomes of a stored deal, all its parts, due today or not.

        `read_anew` asks the provider for what these rules read and nothing has read yet; nothing is stored. Raises
        IntegrationError when the provider does not answer.
        """
        record = to_record(deal)
        if read_anew and unread_properties(record, self.in_force.rules):
            connector = crm_connector(deal.connection, urgent=True, rules=self.in_force.rules)
            record = connector.get_deal_by_id(deal.external_id)
        return self.of_record(record, get_connector_class(deal.connection.provider).info.name)

    def of_record(self, record: DealRecord, provider: str = NO_CRM) -> Tried:
        """Return what becomes of a deal."""
        parts = convert_by_rules(record, self.in_force, 0, provider, self.law.tax, None).due
        drafts = tuple(part.draft for part in parts)
        origins = tuple(part.origins for part in parts)
        return Tried(record, drafts, origins, facts_of(drafts, self.seller, self.law, self.today))

    def of_example(self, example: RuleExample) -> Checked:
        """Return whether an example comes out as it expects."""
        try:
            record = from_snapshot(example.snapshot)
        except (KeyError, TypeError, ValueError, ArithmeticError):
            return Checked(example, (), "Its deal cannot be read. Delete the example, and keep it anew from a deal.")
        expected = {str(path): str(text) for path, text in example.expected.items()}
        return Checked(example, tuple(unmet(expected, self.of_record(record).facts)))


def check_examples(*, organization: Organization, in_force: RulesInForce) -> list[Checked]:
    """Return every example of the organization with what it expects that these rules do not make."""
    with scope(organization=organization):
        examples = list(RuleExample.objects.all())
    trial = Trial(organization, in_force)
    return [trial.of_example(example) for example in examples]


def keep_example(*, tried: Tried, organization: Organization, name: str, paths: Sequence[str], by: User) -> RuleExample:
    """Keep a deal as an example that expects the facts of `paths` as they are now.

    Raises RulesRefused for a name that is taken, for no facts, and when there are too many.
    """
    expected = {path: tried.facts.get(path, "") for path in paths}
    name = name.strip()[:200]
    with scope(organization=organization):
        if not name or not expected:
            raise RulesRefused("Give the example a name, and choose at least one fact that it expects.")
        if RuleExample.objects.filter(name=name).exists():
            raise RulesRefused(f"There is an example “{name}” already. Give this one another name.")
        if RuleExample.objects.count() >= MOST_EXAMPLES:
            raise RulesRefused(f"There are {MOST_EXAMPLES} examples, which is the most. Delete one that says little.")
        snapshot: dict[str, Any] = to_snapshot(tried.record)
        return RuleExample.objects.create(
            organization=organization, name=name, snapshot=snapshot, expected=expected, created_by=by
        )


def simulate(
    *, organization: Organization, before: RulesInForce, after: RulesInForce, since: date, after_pk: int = 0
) -> Simulation:
    """Return which deals that closed since a day would come out differently, one stretch of deals from `after_pk` on.

    A deal without a day of closing counts too. Nothing is read from the provider: what only `after` reads and nothing
    has read yet shows as missing.
    """
    old, new = Trial(organization, before), Trial(organization, after)
    with scope(organization=organization):
        whole = Deal.objects.filter(pk__gt=after_pk).exclude(close_date__lt=since).order_by("pk")
        rows = list(
            whole.select_related("company__buyer_facts", "contact", "connection").prefetch_related("lines", "aliases")[
                : SIMULATED_AT_ONCE + 1
            ]
        )
        deals = rows[:SIMULATED_AT_ONCE]
        found = ((deal, tuple(compare(old.of_deal(deal).facts, new.of_deal(deal).facts))) for deal in deals)
        differences = tuple((deal, changes) for deal, changes in found if changes)
    return Simulation(differences, len(deals), deals[-1].pk if len(rows) > len(deals) else None)
