"""Versions of the rules on real rows: examples, activation, roll-back, simulation, and what becomes of invoices."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Organization, User
from crm.models import Deal
from crm.services import activate, apply_rules, invoice_due_deals, roll_back, sync_deals
from crm.services.activating import in_force
from crm.services.trying import Trial, check_examples, keep_example, simulate
from crm.tasks import invoice_waiting_deals
from integrations.models import Connection, ConnectionStatus, SyncCursor
from invoices.models import Invoice, RuleEvent, RuleExample, RuleSet, RuleStatus, Status
from invoices.services.ruling import RulesInForce, RulesRefused, active_rules, save_draft
from tests.invoices.making import make_business
from tests.invoices.standing import stand_at
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]


def version(organization: Organization, owner: User, content: dict[str, Any]) -> RuleSet:
    return save_draft(organization=organization, content=content, by=owner)


@pytest.fixture
def world(organization: Organization, connection: Connection, sandbox: SandboxProcess) -> Connection:
    make_business(organization, sandbox.get("/_control/businesses")[0])
    sync_deals(connection=connection)
    return connection


def a_ready_deal() -> Deal:
    invoice_waiting_deals()
    ready = Invoice.objects.filter(status=Status.READY).order_by("pk").first()
    assert ready is not None
    return Deal.objects.get(external_id=ready.source_external_id)


def test_a_version_holds_for_new_deals_once_it_is_active(world: Connection, organization: Any, owner: User) -> None:
    rules = version(organization, owner, {"document": {"note": ["=Thank you for your business"]}})
    assert active_rules(organization.pk).rule_set_id is None
    activate(rule_set=rules, by=owner)
    invoice_waiting_deals()
    made = Invoice.objects.filter(status=Status.READY)
    assert made
    assert {each.rule_set_id for each in made} == {rules.pk}
    assert all(b"Thank you for your business" in each.body for each in made)


def test_activation_makes_waiting_invoices_anew_and_roll_back_brings_the_old_ones_back(
    world: Connection, organization: Any, owner: User
) -> None:
    invoice_waiting_deals()
    before = {each.number: each.document_sha256 for each in Invoice.objects.filter(status=Status.READY)}
    activate(rule_set=version(organization, owner, {"document": {"note": ["=Other"]}}), by=owner)
    assert apply_rules() > 0
    invoice_due_deals(connection=world)
    changed = {each.number: each.document_sha256 for each in Invoice.objects.filter(status=Status.READY)}
    assert changed.keys() == before.keys()
    assert not set(changed.values()) & set(before.values())
    assert roll_back(organization=organization, by=owner) is None
    apply_rules()
    invoice_due_deals(connection=world)
    assert {each.number: each.document_sha256 for each in Invoice.objects.filter(status=Status.READY)} == before
    told = list(RuleEvent.objects.order_by("pk").values_list("what", flat=True))
    assert told == ["saved", "activated", "stopped"]


def test_a_stage_that_is_due_no_more_takes_its_drafts_back(world: Connection, organization: Any, owner: User) -> None:
    invoice_waiting_deals()
    assert Invoice.objects.filter(status=Status.READY).exists()
    activate(rule_set=version(organization, owner, {"due": {"stages": ["none of these"]}}), by=owner)
    apply_rules()
    invoice_due_deals(connection=world)
    assert not Invoice.objects.exclude(status=Status.VOIDED).exists()
    assert Invoice.objects.filter(status=Status.VOIDED).exists()


def test_a_failing_example_keeps_a_version_from_being_activated(
    world: Connection, organization: Any, owner: User
) -> None:
    deal = a_ready_deal()
    tried = Trial(organization, RulesInForce()).of_deal(deal)
    keep_example(tried=tried, organization=organization, name="An ordinary deal", paths=["due", "payable"], by=owner)
    rules = version(organization, owner, {"due": {"pipelines": ["another"]}})
    with pytest.raises(RulesRefused, match="An ordinary deal"):
        activate(rule_set=rules, by=owner)
    rules.refresh_from_db()
    assert rules.status == RuleStatus.DRAFT
    [checked] = check_examples(organization=organization, in_force=in_force(rules))
    assert [(each.path, each.before, each.after) for each in checked.unmet] == [
        ("due", "yes", "no"), ("payable", tried.facts["payable"], ""),
    ]  # fmt: skip
    RuleExample.objects.all().delete()
    activate(rule_set=rules, by=owner)


def test_an_example_needs_a_name_of_its_own_and_something_to_expect(
    world: Connection, organization: Any, owner: User
) -> None:
    tried = Trial(organization, RulesInForce()).of_deal(a_ready_deal())
    keep_example(tried=tried, organization=organization, name="One", paths=["due"], by=owner)
    for name, paths in (("One", ["due"]), ("", ["due"]), ("Two", [])):
        with pytest.raises(RulesRefused):
            keep_example(tried=tried, organization=organization, name=name, paths=paths, by=owner)


def test_an_example_whose_deal_cannot_be_read_fails_and_says_so(organization: Any, owner: User) -> None:
    RuleExample.objects.create(organization=organization, name="Old", snapshot={"x": 1}, expected={"due": "yes"})
    [checked] = check_examples(organization=organization, in_force=RulesInForce())
    assert not checked.passes
    assert "cannot be read" in checked.problem


def test_a_simulation_names_the_deals_that_would_come_out_differently(
    world: Connection, organization: Any, owner: User
) -> None:
    deal = a_ready_deal()
    content = {"document": {"note": ["=Changed"]}, "due": {"when": [
        {"property": "deal.external_id", "test": "equals", "value": deal.external_id}]}}  # fmt: skip
    same = simulate(organization=organization, before=RulesInForce(), after=RulesInForce(), since=date(2000, 1, 1))
    assert (same.differences, same.next_after) == ((), None)
    found = simulate(
        organization=organization, before=RulesInForce(),
        after=in_force(version(organization, owner, content)), since=date(2000, 1, 1),
    )  # fmt: skip
    changes = {each.external_id: {change.path for change in changed} for each, changed in found.differences}
    assert changes[deal.external_id] == {"note"}
    assert all("due" in paths for external_id, paths in changes.items() if external_id != deal.external_id)
    closed = Deal.objects.filter(external_id__in=changes, close_date__isnull=False)
    assert closed.exists()
    later = simulate(
        organization=organization, before=RulesInForce(),
        after=in_force(RuleSet.objects.get()), since=timezone.now().date() + timedelta(days=4000),
    )  # fmt: skip
    assert not {each.pk for each, _changes in later.differences} & set(closed.values_list("pk", flat=True))


def test_a_property_that_nobody_has_read_is_asked_for_and_then_fills_the_invoice(
    world: Connection, organization: Any, owner: User, sandbox: SandboxProcess
) -> None:
    deal = a_ready_deal()
    sandbox.edit("deals", deal.external_id, dealtype="existingbusiness")
    rules = version(organization, owner, {"document": {"order_reference": ["deal.dealtype"]}})
    trial = Trial(organization, in_force(rules))
    assert "What the rules read" in trial.of_deal(deal).facts["missing"]
    assert trial.of_deal(deal, read_anew=True).facts["order_reference"] == "existingbusiness"
    activate(rule_set=rules, by=owner)
    assert RuleEvent.objects.get(what="activated").to_read == [world.pk]
    assert not SyncCursor.objects.filter(stream="deals", full_read_started_at__isnull=False).exists()
    Connection.objects.update(status=ConnectionStatus.PAUSED)
    apply_rules()
    assert RuleEvent.objects.get(what="activated").to_read == [world.pk]  # it is asked for when reading goes on
    Connection.objects.update(status=ConnectionStatus.ACTIVE)
    apply_rules()
    assert RuleEvent.objects.get(what="activated").to_read == []
    assert SyncCursor.objects.get(stream="deals").full_read_started_at is not None
    sync_deals(connection=world)
    invoice_due_deals(connection=world)
    invoice = Invoice.objects.get(source_external_id=deal.external_id)
    assert b'"order_reference":"existingbusiness"' in invoice.body


def test_a_version_that_was_active_is_never_changed_or_deleted(organization: Any, owner: User) -> None:
    rules = version(organization, owner, {})
    activate(rule_set=rules, by=owner)
    with pytest.raises(RulesRefused, match="new draft"):
        save_draft(organization=organization, content={}, by=owner, rule_set=rules)
    with pytest.raises(RulesRefused, match="active already"):
        activate(rule_set=rules, by=owner)
    for change in (
        lambda: RuleSet.objects.update(content={"due": {}}),
        lambda: RuleSet.objects.update(note="x"),
        lambda: RuleSet.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_going_back_twice_goes_back_two_versions(organization: Any, owner: User) -> None:
    first, second, third = (version(organization, owner, {"document": {"note": [f"={n}"]}}) for n in range(3))
    for each in (first, second, third):
        activate(rule_set=each, by=owner)
    assert roll_back(organization=organization, by=owner) == second
    assert roll_back(organization=organization, by=owner) == first
    assert roll_back(organization=organization, by=owner) is None
    with pytest.raises(RulesRefused, match="No version is active"):
        roll_back(organization=organization, by=owner)


def test_a_deal_that_was_handed_in_goes_on_by_the_rules_that_it_began_with(
    world: Connection, organization: Any, owner: User
) -> None:
    deal = a_ready_deal()
    activate(rule_set=version(organization, owner, {"document": {"note": ["=Other"]}}), by=owner)
    invoice = stand_at(Invoice.objects.get(source_external_id=deal.external_id), Status.SIGNED)
    apply_rules()
    invoice_due_deals(connection=world)
    assert not invoice.proposals.exists()
    invoice.refresh_from_db()
    assert b"Other" not in invoice.body
