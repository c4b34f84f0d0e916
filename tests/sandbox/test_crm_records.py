"""Records of the CRM: shapes, paging, batch reads, writes."""

import pytest

from tests.sandbox.client import Client

LIST = "/crm/objects/2026-09/deals"
READ = "/crm/objects/2026-09/{}/batch/read"


def walk(sandbox: Client, path: str, **params: str) -> list[dict]:
    records, after = [], ""
    while True:
        page = sandbox.hubspot("GET", path, params=params | ({"after": after} if after else {})).json()
        records += page["results"]
        if "paging" not in page:
            return records
        after = page["paging"]["next"]["after"]


def test_a_record_has_the_original_shape(sandbox: Client) -> None:
    record = sandbox.hubspot("GET", LIST, params={"limit": "1"}).json()["results"][0]
    assert set(record) == {"id", "properties", "createdAt", "updatedAt", "archived", "url"}
    assert record["archived"] is False
    assert record["properties"]["hs_object_id"] == record["id"]
    assert set(record["properties"]) == {
        "dealname", "amount", "closedate", "pipeline", "dealstage", "createdate", "hs_lastmodifieddate", "hs_object_id",
    }  # fmt: skip


def test_only_known_properties_come_and_empty_ones_are_null(sandbox: Client) -> None:
    for params in ({"properties": "dealname,nope,description"}, {"properties": ["dealname", "nope", "description"]}):
        record = sandbox.hubspot("GET", LIST, params={"limit": "1", **params}).json()["results"][0]
        assert set(record["properties"]) == {
            "dealname", "description", "createdate", "hs_lastmodifieddate", "hs_object_id",
        }  # fmt: skip
        assert record["properties"]["description"] is None


def test_every_value_is_text_or_null(sandbox: Client) -> None:
    for kind in ("deals", "line_items", "companies", "contacts"):
        names = [item["name"] for item in sandbox.hubspot("GET", f"/crm/properties/2026-09/{kind}").json()["results"]]
        path = f"/crm/objects/2026-09/{kind}"
        for record in walk(sandbox, path, limit="100", properties=",".join(names)):
            assert all(value is None or isinstance(value, str) for value in record["properties"].values())


@pytest.mark.parametrize("path", ["/crm/objects/2026-09/deals", "/crm/objects/2026-03/0-3", "/crm/v3/objects/deals"])
def test_each_version_and_spelling_gives_the_same_deals(sandbox: Client, path: str) -> None:
    records = walk(sandbox, path, limit="90")
    ids = [int(record["id"]) for record in records]
    assert len(ids) == 250
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten", "1e1"])
def test_a_page_size_out_of_bounds_is_refused(sandbox: Client, limit: str) -> None:
    answer = sandbox.hubspot("GET", LIST, params={"limit": limit})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert answer.json()["correlationId"]


def test_pages_with_history_are_smaller(sandbox: Client) -> None:
    params = {"limit": "51", "propertiesWithHistory": "amount"}
    assert sandbox.hubspot("GET", LIST, params=params).status_code == 400


def test_archived_lists_are_empty(sandbox: Client) -> None:
    assert sandbox.hubspot("GET", LIST, params={"archived": "true"}).json() == {"results": []}


def test_associations_come_inline_one_entry_a_label(sandbox: Client) -> None:
    records = walk(sandbox, LIST, limit="100", associations="companies,contacts,line_items")
    with_all = [record for record in records if set(record.get("associations", {})) == {
        "companies", "contacts", "line items"}]  # fmt: skip
    assert len(with_all) > 200
    company = with_all[0]["associations"]["companies"]["results"]
    assert [entry["type"] for entry in company] == ["deal_to_company", "deal_to_company_unlabeled"]
    assert company[0]["id"] == company[1]["id"]
    none_of = [record for record in records if "line items" not in record.get("associations", {})]
    assert len(none_of) >= 2


def test_inline_associations_are_cut_at_100(sandbox: Client) -> None:
    sandbox.control("reset", {"deals": 5})
    write = sandbox.connect(scope=f"{SCOPES_TO_WRITE}")["access_token"]
    deal = sandbox.hubspot("GET", LIST, params={"limit": "1"}).json()["results"][0]["id"]
    for number in range(101):
        body = {
            "properties": {"name": f"Line {number}", "quantity": "1", "price": "5"},
            "associations": [
                {"to": {"id": deal}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 20}]}
            ],
        }
        sandbox.control("settings", {"limits": False})
        answer = sandbox.hubspot("POST", "/crm/objects/2026-09/line_items", write, json=body)
        assert answer.status_code == 201
    lines = sandbox.hubspot("GET", f"{LIST}/{deal}", params={"associations": "line_items"}).json()["associations"]
    assert len(lines["line items"]["results"]) == 100
    assert lines["line items"]["paging"]["next"]["after"]
    path = f"/crm/objects/2026-03/deals/{deal}/associations/line_items"
    whole = sandbox.hubspot("GET", path).json()["results"]
    assert len(whole) > 100
    first = sandbox.hubspot("GET", path, params={"limit": "60"}).json()
    after = first["paging"]["next"]["after"]
    second = sandbox.hubspot("GET", path, params={"limit": "60", "after": after}).json()
    assert first["results"] + second["results"] == whole


SCOPES_TO_WRITE = (
    "oauth crm.objects.deals.read crm.objects.deals.write crm.objects.line_items.read crm.objects.line_items.write"
)


def test_one_record_by_id_and_an_unknown_id(sandbox: Client) -> None:
    first = sandbox.hubspot("GET", LIST).json()["results"][0]
    assert sandbox.hubspot("GET", f"/crm/v3/objects/0-3/{first['id']}").json() == first
    for unknown in ("999", "abc"):
        answer = sandbox.hubspot("GET", f"{LIST}/{unknown}")
        assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")
        assert answer.json()["context"]["id"] == [unknown]


def test_a_batch_read_answers_what_exists_and_names_the_rest(sandbox: Client) -> None:
    first = sandbox.hubspot("GET", LIST).json()["results"][0]["id"]
    body = {"inputs": [{"id": first}, {"id": "999"}], "properties": ["dealname"]}
    answer = sandbox.hubspot("POST", READ.format("deals"), json=body)
    assert answer.status_code == 207
    content = answer.json()
    assert [record["id"] for record in content["results"]] == [first]
    assert content["numErrors"] == 1
    assert content["errors"][0]["context"] == {"ids": ["999"]}
    whole = sandbox.hubspot("POST", READ.format("deals"), json={"inputs": [{"id": first}]})
    assert (whole.status_code, whole.json()["status"]) == (200, "COMPLETE")


@pytest.mark.parametrize(
    "body", [{"inputs": [{"id": "1"}] * 101}, {"inputs": "x"}, {}, {"inputs": [{"no": "id"}]}, {"inputs": [7]}, [1]]
)
def test_a_malformed_batch_is_refused(sandbox: Client, body: object) -> None:
    answer = sandbox.hubspot("POST", READ.format("deals"), json=body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_a_body_that_is_no_json_is_refused_with_its_place(sandbox: Client) -> None:
    answer = sandbox.hubspot("POST", READ.format("deals"), data="{bad")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Invalid input JSON on line 1, column 2")


def test_unknown_types_versions_and_paths_are_refused(sandbox: Client) -> None:
    assert sandbox.hubspot("GET", "/crm/objects/2026-09/unicorns").status_code == 400
    assert sandbox.hubspot("GET", "/crm/objects/2025-01/deals").status_code == 404
    assert sandbox.hubspot("GET", "/crm/objects/v4/deals").status_code == 404
    assert sandbox.hubspot("GET", "/crm/nothing").status_code == 404
    assert sandbox.hubspot("GET", LIST + "?properties=" + "x" * 9000).status_code == 414


def test_an_edit_through_the_api_moves_stage_facts_and_the_modified_time(sandbox: Client) -> None:
    write = sandbox.connect(scope=SCOPES_TO_WRITE)["access_token"]
    open_deal = next(
        record
        for record in walk(sandbox, LIST, limit="100", properties="hs_is_closed,hs_is_closed_won")
        if record["properties"]["hs_is_closed"] == "false"
    )
    body = {"properties": {"dealstage": "closedwon", "amount": "10"}}
    answer = sandbox.hubspot("PATCH", f"{LIST}/{open_deal['id']}", write, json=body)
    assert answer.status_code == 200
    assert answer.json()["updatedAt"] > open_deal["updatedAt"]
    params = {"properties": "hs_is_closed_won,amount,hs_closed_won_date"}
    after = sandbox.hubspot("GET", f"{LIST}/{open_deal['id']}", params=params).json()["properties"]
    assert (after["hs_is_closed_won"], after["amount"]) == ("true", "10")
    assert after["hs_closed_won_date"]


def test_a_write_is_refused_for_bad_values_and_without_the_scope(sandbox: Client) -> None:
    write = sandbox.connect(scope=SCOPES_TO_WRITE)["access_token"]
    deal = sandbox.hubspot("GET", LIST).json()["results"][0]["id"]
    body = {"properties": {"nope": "1", "amount": "NaN", "dealstage": "nowhere"}}
    answer = sandbox.hubspot("PATCH", f"{LIST}/{deal}", write, json=body)
    assert answer.status_code == 400
    for word in ("PROPERTY_DOESNT_EXIST", "INVALID_NUMBER", "INVALID_OPTION"):
        assert word in answer.json()["message"]
    assert sandbox.hubspot("PATCH", f"{LIST}/{deal}", json={"properties": {}}).status_code == 403


def test_a_deal_can_be_created_with_its_company(sandbox: Client) -> None:
    write = sandbox.connect(scope=SCOPES_TO_WRITE)["access_token"]
    company = sandbox.hubspot("GET", "/crm/objects/2026-09/companies").json()["results"][0]["id"]
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}]
    body = {"properties": {"dealname": "New"}, "associations": [{"to": {"id": company}, "types": types}]}
    made = sandbox.hubspot("POST", LIST, write, json=body)
    assert made.status_code == 201
    read = sandbox.hubspot("GET", f"{LIST}/{made.json()['id']}", params={"associations": "companies"}).json()
    assert read["properties"]["dealstage"] == "appointmentscheduled"
    assert read["associations"]["companies"]["results"][0]["id"] == company
