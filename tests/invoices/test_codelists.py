"""The authority's code lists: fetched, kept once each, compared, and never believed when they are cut short."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.utils import timezone

from accounts.models import Organization
from invoices import tasks
from invoices.models import Business, CodeList, Invoice, Status
from invoices.services.codelists import compared, current_items, invalid_values, newest_lists, refresh_code_lists
from invoices.services.rebuilding import rebuild_document
from tests.invoices.making import BUYER, GOODS, SERVICE
from tests.sandbox_process import SandboxProcess

CATEGORIES = "/api/v1/invoice/resources/tax-categories"


def answer_with(sandbox: SandboxProcess, rows: list[dict[str, str]]) -> None:
    sandbox.fail_next("GET", CATEGORIES, status=200, body={"code": 200, "data": rows})


def categories_without(*codes: str) -> list[dict[str, str]]:
    items = current_items("tax_categories")
    return [{"code": code, "value": name} for code, name in items.items() if code not in codes]


def test_the_shipped_copy_is_the_start_and_a_first_fetch_finds_it_unchanged(db: None, sandbox: SandboxProcess) -> None:
    assert len(current_items("tax_categories")) == 27
    assert current_items("lgas") == {}
    assert refresh_code_lists()["tax_categories"] == "unchanged"
    refresh_code_lists()
    kept = CodeList.objects.get(kind="tax_categories")
    assert (len(kept.items), kept.confirmed_at > kept.fetched_at) == (27, True)
    assert len(current_items("lgas")) > 0
    assert {each.kind for each in newest_lists()} >= {"countries", "currencies", "states", "services_codes"}


def test_a_list_that_is_down_empty_or_cut_in_half_changes_nothing(
    db: None, sandbox: SandboxProcess, settings: Any
) -> None:
    before = current_items("tax_categories")
    sandbox.set(mbs_resources_down=True)
    assert "does not answer" in refresh_code_lists()["tax_categories"]
    sandbox.set(mbs_resources_down=False)
    for rows in ([], categories_without(*list(before)[:20])):
        answer_with(sandbox, rows)
        assert "not believed" in refresh_code_lists()["tax_categories"]
    CodeList.objects.all().delete()
    settings.MBS_BASE_URL = "http://127.0.0.1:9"
    refresh_code_lists()
    assert not CodeList.objects.exists()
    assert current_items("tax_categories") == before


def test_a_new_version_says_what_changed(db: None, sandbox: SandboxProcess) -> None:
    rows = [*categories_without("STAMP_DUTY"), {"code": "SUGAR_TAX", "value": "Sugar tax"}]
    rows[0] = {**rows[0], "value": "Renamed"}
    answer_with(sandbox, rows)
    assert refresh_code_lists()["tax_categories"] == "changed"
    changes = CodeList.objects.get(kind="tax_categories").changes
    assert changes == {"added": ["SUGAR_TAX"], "removed": ["STAMP_DUTY"], "changed": [rows[0]["code"]]}
    refresh_code_lists()
    assert CodeList.objects.filter(kind="tax_categories").count() == 2
    assert "STAMP_DUTY" in current_items("tax_categories")


def test_two_lists_are_compared_by_code() -> None:
    assert compared({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == {"added": ["c"], "removed": ["a"], "changed": ["b"]}


def test_an_organizations_own_values_that_are_gone_are_named(
    organization: Organization, business: Business, issue: Callable[..., Invoice], sandbox: SandboxProcess
) -> None:
    held = issue(buyer=replace(BUYER, tin=""), lines=(GOODS, replace(GOODS, tax_category="ZERO_VAT")))
    issue()  # numbered: what was frozen is no draft any more
    assert invalid_values(organization) == []
    answer_with(sandbox, categories_without("STANDARD_VAT", "ZERO_VAT"))
    refresh_code_lists()
    found = invalid_values(organization)
    assert [(each.code, each.invoice_id) for each in found] == [
        ("STANDARD_VAT", None), ("STANDARD_VAT", held.pk), ("ZERO_VAT", held.pk),
    ]  # fmt: skip
    assert found[2].where.endswith("line 2, tax category")


def test_a_draft_with_a_code_that_is_gone_waits_and_goes_on_when_it_is_back(
    business: Business, issue: Callable[..., Invoice], sandbox: SandboxProcess
) -> None:
    answer_with(sandbox, categories_without("ZERO_VAT"))
    refresh_code_lists()
    zero = replace(GOODS, tax_category="ZERO_VAT")
    held = issue(lines=(GOODS, zero, zero))
    assert (held.status, [each["field"] for each in held.missing]) == (Status.DRAFT, ["codes.tax_categories"])
    assert held.missing[0]["label"] == "Another tax category than ZERO_VAT"
    assert "line 2, tax category, line 3, tax category" in held.missing[0]["where"]
    tasks.refresh_code_lists()  # the sandbox has it
    held.refresh_from_db()
    assert held.status == Status.READY


def test_a_service_code_that_is_newer_than_the_shipped_list_is_named_by_the_fetched_one(
    business: Business, issue: Callable[..., Invoice]
) -> None:
    new = replace(SERVICE, isic_code="9998", service_category="")
    assert issue(lines=(new,), document_discount=Decimal(0)).status == Status.DRAFT
    now = timezone.now()
    items = {**current_items("services_codes"), "9998": "Keeping of invented beasts"}
    CodeList.objects.create(kind="services_codes", version="v", items=items, fetched_at=now, confirmed_at=now)
    made = issue(lines=(new,), document_discount=Decimal(0))
    assert (made.status, b"Keeping of invented beasts" in made.body) == (Status.READY, True)
    assert sha256(rebuild_document(made)).digest().hex() == made.document_sha256
