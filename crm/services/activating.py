"""A version of the rules in force, and back again: in one step, with the examples before and the deals after it."""

from __future__ import annotations

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from accounts.models import Organization, User
from crm.connector import CRMConnector
from crm.facts import extra_properties
from crm.models import Deal
from crm.services.trying import check_examples
from integrations.base.registry import connector_classes
from integrations.models import Connection, ConnectionStatus
from integrations.services.syncs import request_full_read
from invoices.models import RuleEvent, RuleSet, RuleStatus
from invoices.rules import Rules
from invoices.services.issuing import wake_sources
from invoices.services.ruling import (
    RulesInForce,
    RulesRefused,
    active_rules,
    is_understood,
    lock_rules,
    put_in_force,
    put_out_of_force,
    version_before,
)

logger = structlog.get_logger(__name__)

MARKED_AT_ONCE = 5_000
TO_APPLY = (Q(applied_at=None) & ~Q(what=RuleEvent.What.SAVED)) | ~Q(to_read=[])


def activate(*, rule_set: RuleSet, by: User) -> None:
    """Let a draft hold from now on; raises RulesRefused when an example fails, or it is no draft any more.

    The deals that it concerns are marked by `apply_rules`, which the sweep calls until it is done.
    """
    organization = rule_set.organization
    with scope(organization=organization), transaction.atomic():
        lock_rules(organization)
        # Anew under the lock: another tab may have saved it since.
        found = RuleSet.objects.get(pk=rule_set.pk)
        if found.status != RuleStatus.DRAFT:
            raise RulesRefused(f"{found} is {found.get_status_display().lower()} already. Nothing was changed.")
        _check(organization, found)
        to_read = _to_read(organization, found.rules)
        put_in_force(rule_set=found, what=RuleEvent.What.ACTIVATED, by=by, to_read=to_read)
    logger.info("rules_activated", organization=organization.pk, version=found.version)


def roll_back(*, organization: Organization, by: User) -> RuleSet | None:
    """Let the version before hold again and return it, None for the program's own rules.

    Raises RulesRefused when no version is active, or this program does not understand the version before any more. The
    examples are not asked: going back must not fail when something is wrong.
    """
    with scope(organization=organization), transaction.atomic():
        lock_rules(organization)
        active = RuleSet.objects.filter(status=RuleStatus.ACTIVE).first()
        if active is None:
            raise RulesRefused("No version is active, so there is none to roll back from.")
        before = version_before(organization)
        if before is None:
            put_out_of_force(rule_set=active, by=by)
        elif not is_understood(before):
            raise RulesRefused(f"{before} was written for an older program. Copy it to a new draft and correct it.")
        else:
            to_read = _to_read(organization, before.rules)
            put_in_force(rule_set=before, what=RuleEvent.What.ROLLED_BACK, by=by, to_read=to_read)
    logger.info("rules_rolled_back", organization=organization.pk, version=before.version if before else 0)
    return before


def apply_rules() -> int:
    """Mark the deals that changed rules concern, in every organization, and return how many; for the sweep.

    What is cut off is done again by the next sweep: marking a deal twice changes nothing.
    """
    with scopes_disabled():
        waiting = list(RuleEvent.objects.filter(TO_APPLY).select_related("rule_set__organization").order_by("pk"))
    marked = 0
    for event in waiting:
        with scope(organization=event.rule_set.organization):
            if event.applied_at is None:
                marked += _mark(event.rule_set.organization)
                wake_sources()
                event.applied_at = timezone.now()
            event.to_read = [pk for pk in event.to_read if not _is_asked(pk)]
            event.save(update_fields=["applied_at", "to_read"])
    return marked


def _mark(organization: Organization) -> int:
    """Mark all deals due that this or an earlier version asks or asked for; invoicing decides what becomes of each."""
    concerned = Deal.objects.filter(_asked_for(), is_archived=False)
    marked, after = 0, 0
    while ids := list(concerned.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:MARKED_AT_ONCE]):
        marked += Deal.objects.filter(pk__in=ids).update(invoice_due=True)
        after = ids[-1]
    logger.info("rules_applied", organization=organization.pk, deals=marked)
    return marked


def _asked_for() -> Q:
    wanted = Q(is_won=True)
    for content in RuleSet.objects.exclude(status=RuleStatus.DRAFT).values_list("content", flat=True):
        if stages := content.get("due", {}).get("stages"):
            wanted |= Q(stage_external_id__in=stages)
    return wanted


def _is_asked(connection_id: int) -> bool:
    """Ask for a full read; False where it has to be asked for again later.

    That is while a run is under way, which has asked the provider for too little, and while the connection is paused
    or has to be connected again: what it reads then begins where it stopped, and not at the start.
    """
    connection = Connection.objects.filter(pk=connection_id).first()
    if connection is None or connection.status == ConnectionStatus.DISCONNECTED:
        return True
    return connection.is_active and request_full_read(connection=connection)


def _to_read(organization: Organization, rules: Rules) -> list[int]:
    """Return the connections whose deals were read without a property that these rules read."""
    before = extra_properties(active_rules(organization.pk).rules)
    if all(set(names) <= set(before[kind]) for kind, names in extra_properties(rules).items()):
        return []
    crms = [slug for slug, found in connector_classes().items() if issubclass(found, CRMConnector)]
    return list(Connection.objects.filter(provider__in=crms).values_list("pk", flat=True))


def _check(organization: Organization, rule_set: RuleSet) -> None:
    failed = [
        each for each in check_examples(organization=organization, in_force=in_force(rule_set)) if not each.passes
    ]
    if failed:
        names = ", ".join(f"“{each.example}”" for each in failed[:5])
        raise RulesRefused(
            f"{len(failed)} of its examples fail: {names}. Correct the rules, or delete an example that is wrong."
        )


def in_force(rule_set: RuleSet | None) -> RulesInForce:
    """Return a version as if it held; None is the program's own rules."""
    return RulesInForce(rule_set.rules, rule_set.pk) if rule_set else RulesInForce()
