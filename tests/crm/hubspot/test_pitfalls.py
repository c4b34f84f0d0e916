"""Pitfalls that no other test holds, and the page that lists them all."""

from __future__ import annotations

import re
from typing import Any

import pytest
from requests import Request

from crm.hubspot import mapping
from crm.hubspot.client import object_path
from crm.models import Deal, DealLine
from crm.services import refresh_deals, sync_deals
from dev.environment import ROOT
from integrations.models import Connection, RunStatus
from tests.sandbox_process import SandboxProcess

LONGEST_ADDRESS = 8_000  # characters; beyond about 8 KB HubSpot answers 414, or a page that is no JSON


def test_every_test_that_the_page_of_pitfalls_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "hubspot-pitfalls.md").read_text()))
    there = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    } | set(re.findall(r"def (test_\w+)", (ROOT / "tests" / "contracts.py").read_text()))
    assert len(named) > 30
    assert named - there == set()


def test_no_address_comes_near_the_length_that_hubspot_refuses() -> None:
    longest = dict.fromkeys(mapping.PropertyNames.__slots__, "p" * 100)  # a property's name has 100 at most
    names = mapping.PropertyNames.from_options({"properties": longest})
    params = {"limit": 100, "properties": ",".join(names.of_deal()), "associations": "companies,contacts,line_items"}
    address = Request("GET", "https://api.hubapi.com" + object_path("deals"), params=params).prepare().url
    assert address is not None
    assert len(address) < LONGEST_ADDRESS / 4


def test_a_contacts_own_modified_property_is_read() -> None:
    raw: dict[str, Any] = {"id": "61", "properties": {"lastmodifieddate": "2026-11-20T10:00:00Z"}, "updatedAt": ""}
    assert str(mapping.to_contact(raw, mapping.PropertyNames()).source_updated_at) == "2026-11-20 10:00:00+00:00"


@pytest.mark.django_db
@pytest.mark.usefixtures("short_waits")
class TestAgainstTheSandbox:
    @pytest.mark.parametrize("way", ["full", "window", "by id"])
    def test_a_deal_with_more_lines_than_a_list_shows_has_them_all(
        self, way: str, connection: Connection, sandbox: SandboxProcess
    ) -> None:
        if way != "full":
            sync_deals(connection=connection)
        lines = [{"name": f"Shelf {number}", "quantity": "1", "price": "10"} for number in range(230)]
        made = sandbox.add_deal(lines, dealname="A long list")
        if way == "by id":
            refresh_deals(connection=connection, external_ids=[made["id"]])
        else:
            sync_deals(connection=connection, days_back=0)
        stored = set(DealLine.objects.filter(deal__external_id=made["id"]).values_list("external_id", flat=True))
        assert stored == set(made["line_ids"])
        assert len(stored) == 230

    def test_a_deal_of_contacts_only_is_read_without_a_fault(
        self, connection: Connection, sandbox: SandboxProcess
    ) -> None:
        sync_deals(connection=connection)
        made = sandbox.add_deal([], dealname="Nobody's yet")
        run = sync_deals(connection=connection, days_back=0)
        assert run.status == RunStatus.SUCCEEDED
        deal = Deal.objects.get(external_id=made["id"])
        assert (deal.company, deal.lines.count()) == (None, 0)

    def test_a_list_that_sends_the_same_page_for_ever_is_stopped(
        self, connection: Connection, sandbox: SandboxProcess
    ) -> None:
        body = {"results": [{"id": "5", "properties": {"dealname": "Again"}}], "paging": {"next": {"after": "5"}}}
        sandbox.fail_next("GET", "/crm/objects/2026-09/deals", status=200, body=body, times=500)
        run = sync_deals(connection=connection)
        assert run.status == RunStatus.PARTIAL
        assert "the same page of deals twice" in run.sentence
