"""A chunk of due deals into drafts, each by the rules that hold for it, in parts that never exceed the deal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import structlog
from django.utils import timezone

from crm.converters import convert, is_due
from crm.facts import unread_properties
from crm.milestones import Parts, split, total_of, within_total
from crm.models import Deal
from crm.readback import to_record
from crm.records import DealRecord
from integrations.base.records import Unreadable
from integrations.base.registry import get_connector_class
from integrations.models import Connection
from integrations.services.quarantine import set_aside
from invoices.drafts import InvoiceDraft
from invoices.irn import in_lagos
from invoices.models import Invoice, Status
from invoices.services.law import law_in_force
from invoices.services.proposing import HANDED_IN
from invoices.services.ruling import RulesInForce, active_rules, rules_of
from invoices.services.withdrawing import withdraw
from invoices.taxes import TaxRules

logger = structlog.get_logger(__name__)

CONVERSION = "conversion"  # the quarantine of deals that were read and that our own converter broke on
NOT_DUE = "By the rules the deal asks for no invoice any more."
NO_PART = "By the rules and the deal this part is not due any more."


@dataclass(slots=True)
class _Standing:
    """What a deal has already: net amounts of its numbered invoices by (former) id and part, and whose rules hold."""

    numbered: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    parts: set[str] = field(default_factory=set)
    is_handed_in: bool = False
    rule_set_id: int | None = None


def drafts_of_deals(*, connection: Connection, deals: Sequence[Deal]) -> list[InvoiceDraft]:
    """Return the drafts of due deals; those that the rules do not want lose theirs, and so do parts that are gone.

    Runs in the caller's transaction, which holds `lock_issuing`. A deal of which something is handed in goes on by the
    rules that it began with. The day of a deal's next milestone is written on it. A deal that breaks our converter is
    set aside, and the others go on.
    """
    desk = Desk(connection, deals)
    drafts: list[InvoiceDraft] = []
    for deal in deals:
        parts = desk.convert(deal)
        if parts is None:
            continue
        drafts += desk.keep_within(deal, parts)
        if deal.next_part_on != parts.next_on:
            Deal.objects.filter(pk=deal.pk).update(next_part_on=parts.next_on)
    return drafts


class Desk:
    """Works through one chunk: loads what all its deals need at once."""

    def __init__(self, connection: Connection, deals: Sequence[Deal]) -> None:
        self.connection = connection
        self.provider = get_connector_class(connection.provider).info.name
        self.today = in_lagos(timezone.now()).date()
        self.active = active_rules(connection.organization_id)
        self.tax = law_in_force().tax
        self.standing = _standings(connection, deals)
        pinned = {each.rule_set_id for each in self.standing.values() if each.rule_set_id is not None}
        self.pinned = rules_of(pinned - {self.active.rule_set_id or 0}) if pinned else {}

    def convert(self, deal: Deal) -> Parts | None:
        """Return the parts of a deal that are due, none when the rules do not want it; None when it broke us."""
        try:
            record = to_record(deal)
            rules = self._rules_for(deal)
            return convert_by_rules(record, rules, deal.connection_id, self.provider, self.tax, self.today)
        except Exception as problem:  # one deal that breaks our converter must not hold back ninety-nine others
            logger.exception("deal_not_converted", deal=deal.external_id)
            reason = f"An error of ours stopped its conversion ({type(problem).__name__}). Tell support."
            unreadable = [Unreadable(deal.external_id, reason, deal.payload)]
            set_aside(connection=self.connection, stream=CONVERSION, unreadable=unreadable)
            return None

    def keep_within(self, deal: Deal, parts: Parts) -> list[InvoiceDraft]:
        """Return the drafts, held where they would invoice more than the deal; take back the parts that are gone."""
        drafts = [each.draft for each in parts.due]
        standing = self.standing[deal.pk]
        wanted = {draft.source.part for draft in drafts}
        if standing.parts - wanted:
            why = NO_PART if drafts or parts.next_on else NOT_DUE
            ids = [deal.external_id]
            withdraw(connection=self.connection, kind="deal", external_ids=ids, why=why, but_parts=sorted(wanted))
        others = {key: net for key, net in standing.numbered.items() if key[1] != "1" or len(drafts) != 1}
        return within_total(drafts, others, parts.total) if others else drafts

    def _rules_for(self, deal: Deal) -> RulesInForce:
        standing = self.standing[deal.pk]
        if not standing.is_handed_in or standing.rule_set_id == self.active.rule_set_id:
            return self.active
        return self.pinned[standing.rule_set_id] if standing.rule_set_id is not None else RulesInForce()


def convert_by_rules(
    record: DealRecord,
    in_force: RulesInForce,
    connection_id: int,
    provider: str,
    tax: TaxRules,
    today: date | None,
) -> Parts:
    """Return what comes of a deal on a day (None: of all its parts, due or not), nothing when it is not due."""
    rules = in_force.rules
    # What was never read proves nothing: such a deal is held, not passed over.
    if not is_due(record, rules) and not (record.is_won and unread_properties(record, rules)):
        return Parts(())
    whole = convert(
        record, connection_id=connection_id, provider=provider, rules=rules, rule_set_id=in_force.rule_set_id, tax=tax
    )
    return split(whole, record, rules, today=today, provider=provider)


def _standings(connection: Connection, deals: Sequence[Deal]) -> dict[int, _Standing]:
    owners = {name: deal.pk for deal in deals for name in (*_former_ids(deal), deal.external_id)}
    found = {deal.pk: _Standing() for deal in deals}
    own_ids = {deal.external_id for deal in deals}
    invoices = Invoice.objects.filter(
        connection=connection, source_kind="deal", type_code="381", source_external_id__in=list(owners)
    ).order_by("pk")
    columns = ("source_external_id", "source_part", "status", "number", "draft", "rule_set_id")
    for external_id, part, status, number, draft, rule_set_id in invoices.values_list(*columns):
        standing = found[owners[external_id]]
        if external_id in own_ids:
            standing.parts.add(part)
        if number is not None and status != Status.VOIDED:
            # As its source gave it: the document may be in another currency, and its prices before tax.
            standing.numbered[external_id, part] = total_of(InvoiceDraft.from_json(draft, {})) or Decimal(0)
        if status in HANDED_IN and not standing.is_handed_in:
            standing.is_handed_in, standing.rule_set_id = True, rule_set_id
    return found


def _former_ids(deal: Deal) -> list[str]:
    return [alias.external_id for alias in deal.aliases.all()]
