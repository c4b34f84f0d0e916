"""Associations, pipelines, owners, the account, property definitions."""

import pytest

from tests.sandbox.client import Client

DEALS = "/crm/objects/2026-09/deals"
PATHS = [
    "/crm/associations/2026-09/deals/{}/batch/read",
    "/crm/associations/2026-03/0-3/{}/batch/read",
    "/crm/v4/associations/deals/{}/batch/read",
]


def deals_without(sandbox: Client, words: str, name: str) -> tuple[list[str], list[str]]:
    ids: dict[bool, list[str]] = {True: [], False: []}
    for after in ("0", "9081000101", "9081000201"):
        page = sandbox.hubspot("GET", DEALS, params={"limit": "100", "associations": name, "after": after}).json()
        for record in page["results"]:
            ids[words in record.get("associations", {})].append(record["id"])
    return ids[True], ids[False]


@pytest.mark.parametrize("path", PATHS)
def test_deals_without_a_company_are_left_out_and_named(sandbox: Client, path: str) -> None:
    some, none = deals_without(sandbox, "companies", "companies")
    body = {"inputs": [{"id": some[0]}, {"id": none[0]}]}
    answer = sandbox.hubspot("POST", path.format("companies"), json=body)
    assert answer.status_code == 207
    content = answer.json()
    assert [result["from"] for result in content["results"]] == [{"id": some[0]}]
    target = content["results"][0]["to"][0]
    assert isinstance(target["toObjectId"], int)
    assert target["associationTypes"] == [
        {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"},
        {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None},
    ]
    error = content["errors"][0]
    assert error["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert error["message"] == f"No company is associated with deal {none[0]}."
    assert error["context"]["fromObjectId"] == [none[0]]


def test_a_batch_without_gaps_is_a_plain_200(sandbox: Client) -> None:
    some, _ = deals_without(sandbox, "line items", "line_items")
    body = {"inputs": [{"id": text} for text in some]}
    answer = sandbox.hubspot("POST", PATHS[0].format("line_items"), json=body)
    assert (answer.status_code, "errors" in answer.json()) == (200, False)
    assert len(answer.json()["results"]) == len(some)


def test_batch_read_and_inline_associations_agree_in_both_directions(sandbox: Client) -> None:
    deal = sandbox.hubspot("GET", DEALS, params={"limit": "1", "associations": "line_items"}).json()["results"][0]
    inline = {entry["id"] for entry in deal["associations"]["line items"]["results"]}
    body = {"inputs": [{"id": deal["id"]}]}
    batch = sandbox.hubspot("POST", PATHS[0].format("line_items"), json=body).json()["results"][0]["to"]
    assert {str(target["toObjectId"]) for target in batch} == inline
    line = min(inline)
    back = sandbox.hubspot("GET", f"/crm/v4/objects/line_items/{line}/associations/deals").json()["results"]
    assert [target["toObjectId"] for target in back] == [int(deal["id"])]
    assert back[0]["associationTypes"][0]["typeId"] == 20


def test_a_company_sees_its_deals_under_the_backward_types(sandbox: Client) -> None:
    deal = sandbox.hubspot("GET", DEALS, params={"limit": "1", "associations": "companies"}).json()["results"][0]
    company = deal["associations"]["companies"]["results"][0]["id"]
    back = sandbox.hubspot("GET", f"/crm/objects/2026-09/companies/{company}/associations/deals").json()["results"]
    types = next(target["associationTypes"] for target in back if target["toObjectId"] == int(deal["id"]))
    assert [entry["typeId"] for entry in types] == [6, 342]


def test_more_than_1000_inputs_are_refused(sandbox: Client) -> None:
    body = {"inputs": [{"id": "1"}] * 1001}
    assert sandbox.hubspot("POST", PATHS[0].format("companies"), json=body).status_code == 400


def test_some_deals_have_two_companies_and_one_is_primary(sandbox: Client) -> None:
    some, _ = deals_without(sandbox, "companies", "companies")
    content = sandbox.hubspot("POST", PATHS[0].format("companies"), json={"inputs": [{"id": text} for text in some]})
    two = [result["to"] for result in content.json()["results"] if len(result["to"]) == 2]
    assert two
    for targets in two:
        types = [{entry["typeId"] for entry in target["associationTypes"]} for target in targets]
        assert sorted(types, key=len) == [{341}, {5, 341}]


def test_labels_tell_the_type_of_the_primary_company(sandbox: Client) -> None:
    for path in ("/crm/associations/2026-09/deals/companies/labels", "/crm/v4/associations/deals/companies/labels"):
        found = sandbox.hubspot("GET", path).json()["results"]
        assert {entry["typeId"]: entry["label"] for entry in found} == {5: "Primary", 341: None}


@pytest.mark.parametrize("path", ["/crm/pipelines/2026-09/deals", "/crm/v3/pipelines/deals"])
def test_each_pipeline_has_its_own_won_stage(sandbox: Client, path: str) -> None:
    pipelines = sandbox.hubspot("GET", path).json()["results"]
    won = [
        stage["id"]
        for pipeline in pipelines
        for stage in pipeline["stages"]
        if stage["metadata"] == {"isClosed": "true", "probability": "1.0"}
    ]
    assert won == ["closedwon", "180530013"]
    assert sandbox.hubspot("GET", f"{path}/default").json() == pipelines[0]
    assert sandbox.hubspot("GET", f"{path}/default/stages").json()["results"] == pipelines[0]["stages"]
    assert sandbox.hubspot("GET", f"{path}/none").status_code == 404


def test_archived_owners_come_only_when_asked_for(sandbox: Client) -> None:
    path = "/crm/owners/2026-09"
    live = sandbox.hubspot("GET", path).json()["results"]
    assert len(live) == 3
    page = sandbox.hubspot("GET", path, params={"limit": "2"}).json()
    rest = sandbox.hubspot("GET", path, params={"after": page["paging"]["next"]["after"]}).json()["results"]
    assert page["results"] + rest == live
    gone = sandbox.hubspot("GET", path, params={"archived": "true"}).json()["results"]
    assert [(owner["archived"], owner["userId"]) for owner in gone] == [(True, None)]
    assert sandbox.hubspot("GET", f"{path}/{gone[0]['id']}").status_code == 404
    assert sandbox.hubspot("GET", f"{path}/{live[0]['id']}").json() == live[0]
    by_user = sandbox.hubspot("GET", f"{path}/{live[0]['userId']}", params={"idProperty": "userId"})
    assert by_user.json() == live[0]


def test_the_account_tells_zone_and_currency(sandbox: Client) -> None:
    for path in ("/account-info/2026-09/details", "/account-info/v3/details"):
        account = sandbox.hubspot("GET", path).json()
        assert account["timeZone"] == "Africa/Lagos"
        assert account["companyCurrency"] == "NGN"
        assert account["utcOffsetMilliseconds"] == 3_600_000


def test_property_definitions_name_ours_beside_hubspots_own(sandbox: Client) -> None:
    definitions = sandbox.hubspot("GET", "/crm/properties/2026-09/line_items").json()["results"]
    by_name = {definition["name"]: definition for definition in definitions}
    assert by_name["tax_category"]["hubspotDefined"] is False
    assert next(option["value"] for option in by_name["tax_category"]["options"]) == "STANDARD_VAT"
    assert by_name["price"]["type"] == "number"
    assert sandbox.hubspot("GET", "/crm/properties/2026-09/deals/amount").json()["name"] == "amount"
    assert sandbox.hubspot("GET", "/crm/properties/2026-09/deals/nope").status_code == 404
