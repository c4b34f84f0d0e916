"""The start, connections and invoices through the API, and the API's description of itself."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django_scopes import scopes_disabled

from integrations.models import SyncRun
from tests.api.conftest import Tenant


def test_the_start_leads_everywhere(api: Client, tenant: Tenant) -> None:
    start = api.get("/api/v1/").json()
    addresses = [*start["deals"], start["connections"], start["invoices"], start["sales"], start["documentation"]]
    assert len(start["deals"]) == 1
    assert [api.get(address).status_code for address in addresses] == [200] * 5


def test_a_connection_shows_its_state_and_newest_run(api: Client, tenant: Tenant) -> None:
    with scopes_disabled():
        for status in ("partial", "succeeded"):
            run = SyncRun.objects.create(connection=tenant.connection, stream="deals", mode="full", status=status)
    [connection] = api.get("/api/v1/connections/").json()["results"]
    assert connection["provider_name"] == "HubSpot"
    assert (connection["status"], connection["status_label"]) == ("active", "Connected")
    assert (connection["last_run"]["id"], connection["last_run"]["status"]) == (run.pk, "succeeded")
    assert api.get(f"/api/v1/connections/{connection['id']}/").json() == connection
    assert "options" not in connection


def test_a_connection_that_was_never_read_has_no_run(api: Client, tenant: Tenant) -> None:
    assert api.get(f"/api/v1/connections/{tenant.connection.pk}/").json()["last_run"] is None


def test_invoices_are_listed_with_what_holds_them(api: Client, invoices: list[int]) -> None:
    answer = api.get("/api/v1/invoices/").json()
    ready, held = sorted(answer["results"], key=lambda row: int(row["id"]))
    assert [ready["id"], held["id"]] == invoices
    assert (ready["number"], ready["status"], ready["missing"]) == ("INV000001", "ready", [])
    assert re.fullmatch(r"\d+\.\d\d", ready["payable_amount"])
    assert held["number"] is None
    assert [fact["field"] for fact in held["missing"]] == ["buyer"]
    assert {"document", "draft", "snapshot"} & set(ready) == set()


def test_invoices_narrow_to_a_status(api: Client, invoices: list[int]) -> None:
    assert api.get("/api/v1/invoices/", {"status": "draft"}).json()["count"] == 1
    assert api.get("/api/v1/invoices/", {"status": "signed"}).json()["count"] == 0
    refused = api.get("/api/v1/invoices/", {"status": "paid"})
    assert refused.status_code == 400
    assert refused.json()["status"][0].endswith("paid was given.")


def test_whoever_follows_next_reads_a_list_of_any_length(
    api: Client, invoices: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.lists.COUNTED", 1)
    first = api.get("/api/v1/invoices/", {"page_size": 1}).json()
    assert (first["count"], first["next"].endswith(f"before={invoices[1]}&page_size=1")) == (1, True)
    second = api.get(first["next"]).json()
    assert [row["id"] for row in [*first["results"], *second["results"]]] == [invoices[1], invoices[0]]
    assert (second["next"], second["previous"]) == (None, None)
    beyond = api.get("/api/v1/invoices/", {"page_size": 1, "page": 2})
    assert beyond.status_code == 404
    assert "beyond them follow `next`" in beyond.json()["detail"]
    assert api.get("/api/v1/invoices/", {"before": "x"}).status_code == 400


def test_one_invoice_comes_with_its_lines_and_attempts(api: Client, invoices: list[int]) -> None:
    invoice = api.get(f"/api/v1/invoices/{invoices[0]}/").json()
    assert [line["quantity"] for line in invoice["lines"]] == ["10", "1"]
    assert invoice["lines"][0]["net_amount"] == "237500.00"
    assert invoice["submissions"] == []
    assert len(invoice["document_sha256"]) == 64


@pytest.mark.parametrize("address", ["/api/v1/connections/", "/api/v1/invoices/", "/api/v1/sales/"])
def test_every_list_refuses_a_page_size_out_of_bounds(address: str, api: Client) -> None:
    answer = api.get(address, {"page_size": "101"})
    assert answer.status_code == 400
    assert answer.json() == {"page_size": ["page_size must be between 1 and 100; 101 was given."]}


def test_the_lists_can_be_browsed_with_their_filters(api: Client, tenant: Tenant) -> None:
    page = api.get(f"/api/v1/crm/{tenant.connection.pk}/deals?page_size=10", HTTP_ACCEPT="text/html").content.decode()
    assert "Deal number 30" in page
    assert 'name="closed_from"' in page
    assert "page=2" in page
    wrong = api.get(f"/api/v1/crm/{tenant.connection.pk}/deals?page_size=0", HTTP_ACCEPT="text/html")
    assert wrong.status_code == 400
    assert "page_size must be between 1 and 100; 0 was given." in wrong.content.decode()


def test_the_schema_is_valid_and_made_without_a_warning(db: None) -> None:
    written = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=written)
    described = written.getvalue()
    for path in ("/api/v1/crm/{connection_id}/deals:", "/api/v1/invoices/{id}/:", "/api/v1/connections/:"):
        assert f"  {path}\n" in described
    assert "/deals/:" not in described


def test_the_documentation_asks_no_third_party(db: None, client: Client) -> None:
    page = client.get("/api/docs/")
    assert page.status_code == 200
    named: Any = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert named
    assert all(address.startswith("/static/") for address in named)
    assert client.get("/api/schema/").status_code == 200
