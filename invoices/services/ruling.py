"""Versions of an organization's rules: saved, activated, rolled back; who did it is written with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import Organization, User
from invoices.models import RuleEvent, RuleSet, RuleStatus
from invoices.rules import Rules, RulesInvalid, default_rules, read_rules, write_rules

logger = structlog.get_logger(__name__)


class RulesRefused(Exception):
    """It cannot be done; `str()` is the sentence for people."""


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """The rules that hold, and the version they are, None for the program's own."""

    rules: Rules = field(default_factory=default_rules)
    rule_set_id: int | None = None


def active_rules(organization_id: int) -> RulesInForce:
    """Return the rules that hold for an organization now."""
    found = RuleSet.objects.filter(organization_id=organization_id, status=RuleStatus.ACTIVE).first()
    return RulesInForce(found.rules, found.pk) if found else RulesInForce()


def rules_of(rule_set_ids: set[int]) -> dict[int, RulesInForce]:
    """Return versions by their id."""
    found = RuleSet.objects.filter(pk__in=rule_set_ids)
    return {each.pk: RulesInForce(each.rules, each.pk) for each in found}


def save_draft(
    *, organization: Organization, content: Any, note: str = "", by: User | None, rule_set: RuleSet | None = None
) -> RuleSet:
    """Save content as a new draft, or into the draft given; raises RulesInvalid, and RulesRefused when it is none."""
    whole = write_rules(read_rules(content))
    with transaction.atomic():
        lock_rules(organization)
        if rule_set is None:
            newest = RuleSet.objects.filter(organization=organization).first()
            rule_set = RuleSet(organization=organization, version=newest.version + 1 if newest else 1)
        else:
            rule_set = RuleSet.objects.get(pk=rule_set.pk, organization=organization)
            if rule_set.status != RuleStatus.DRAFT:
                raise RulesRefused(f"{rule_set} was active and stays as it was. Save your change as a new draft.")
        rule_set.content, rule_set.note = whole, note[:2000]
        rule_set.created_by = rule_set.created_by or by
        rule_set.save()
        RuleEvent.objects.create(rule_set=rule_set, what=RuleEvent.What.SAVED, by=by)
    return rule_set


def put_in_force(*, rule_set: RuleSet, what: RuleEvent.What, by: User | None, to_read: Sequence[int] = ()) -> None:
    """Let this version hold and retire the one before; for the caller's transaction, which holds `lock_rules`.

    `to_read` are the connections that lack what it reads.
    """
    _retire(rule_set.organization)
    rule_set.status, rule_set.activated_at = RuleStatus.ACTIVE, timezone.now()
    rule_set.save(update_fields=["status", "activated_at", "updated_at"])
    RuleEvent.objects.create(rule_set=rule_set, what=what, by=by, to_read=list(to_read))


def put_out_of_force(*, rule_set: RuleSet, by: User | None) -> None:
    """Let the program's own rules hold again; for the caller's transaction, which holds `lock_rules`."""
    _retire(rule_set.organization)
    RuleEvent.objects.create(rule_set=rule_set, what=RuleEvent.What.STOPPED, by=by)


def version_before(organization: Organization) -> RuleSet | None:
    """Return the version that a roll-back from the active one leads to, None for the program's own rules.

    It is the version before in number that was active once, so that going back twice goes back two versions.
    """
    active = RuleSet.objects.filter(organization=organization, status=RuleStatus.ACTIVE).first()
    if active is None:
        return None
    retired = RuleSet.objects.filter(organization=organization, status=RuleStatus.RETIRED)
    return retired.filter(version__lt=active.version).order_by("-version").first()


def lock_rules(organization: Organization) -> None:
    """Let nobody else change this organization's rules, or issue by them, until the transaction ends."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


def _retire(organization: Organization) -> None:
    active = RuleSet.objects.filter(organization=organization, status=RuleStatus.ACTIVE)
    active.update(status=RuleStatus.RETIRED, updated_at=timezone.now())


def is_understood(rule_set: RuleSet) -> bool:
    """Tell whether this program still understands a stored version."""
    try:
        return bool(rule_set.rules)
    except RulesInvalid:
        logger.warning("rules_not_understood", rule_set=rule_set.pk)
        return False
