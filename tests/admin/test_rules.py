"""Staff write, activate and roll back rules in the admin."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse
from django_scopes import scopes_disabled

from invoices.models import RuleExample, RuleSet
from tests.admin.world import World

pytestmark = pytest.mark.django_db


def the_version() -> RuleSet:
    with scopes_disabled():
        return RuleSet.objects.select_related("organization").get()


def saved(staff: Client, rules: RuleSet, text: str) -> str:
    address = reverse("admin:invoices_ruleset_change", args=[rules.pk])
    form = {"note": "why", "text": text, "events-TOTAL_FORMS": "0", "events-INITIAL_FORMS": "0"}
    return staff.post(address, form, follow=True).content.decode()


def test_a_draft_is_saved_with_who_did_it(world: World, staff: Client) -> None:
    saved(staff, the_version(), json.dumps({"amount_must_match": True}))
    rules = the_version()
    assert rules.content["amount_must_match"] is True
    assert rules.created_by is not None


def test_what_is_wrong_is_named_by_its_place(world: World, staff: Client) -> None:
    page = saved(staff, the_version(), '{"document": {"notes": []}}')
    assert "document.notes: There is no such field" in page
    assert "notes" not in the_version().content["document"]


def test_a_version_is_activated_when_its_examples_pass_and_rolled_back(world: World, staff: Client) -> None:
    address, rules = reverse("admin:invoices_ruleset_changelist"), the_version()
    chosen = {"_selected_action": [rules.pk]}
    page = staff.post(address, {**chosen, "action": "activate_version"}, follow=True).content.decode()
    assert "1 of its examples fail" in page
    with scopes_disabled():
        RuleExample.objects.all().delete()
    staff.post(address, {**chosen, "action": "activate_version"}, follow=True)
    assert the_version().status == "active"
    page = staff.post(address, {**chosen, "action": "roll_back_versions"}, follow=True).content.decode()
    assert "built-in rules" in page
    assert the_version().status == "retired"


def test_what_was_active_cannot_be_changed_or_deleted(world: World, staff: Client) -> None:
    with scopes_disabled():
        RuleExample.objects.all().delete()
    rules = the_version()
    staff.post(
        reverse("admin:invoices_ruleset_changelist"), {"_selected_action": [rules.pk], "action": "activate_version"}
    )
    before = the_version().content
    saved(staff, rules, "{}")
    assert the_version().content == before
    assert staff.get(reverse("admin:invoices_ruleset_delete", args=[rules.pk])).status_code == 403
