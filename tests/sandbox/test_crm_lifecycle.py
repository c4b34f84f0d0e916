"""Records that are archived, restored and merged, and changes that do not move a deal's modification time."""

from typing import Any

import pytest

from tests.sandbox.client import SCOPES, Client

BASE = "/crm/objects/2026-09"
DEALS = f"{BASE}/deals"
WRITE = SCOPES + " crm.objects.deals.write crm.objects.companies.write"


def listed(sandbox: Client, kind: str = "deals", **params: str) -> list[dict[str, Any]]:
    found, after = [], "0"
    while after:
        page = sandbox.hubspot("GET", f"{BASE}/{kind}", params={"limit": "100", "after": after} | params).json()
        found += page["results"]
        after = page.get("paging", {}).get("next", {}).get("after", "")
    return found


def searched(sandbox: Client, record_id: str, kind: str = "deals") -> int:
    one = {"propertyName": "hs_object_id", "operator": "EQ", "value": record_id}
    return sandbox.hubspot("POST", f"{BASE}/{kind}/search", json={"filters": [one]}).json()["total"]


def linked(sandbox: Client, deal: str, to: str) -> list[int]:
    answer = sandbox.hubspot(
        "POST", f"/crm/associations/2026-09/deals/{to}/batch/read", json={"inputs": [{"id": deal}]}
    )
    return [target["toObjectId"] for result in answer.json()["results"] for target in result["to"]]


def read(sandbox: Client, record_id: str, **params: str) -> Any:
    return sandbox.hubspot("GET", f"{DEALS}/{record_id}", params=params)


def batch(sandbox: Client, ids: list[str], **params: str) -> Any:
    body = {"inputs": [{"id": each} for each in ids]}
    return sandbox.hubspot("POST", f"{DEALS}/batch/read", params=params, json=body)


def full_deals(sandbox: Client) -> list[str]:
    deals = listed(sandbox, associations="line_items,companies")
    return [deal["id"] for deal in deals if len(deal.get("associations", {})) == 2]


def test_an_archived_deal_is_only_where_archived_ones_are_asked_for(sandbox: Client) -> None:
    deal = full_deals(sandbox)[0]
    token = sandbox.connect(scope=WRITE)["access_token"]
    before = read(sandbox, deal).json()
    assert sandbox.hubspot("DELETE", f"{DEALS}/{deal}", token).status_code == 204
    assert read(sandbox, deal).status_code == 404
    assert deal not in {each["id"] for each in listed(sandbox)}
    assert searched(sandbox, deal) == 0
    assert (batch(sandbox, [deal]).status_code, batch(sandbox, [deal]).json()["results"]) == (207, [])
    gone = read(sandbox, deal, archived="true").json()
    assert gone["archived"] is True
    assert gone["archivedAt"] > gone["updatedAt"] == before["updatedAt"]
    assert listed(sandbox, archived="true") == [gone]
    assert batch(sandbox, [deal], archived="true").json()["results"] == [gone]
    assert linked(sandbox, deal, "line_items") == []


def test_a_restored_deal_is_as_before_with_its_lines(sandbox: Client) -> None:
    deal = full_deals(sandbox)[0]
    before, lines, companies = read(sandbox, deal).json(), *(linked(sandbox, deal, to) for to in ("0-8", "0-2"))
    sandbox.control("hubspot/archive", {"kind": "deals", "id": deal})
    sandbox.control("hubspot/restore", {"kind": "deals", "id": deal})
    assert read(sandbox, deal).json() == before
    assert (linked(sandbox, deal, "0-8"), linked(sandbox, deal, "0-2")) == (lines, companies)
    assert listed(sandbox, archived="true") == []
    assert searched(sandbox, deal) == 1


@pytest.mark.parametrize("order", [("line_items", "deals"), ("deals", "line_items")])
def test_a_line_and_its_deal_come_back_linked_in_either_order(sandbox: Client, order: tuple[str, str]) -> None:
    deal = full_deals(sandbox)[0]
    lines = linked(sandbox, deal, "line_items")
    ids = {"deals": deal, "line_items": str(lines[0])}
    for kind in ("line_items", "deals"):
        sandbox.control("hubspot/archive", {"kind": kind, "id": ids[kind]})
    for kind in order:
        sandbox.control("hubspot/restore", {"kind": kind, "id": ids[kind]})
    assert sorted(linked(sandbox, deal, "line_items")) == sorted(lines)


def test_an_id_is_never_used_again(sandbox: Client) -> None:
    first = sandbox.control("hubspot/deals", {"properties": {}})["id"]
    sandbox.control("hubspot/archive", {"kind": "deals", "id": first})
    assert int(sandbox.control("hubspot/deals", {"properties": {}})["id"]) > int(first)


def test_merged_deals_become_a_new_one_that_the_old_ids_lead_to(sandbox: Client) -> None:
    one, other, third = full_deals(sandbox)[:3]
    lines = linked(sandbox, one, "line_items") + linked(sandbox, other, "line_items")
    token = sandbox.connect(scope=WRITE)["access_token"]
    body = {"primaryObjectId": one, "objectIdToMerge": other}
    answer = sandbox.hubspot("POST", f"{DEALS}/merge", token, json=body)
    new = answer.json()["id"]
    assert (answer.status_code, new in (one, other)) == (200, False)
    for old in (one, other):
        asked = read(sandbox, old, properties="hs_merged_object_ids").json()
        assert (asked["id"], asked["properties"]["hs_merged_object_ids"]) == (new, f"{one};{other}")
        assert linked(sandbox, old, "line_items") == []
        assert searched(sandbox, old) == 0
    assert [record["id"] for record in batch(sandbox, [one, other]).json()["results"]] == [new]
    ids = {record["id"] for record in listed(sandbox) + listed(sandbox, archived="true")}
    assert {one, other, new} & ids == {new}
    assert sorted(linked(sandbox, new, "line_items")) == sorted(lines)
    newest = sandbox.control("hubspot/merge", {"kind": "deals", "primary": new, "other": third})["id"]
    assert read(sandbox, one).json()["id"] == newest


def test_the_beta_of_merges_keeps_the_primary_deal(sandbox: Client) -> None:
    one, other = full_deals(sandbox)[:2]
    sandbox.control("settings", {"merge_keeps_primary": True})
    assert sandbox.control("hubspot/merge", {"kind": "deals", "primary": one, "other": other})["id"] == one
    kept = read(sandbox, other, properties="hs_merged_object_ids").json()
    assert (kept["id"], kept["properties"]["hs_merged_object_ids"]) == (one, other)


def test_merged_deals_have_one_primary_company(sandbox: Client) -> None:
    one, other = full_deals(sandbox)[:2]
    new = sandbox.control("hubspot/merge", {"primary": one, "other": other})["id"]
    results = sandbox.hubspot("GET", f"{DEALS}/{new}/associations/companies").json()["results"]
    primaries = [each for each in results if any(kind["typeId"] == 5 for kind in each["associationTypes"])]
    assert len(primaries) == 1


def test_merged_companies_keep_the_primary_and_hold_the_deals_of_both(sandbox: Client) -> None:
    companies = listed(sandbox, "companies")[:2]
    one, other = companies[0]["id"], companies[1]["id"]
    assert sandbox.control("hubspot/merge", {"kind": "companies", "primary": one, "other": other})["id"] == one
    deals = [deal["id"] for deal in listed(sandbox)]
    assert not any(int(other) in linked(sandbox, deal, "companies") for deal in deals[:60])
    assert sandbox.hubspot("GET", f"{BASE}/companies/{other}").json()["id"] == one


def test_line_items_cannot_be_merged(sandbox: Client) -> None:
    token = sandbox.connect(scope=WRITE + " crm.objects.line_items.write")["access_token"]
    body = {"primaryObjectId": "1", "objectIdToMerge": "2"}
    assert sandbox.hubspot("POST", f"{BASE}/line_items/merge", token, json=body).status_code == 404


@pytest.mark.parametrize("moves", [False, True])
def test_lines_and_associations_move_the_deals_time_only_by_setting(sandbox: Client, moves: bool) -> None:
    deal = full_deals(sandbox)[0]
    company = listed(sandbox, "companies")[-1]["id"]
    sandbox.control("settings", {"touch_parent": moves, "limits": False})
    pair = {"from_kind": "deals", "from_id": deal, "to_kind": "companies", "to_id": company}
    times = [read(sandbox, deal).json()["updatedAt"]]
    line = sandbox.control("hubspot/lines", {"deal_id": deal, "properties": {"name": "More", "price": "5"}})["id"]
    assert int(line) in linked(sandbox, deal, "line_items")
    times.append(read(sandbox, deal).json()["updatedAt"])
    sandbox.control("hubspot/archive", {"kind": "line_items", "id": line})
    assert int(line) not in linked(sandbox, deal, "line_items")
    times.append(read(sandbox, deal).json()["updatedAt"])
    sandbox.control("hubspot/associate", pair)
    assert int(company) in linked(sandbox, deal, "companies")
    times.append(read(sandbox, deal).json()["updatedAt"])
    sandbox.control("hubspot/dissociate", pair)
    assert int(company) not in linked(sandbox, deal, "companies")
    times.append(read(sandbox, deal).json()["updatedAt"])
    assert len(set(times)) == (5 if moves else 1)


def test_a_deal_made_by_hand_has_its_lines_and_company(sandbox: Client) -> None:
    company = listed(sandbox, "companies")[0]["id"]
    lines = [{"name": "Desk", "quantity": "2", "price": "100"}, {"name": "Chair", "quantity": "1", "price": "50"}]
    made = sandbox.control(
        "hubspot/deals",
        {"properties": {"dealname": "By hand", "dealstage": "closedwon"}, "lines": lines, "company_id": company},
    )
    assert sorted(linked(sandbox, made["id"], "line_items")) == sorted(map(int, made["line_ids"]))
    judged = next(entry for entry in sandbox.control("expected") if entry["deal_id"] == made["id"])
    assert (judged["won"], judged["flaw"], judged["payable_amount"]) == (True, None, "268.75")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("archive", {"kind": "deals", "id": "1"}),
        ("archive", {"kind": "unicorns", "id": "1"}),
        ("restore", {"kind": "deals", "id": "1"}),
        ("merge", {"kind": "deals", "primary": "1", "other": "2"}),
        ("associate", {"from_kind": "line_items", "from_id": "1", "to_kind": "contacts", "to_id": "2"}),
    ],
)
def test_a_control_call_on_what_is_not_there_is_refused(sandbox: Client, path: str, body: dict[str, str]) -> None:
    answer = sandbox.call("POST", f"/_control/hubspot/{path}", json=body)
    assert (answer.status_code, list(answer.json())) == (404, ["error"])
