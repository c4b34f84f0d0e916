"""HubSpot's bad days: each switch, the answer it makes, and that the next call is well again."""

import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.sandbox.client import SCOPES, Client

BASE = "/crm/objects/2026-09"
DEALS = f"{BASE}/deals"
WRITE = SCOPES + " crm.objects.deals.write crm.schemas.deals.read crm.schemas.deals.write"
PROPERTY = {
    "groupName": "dealinformation", "name": "einvoice_number", "label": "E-invoice number", "type": "string",
    "fieldType": "text",
}  # fmt: skip


def first_deal(sandbox: Client) -> str:
    return sandbox.hubspot("GET", DEALS).json()["results"][0]["id"]


def by_name(sandbox: Client, name: str) -> list[str]:
    one = {"propertyName": "dealname", "operator": "EQ", "value": name}
    return [
        deal["id"] for deal in sandbox.hubspot("POST", f"{DEALS}/search", json={"filters": [one]}).json()["results"]
    ]


def until_found(sandbox: Client, name: str) -> float:
    began = time.monotonic()
    while not by_name(sandbox, name):
        assert time.monotonic() - began < 5
        time.sleep(0.05)
    return time.monotonic() - began


def test_search_sees_an_edit_and_a_new_deal_only_after_the_lag(sandbox: Client) -> None:
    sandbox.control("settings", {"index_lag_s": 0.5, "limits": False})
    deal = sandbox.hubspot("GET", DEALS).json()["results"][0]
    sandbox.control(f"hubspot/deals/{deal['id']}", {"properties": {"dealname": "Edited once"}})
    sandbox.control("hubspot/deals", {"properties": {"dealname": "Made now"}})
    assert sandbox.hubspot("GET", f"{DEALS}/{deal['id']}").json()["properties"]["dealname"] == "Edited once"
    assert by_name(sandbox, "Edited once") == by_name(sandbox, "Made now") == []
    assert by_name(sandbox, deal["properties"]["dealname"]) == [deal["id"]]
    assert 0.3 < until_found(sandbox, "Edited once") < 2
    until_found(sandbox, "Made now")
    assert by_name(sandbox, deal["properties"]["dealname"]) == []


def refresh(sandbox: Client) -> Any:
    return sandbox.token(grant_type="refresh_token", refresh_token=sandbox.connect()["refresh_token"])


@pytest.mark.parametrize(
    ("switch", "status", "error"),
    [("refuse_refresh", "BAD_REFRESH_TOKEN", "invalid_grant"), ("bad_hub", "BAD_HUB", "access_denied")],
)
def test_a_refresh_can_be_refused_for_good(sandbox: Client, switch: str, status: str, error: str) -> None:
    sandbox.control("settings", {switch: True})
    answer = refresh(sandbox)
    assert (answer.status_code, answer.json()["status"], answer.json()["error"]) == (400, status, error)
    sandbox.control("settings", {switch: False})
    assert refresh(sandbox).status_code == 200


def test_a_refresh_answer_may_lack_the_refresh_token(sandbox: Client) -> None:
    assert "refresh_token" in refresh(sandbox).json()
    sandbox.control("settings", {"drop_refresh_token": True})
    assert "refresh_token" not in refresh(sandbox).json()


@pytest.mark.parametrize(
    ("kind", "policy", "path"),
    [
        ("ten_secondly", "TEN_SECONDLY_ROLLING", DEALS),
        ("daily", "DAILY", DEALS),
        ("search", "SECONDLY", f"{DEALS}/search"),
    ],
)
@pytest.mark.parametrize("wait", [None, 3])
def test_each_kind_of_429_has_its_policy(sandbox: Client, kind: str, policy: str, path: str, wait: int | None) -> None:
    sandbox.control("settings", {"rate_limit": {"kind": kind, "retry_after": wait, "times": 2}})
    method = "POST" if kind == "search" else "GET"
    if kind == "search":
        assert sandbox.hubspot("GET", DEALS).status_code == 200
    for _ in range(2):
        answer = sandbox.hubspot(method, path, json={})
        assert (answer.status_code, answer.json()["errorType"]) == (429, "RATE_LIMIT")
        assert (answer.json()["policyName"], "category" in answer.json()) == (policy, False)
        assert answer.headers.get("Retry-After") == (str(wait) if wait else None)
    assert sandbox.hubspot(method, path, json={}).status_code == 200


def test_locks_migrations_and_front_servers_answer_as_often_as_asked(sandbox: Client) -> None:
    sandbox.control("settings", {"locked_423": 2, "migrating_477": {"retry_after": 600}, "bad_gateway_html": 1})
    answers = [sandbox.hubspot("GET", DEALS) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [502, 477, 423, 423, 200]
    assert answers[0].headers["Content-Type"].startswith("text/html")
    assert "<html>" in answers[0].text
    assert answers[1].headers["Retry-After"] == "600"


def test_a_missing_scope_is_refused_and_left_out_of_tokens(sandbox: Client) -> None:
    scope = "crm.objects.line_items.read"
    sandbox.control("settings", {"missing_scopes": [scope]})
    tokens = sandbox.connect()
    assert scope not in tokens["scopes"]
    for token in (tokens["access_token"], "pat-sandbox"):
        answer = sandbox.hubspot("GET", f"{BASE}/line_items", token)
        assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
        assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == [scope]
        assert sandbox.hubspot("GET", DEALS, token).status_code == 200


@pytest.mark.parametrize(("as_number", "kind"), [(True, int), (False, str)])
def test_the_other_end_of_a_link_is_a_number_or_text(sandbox: Client, as_number: bool, kind: type) -> None:
    sandbox.control("settings", {"number_ids": as_number})
    deal = first_deal(sandbox)
    one = sandbox.hubspot("GET", f"{DEALS}/{deal}/associations/contacts").json()["results"]
    body = {"inputs": [{"id": deal}]}
    batch = sandbox.hubspot("POST", "/crm/associations/2026-09/deals/contacts/batch/read", json=body).json()["results"]
    assert {type(target["toObjectId"]) for target in one + batch[0]["to"]} == {kind}


def test_a_skewed_clock_shows_in_the_date_of_answers(sandbox: Client) -> None:
    for skew in (0, -3600):
        sandbox.control("settings", {"clock_skew_s": skew})
        seen = parsedate_to_datetime(sandbox.hubspot("GET", DEALS).headers["Date"]).timestamp()
        assert abs(seen - time.time() - skew) < 5


def test_an_uninstall_ends_every_token_and_the_webhooks(sandbox: Client) -> None:
    tokens = sandbox.connect()
    path = "/appinstalls/2026-09/external-install"
    assert sandbox.hubspot("DELETE", path).status_code == 403
    assert sandbox.hubspot("DELETE", path, tokens["access_token"]).status_code == 204
    assert sandbox.hubspot("GET", DEALS, tokens["access_token"]).status_code == 401
    refreshed = sandbox.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refreshed.json()["status"] == "BAD_REFRESH_TOKEN"
    assert sandbox.control("received")["hubspot"]["uninstalls"] == 1
    sandbox.control("settings", {"webhook_target": {"url": "http://127.0.0.1:9/", "secret": "s"}})
    sandbox.control(f"hubspot/deals/{first_deal(sandbox)}", {"properties": {"amount": "1"}})
    assert sandbox.control("webhooks")["pending"] == sandbox.control("webhooks")["sent"] == 0


def test_a_property_can_be_made_once_and_then_written(sandbox: Client) -> None:
    token = sandbox.connect(scope=WRITE)["access_token"]
    deal = f"{DEALS}/{first_deal(sandbox)}"
    body = {"properties": {"einvoice_number": "INV-1"}}
    refused = sandbox.hubspot("PATCH", deal, token, json=body)
    assert (refused.status_code, "PROPERTY_DOESNT_EXIST" in refused.json()["message"]) == (400, True)
    path = "/crm/properties/2026-09/deals"
    made = sandbox.hubspot("POST", path, token, json=PROPERTY)
    assert (made.status_code, made.json()["name"], made.json()["hubspotDefined"]) == (201, "einvoice_number", False)
    again = sandbox.hubspot("POST", path, token, json=PROPERTY)
    assert (again.status_code, again.json()["category"]) == (409, "OBJECT_ALREADY_EXISTS")
    assert sandbox.hubspot("GET", f"{path}/einvoice_number", token).json() == made.json()
    assert made.json() in sandbox.hubspot("GET", path, token).json()["results"]
    assert sandbox.hubspot("PATCH", deal, token, json=body).status_code == 200
    read = sandbox.hubspot("GET", deal, params={"properties": "einvoice_number"}).json()
    assert read["properties"]["einvoice_number"] == "INV-1"
    sandbox.control("reset", {})
    assert sandbox.hubspot("GET", f"{path}/einvoice_number").status_code == 404


@pytest.mark.parametrize("change", [{"name": "Not a name"}, {"type": "money"}, {"label": ""}, {"groupName": None}])
def test_a_malformed_property_is_refused(sandbox: Client, change: dict[str, Any]) -> None:
    token = sandbox.connect(scope=WRITE)["access_token"]
    answer = sandbox.hubspot("POST", "/crm/properties/2026-09/deals", token, json=PROPERTY | change)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_many_deals_share_one_modification_time(sandbox: Client) -> None:
    began = time.monotonic()
    sandbox.control("reset", {"deals": 25_000, "same_modified": 12_000})
    assert time.monotonic() - began < 10
    newest = sandbox.hubspot("GET", f"{DEALS}?limit=1").json()["results"][0]["updatedAt"]
    one = {"propertyName": "hs_lastmodifieddate", "operator": "EQ", "value": newest}
    assert sandbox.hubspot("POST", f"{DEALS}/search", json={"filters": [one]}).json()["total"] == 12_000
    past = sandbox.hubspot("POST", f"{DEALS}/search", json={"filters": [one], "limit": 200, "after": "9900"})
    assert past.status_code == 400


@pytest.mark.parametrize(
    "setting",
    [
        {"rate_limit": {"kind": "hourly"}},
        {"rate_limit": {"retry_after": 3}},
        {"migrating_477": {"times": 0}},
        {"locked_423": -1},
        {"missing_scopes": "crm.objects.deals.read"},
        {"index_lag_s": "1"},
        {"clock_skew_s": True},
    ],
)
def test_a_mistyped_switch_is_refused_and_changes_nothing(sandbox: Client, setting: dict[str, object]) -> None:
    answer = sandbox.call("POST", "/_control/settings", json={"bad_hub": True} | setting)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert sandbox.control("settings")["bad_hub"] is False
