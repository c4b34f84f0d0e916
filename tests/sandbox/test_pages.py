"""The sandbox's own pages: deals to find and change, the fault panel, and who may post a form."""

import re
import time
from html import unescape
from typing import Any

import pytest
import requests

from tests.sandbox.client import Client

DEALS = "/crm/objects/2026-09/deals"
FIELDS = re.compile(r'<(?:input|select) (?:type="checkbox" )?name="(\w+)"(?: value="([^"]*)")?([^>]*)>')


def post(sandbox: Client, path: str, **form: str) -> requests.Response:
    return sandbox.call("POST", path, data=form)


def page(sandbox: Client, path: str, **params: str) -> str:
    answer = sandbox.call("GET", path, params=params)
    assert (answer.status_code, "Sandbox." in answer.text) == (200, True)
    assert "<script" not in answer.text
    return answer.text


def first_full_deal(sandbox: Client) -> dict[str, Any]:
    deals = sandbox.hubspot("GET", f"{DEALS}?limit=50&associations=line_items,companies").json()["results"]
    return next(deal for deal in deals if len(deal.get("associations", {})) == 2)


def linked(deal: dict[str, Any], kind: str) -> str:
    return deal["associations"][kind]["results"][0]["id"]


def get(sandbox: Client, kind: str, record_id: str, *names: str) -> dict[str, str]:
    path = f"/crm/objects/2026-09/{kind}/{record_id}"
    return sandbox.hubspot("GET", path, params={"properties": ",".join(names)}).json()["properties"]


def test_deals_are_listed_in_pages_and_found_by_name_id_or_company(sandbox: Client) -> None:
    assert page(sandbox, "/hubspot").count('<a href="/hubspot/deals/') == 50
    assert "page 5 of 5" in page(sandbox, "/hubspot", page="99")
    deal = first_full_deal(sandbox)
    company = get(sandbox, "companies", linked(deal, "companies"), "name")["name"]
    for words in (deal["id"], deal["properties"]["dealname"].upper(), company):
        assert f'"/hubspot/deals/{deal["id"]}"' in page(sandbox, "/hubspot", q=words)
    assert "0 deals" in page(sandbox, "/hubspot", q="no such deal")


def test_what_people_typed_is_shown_as_text(sandbox: Client) -> None:
    deal = first_full_deal(sandbox)["id"]
    sandbox.control(f"hubspot/deals/{deal}", {"properties": {"dealname": '"><b>bold</b>'}})
    for path in ("/hubspot", f"/hubspot/deals/{deal}"):
        assert "<b>bold" not in page(sandbox, path, q='"><b>')


def test_a_deal_is_edited_and_its_stage_brings_its_pipeline(sandbox: Client) -> None:
    deal = first_full_deal(sandbox)["id"]
    form = {"dealname": "Renamed", "dealstage": "180530013", "amount": "12.50", "do": "save"}
    answer = post(sandbox, f"/hubspot/deals/{deal}", **form)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/hubspot/deals/{deal}?said=saved")
    after = get(sandbox, "deals", deal, "dealname", "amount", "pipeline", "hs_is_closed_won", "hs_lastmodifieddate")
    assert [after[name] for name in ("dealname", "amount", "pipeline", "hs_is_closed_won")] == [
        "Renamed", "12.50", "98210457", "true",
    ]  # fmt: skip
    assert "Renamed" in page(sandbox, f"/hubspot/deals/{deal}", said="saved")
    time.sleep(0.01)
    post(sandbox, f"/hubspot/deals/{deal}", **form)
    assert get(sandbox, "deals", deal, "hs_lastmodifieddate")["hs_lastmodifieddate"] == after["hs_lastmodifieddate"]


def test_a_lines_quantity_and_price_are_edited_and_its_net_follows(sandbox: Client) -> None:
    deal = first_full_deal(sandbox)
    line = linked(deal, "line items")
    sandbox.control(
        f"hubspot/records/line_items/{line}", {"properties": {"hs_discount_percentage": "10", "discount": ""}}
    )
    post(sandbox, f"/hubspot/deals/{deal['id']}/lines/{line}", quantity="3", price="10.05", do="save")
    after = get(sandbox, "line_items", line, "quantity", "price", "amount", "hs_total_discount")
    assert [after[name] for name in ("quantity", "price", "amount", "hs_total_discount")] == [
        "3", "10.05", "27.14", "3.01",
    ]  # fmt: skip
    assert "<strong>27.14</strong>" in page(sandbox, f"/hubspot/deals/{deal['id']}")


def test_lines_are_added_and_archived(sandbox: Client) -> None:
    deal = first_full_deal(sandbox)["id"]
    path = f"/hubspot/deals/{deal}/lines"
    post(sandbox, path, name="A bench", quantity="2", price="7", do="add")
    found = sandbox.hubspot("GET", f"{DEALS}/{deal}/associations/line_items").json()["results"]
    line = str(found[-1]["toObjectId"])
    assert get(sandbox, "line_items", line, "name", "amount")["amount"] == "14.00"
    assert "A bench" in page(sandbox, f"/hubspot/deals/{deal}")
    post(sandbox, f"{path}/{line}", do="archive")
    assert "A bench" not in page(sandbox, f"/hubspot/deals/{deal}")


def test_a_companys_tin_is_edited(sandbox: Client) -> None:
    deal = first_full_deal(sandbox)
    company = linked(deal, "companies")
    post(sandbox, f"/hubspot/deals/{deal['id']}/companies/{company}", name="Renamed Ltd", tin="12345678-0001")
    assert get(sandbox, "companies", company, "name", "tin")["tin"] == "12345678-0001"


def test_a_deal_is_archived_found_in_the_bin_and_restored(sandbox: Client) -> None:
    deal = first_full_deal(sandbox)["id"]
    post(sandbox, f"/hubspot/deals/{deal}", do="archive")
    assert sandbox.hubspot("GET", f"{DEALS}/{deal}").status_code == 404
    assert deal in page(sandbox, "/hubspot", archived="1")
    assert "Restore" in page(sandbox, f"/hubspot/deals/{deal}")
    post(sandbox, f"/hubspot/deals/{deal}", do="restore")
    assert sandbox.hubspot("GET", f"{DEALS}/{deal}").status_code == 200


def test_deals_are_merged_and_old_addresses_lead_to_the_new_deal(sandbox: Client) -> None:
    one, other = (deal["id"] for deal in sandbox.hubspot("GET", f"{DEALS}?limit=2").json()["results"])
    assert post(sandbox, "/hubspot/merge", primary=one, other="12").headers["Location"].endswith("said=not_merged")
    new = post(sandbox, "/hubspot/merge", primary=one, other=other).headers["Location"]
    assert f"{one}, {other}" in page(sandbox, new)
    assert sandbox.call("GET", f"/hubspot/deals/{other}").headers["Location"] == new


def shown_fields(sandbox: Client) -> dict[str, str]:
    """Return what a browser would send of the fault panel as it is shown."""
    text = page(sandbox, "/faults").split("</form>")[0]
    given = {"do": "save"}
    for name, value, rest in FIELDS.findall(text):
        if 'type="checkbox"' in text.split(f'name="{name}"')[0].rsplit("<", 1)[-1]:
            if "checked" in rest:
                given[name] = "on"
        elif not value and f'<select name="{name}"' in text:
            options = text.split(f'<select name="{name}">')[1].split("</select>")[0]
            given[name] = re.findall(r'value="([^"]*)" selected', options)[0]
        else:
            given[name] = unescape(value)
    return given


def test_the_panel_saved_as_it_is_shown_changes_nothing(sandbox: Client) -> None:
    settings = {
        "rate_limit": {"kind": "daily", "retry_after": 4, "times": 3},
        "migrating_477": {"retry_after": None, "times": 2},
        "missing_scopes": ["tax_rates.read", "timeline"], "webhook_retry_gaps": [0.5, 2], "index_lag_s": 1.5,
        "webhook_target": {"url": "http://127.0.0.1:9/a?b=1&c=2", "secret": "s"}, "webhook_form": "generic",
        "number_ids": False, "bad_hub": True, "locked_423": 4,
    }  # fmt: skip
    for plant in ({}, settings):
        sandbox.control("settings", plant)
        before = sandbox.control("settings")
        answer = post(sandbox, "/faults", **shown_fields(sandbox))
        assert (answer.status_code, answer.headers.get("Location")) == (303, "/faults?said=done")
        assert sandbox.control("settings") == before


def test_the_panel_sets_switches_and_resets_them_but_keeps_the_target(sandbox: Client) -> None:
    usual = sandbox.control("settings")
    fields = shown_fields(sandbox) | {
        "limit_kind": "search", "limit_times": "2", "limit_wait": "5", "bad_gateway_html": "1", "refuse_refresh": "on",
        "target_url": "http://127.0.0.1:9/", "target_secret": "s", "index_lag_s": "2", "missing_scopes": "a b",
    }  # fmt: skip
    post(sandbox, "/faults", **fields)
    now = sandbox.control("settings")
    assert now["rate_limit"] == {"kind": "search", "retry_after": 5, "times": 2}
    assert (now["refuse_refresh"], now["index_lag_s"], now["missing_scopes"]) == (True, 2, ["a", "b"])
    assert sandbox.hubspot("GET", DEALS).status_code == 502
    post(sandbox, "/faults", do="reset")
    target = {"webhook_target": {"url": "http://127.0.0.1:9/", "secret": "s"}}
    assert sandbox.control("settings") == usual | target


def test_the_panel_says_what_is_wrong_and_changes_nothing(sandbox: Client) -> None:
    before = sandbox.control("settings")
    answer = post(sandbox, "/faults", **shown_fields(sandbox) | {"webhook_batch": "many", "locked_423": "3"})
    assert (answer.status_code, "webhook_batch must be" in answer.text) == (400, True)
    assert sandbox.control("settings") == before


def test_the_panel_can_end_all_access_tokens(sandbox: Client) -> None:
    token = sandbox.connect()["access_token"]
    post(sandbox, "/faults", do="expire")
    assert sandbox.hubspot("GET", DEALS, token).status_code == 401


@pytest.mark.parametrize("path", ["/faults", "/hubspot/merge", "/hubspot/deals/1"])
def test_a_form_from_another_site_is_refused(sandbox: Client, path: str) -> None:
    answer = sandbox.call("POST", path, data={"do": "reset"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/hubspot/deals/1", "/hubspot/deals/x", "/hubspot/nothing", "/faults/more"])
def test_what_is_not_there_is_a_page_that_says_so(sandbox: Client, path: str) -> None:
    answer = sandbox.call("GET", path)
    assert (answer.status_code, "There is no such" in answer.text) == (404, True)


def test_pages_are_no_calls_to_hubspot(sandbox: Client) -> None:
    page(sandbox, "/")
    page(sandbox, "/hubspot")
    assert sandbox.control("received")["hubspot"]["calls"] == 0
