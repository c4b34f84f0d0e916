"""Search: operators, order, bounds, and its cap of 10,000."""

from datetime import datetime
from typing import Any

import pytest

from tests.sandbox.client import Client

PATH = "/crm/objects/2026-09/deals/search"


def search(sandbox: Client, **body: Any) -> dict[str, Any]:
    sandbox.control("settings", {"limits": False})
    answer = sandbox.hubspot("POST", PATH, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def where(name: str, operator: str, **value: Any) -> list[dict[str, Any]]:
    return [{"filters": [{"propertyName": name, "operator": operator, **value}]}]


def test_an_empty_search_gives_ten_by_creation(sandbox: Client) -> None:
    page = search(sandbox)
    assert (page["total"], len(page["results"]), page["paging"]["next"]["after"]) == (250, 10, "10")
    created = [record["createdAt"] for record in page["results"]]
    assert created == sorted(created)
    assert all("associations" not in record for record in page["results"])


def test_won_and_not_won_are_all(sandbox: Client) -> None:
    won = search(sandbox, filterGroups=where("hs_is_closed_won", "EQ", value="true"))["total"]
    lost = search(sandbox, filterGroups=where("hs_is_closed_won", "NEQ", value="true"))["total"]
    assert (won + lost, 80 < won < 145) == (250, True)


def test_a_window_of_modified_times_walked_by_id_finds_each_deal_once(sandbox: Client) -> None:
    everything = search(sandbox, limit=200)["results"] + search(sandbox, limit=200, after="200")["results"]
    instants = sorted(record["updatedAt"] for record in everything)
    low, high = (int(datetime.fromisoformat(instants[place]).timestamp() * 1000) for place in (50, 150))
    wanted = [
        record["id"]
        for record in everything
        if low <= int(datetime.fromisoformat(record["updatedAt"]).timestamp() * 1000) <= high
    ]
    found: list[str] = []
    last = "0"
    while True:
        filters = [
            {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": str(low)},
            {"propertyName": "hs_lastmodifieddate", "operator": "LTE", "value": str(high)},
            {"propertyName": "hs_object_id", "operator": "GT", "value": last},
        ]
        sorts = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
        page = search(sandbox, filterGroups=[{"filters": filters}], sorts=sorts, limit=40)["results"]
        if not page:
            break
        found += [record["id"] for record in page]
        last = found[-1]
    assert found == sorted(wanted, key=int)


@pytest.mark.parametrize(
    ("name", "operator", "value"),
    [
        ("amount", "GT", {"value": "500000"}),
        ("amount", "LTE", {"value": "500000"}),
        ("amount", "BETWEEN", {"value": "100000", "highValue": "400000"}),
        ("pipeline", "IN", {"values": ["98210457"]}),
        ("pipeline", "NOT_IN", {"values": ["98210457"]}),
        ("dealname", "CONTAINS_TOKEN", {"value": "TRAINING"}),
        ("dealname", "NOT_CONTAINS_TOKEN", {"value": "training"}),
        ("document_discount", "HAS_PROPERTY", {}),
        ("document_discount", "NOT_HAS_PROPERTY", {}),
    ],
)
def test_each_operator_finds_a_part(sandbox: Client, name: str, operator: str, value: dict[str, Any]) -> None:
    assert 0 < search(sandbox, filterGroups=where(name, operator, **value))["total"] < 250


def test_groups_are_alternatives_and_filters_in_one_all_count(sandbox: Client) -> None:
    one, other = where("pipeline", "EQ", value="default"), where("pipeline", "EQ", value="98210457")
    assert search(sandbox, filterGroups=one + other)["total"] == 250
    both = [{"filters": one[0]["filters"] + other[0]["filters"]}]
    assert search(sandbox, filterGroups=both)["total"] == 0
    assert search(sandbox, filters=one[0]["filters"])["total"] == search(sandbox, filterGroups=one)["total"]


def test_deals_of_a_company_are_found_by_association(sandbox: Client) -> None:
    deal = search(sandbox)["results"][0]["id"]
    company = sandbox.hubspot("GET", f"/crm/v4/objects/deals/{deal}/associations/companies").json()["results"][0]
    page = search(sandbox, limit=200, filterGroups=where("associations.company", "EQ", value=company["toObjectId"]))
    assert deal in [record["id"] for record in page["results"]]
    assert page["total"] < 30


def test_sorting_by_a_number_descends(sandbox: Client) -> None:
    for sorts in (["-amount"], [{"propertyName": "amount", "direction": "DESCENDING"}]):
        amounts = [record["properties"]["amount"] for record in search(sandbox, sorts=sorts, limit=50)["results"]]
        assert [float(text) for text in amounts] == sorted((float(text) for text in amounts), reverse=True)


def test_contacts_by_the_wrong_modified_property_find_nothing_and_say_nothing(sandbox: Client) -> None:
    body = {"filterGroups": where("hs_lastmodifieddate", "GTE", value="0")}
    answer = sandbox.hubspot("POST", "/crm/objects/2026-09/contacts/search", json=body)
    assert (answer.status_code, answer.json()["total"]) == (200, 0)
    body = {"filterGroups": where("lastmodifieddate", "GTE", value="0")}
    assert sandbox.hubspot("POST", "/crm/objects/2026-09/contacts/search", json=body).json()["total"] > 50


GOOD = {"propertyName": "amount", "operator": "GT", "value": "1"}


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": "x"},
        {"after": "x"},
        {"filterGroups": [{"filters": [GOOD]}] * 6},
        {"filterGroups": [{"filters": [GOOD] * 7}]},
        {"filterGroups": [{"filters": [GOOD] * 5}] * 4},
        {"filterGroups": where("nope", "EQ", value="1")},
        {"filterGroups": where("amount", "LIKE", value="1")},
        {"filterGroups": where("amount", "GT", value="much")},
        {"filterGroups": where("closedate", "GT", value="yesterday")},
        {"filterGroups": where("amount", "GT")},
        {"filterGroups": "x"},
        {"sorts": ["nope"]},
        {"properties": ["dealname"], "query": "x" * 3000},
    ],
)
def test_a_search_out_of_bounds_is_refused(sandbox: Client, body: dict[str, Any]) -> None:
    answer = sandbox.hubspot("POST", PATH, json=body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR"), answer.text


def test_search_stops_at_ten_thousand_but_lists_do_not(sandbox: Client) -> None:
    sandbox.control("reset", {"deals": 10_100})
    last = search(sandbox, limit=200, after="9800")
    assert (last["total"], len(last["results"]), last["paging"]["next"]["after"]) == (10_100, 200, "10000")
    beyond = sandbox.hubspot("POST", PATH, json={"limit": 200, "after": "10000"})
    assert (beyond.status_code, beyond.json()["category"]) == (400, "VALIDATION_ERROR")
    for after, limit, status in (("9900", 100, 200), ("9900", 101, 400), ("9999", 1, 200)):
        assert sandbox.hubspot("POST", PATH, json={"limit": limit, "after": after}).status_code == status
    seen, after = 0, "0"
    while after:
        page = sandbox.hubspot("GET", "/crm/objects/2026-09/deals", params={"limit": "100", "after": after}).json()
        seen += len(page["results"])
        after = page.get("paging", {}).get("next", {}).get("after", "")
    assert seen == 10_100
