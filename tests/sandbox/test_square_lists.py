"""Lists, searches and look-ups of Square as the sandbox plays them: who sees what, in which order, in which pages."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.client import Client
from tests.sandbox.square_client import LARGE, MIDDLE, SHOP, SMALL, SquareClient


@pytest.fixture
def square(sandbox: Client) -> SquareClient:
    """Return the app with the small seller's token."""
    return SquareClient(sandbox, sandbox.control("square/connect", {})["access_token"])


def of(square: SquareClient, merchant: str) -> SquareClient:
    token = square.sandbox.control("square/connect", {"merchant_id": merchant})["access_token"]
    return SquareClient(square.sandbox, token)


def search(square: SquareClient, *shops: str, **more: Any) -> dict[str, Any]:
    return square.ask("orders/search", {"location_ids": list(shops or [SHOP])} | more)


def by(field: str, order: str = "ASC", states: tuple[str, ...] = (), **span: str) -> dict[str, Any]:
    terms: dict[str, Any] = {"date_time_filter": {field: span}}
    if states:
        terms["state_filter"] = {"states": list(states)}
    return {"filter": terms, "sort": {"sort_field": field.upper(), "sort_order": order}}


def test_a_seller_sees_nothing_of_another(square: SquareClient) -> None:
    order = square.ring_up(merchant_id=MIDDLE)
    assert square.refused("GET", f"/v2/orders/{order['id']}", 404) == "NOT_FOUND"
    assert square.refused("GET", f"/v2/payments/{order['tenders'][0]['id']}", 404) == "NOT_FOUND"
    assert square.refused("POST", "/v2/orders/search", 403, json={"location_ids": ["LCALABASH001"]}) == "FORBIDDEN"
    assert square.refused("GET", "/v2/payments?location_id=LCALABASH001", 403) == "FORBIDDEN"
    assert square.ask("orders/batch-retrieve", {"order_ids": [order["id"]]}) == {}
    assert square.refused("GET", "/v2/customers/CCALABASH0001", 404) == "NOT_FOUND"
    assert square.refused("GET", f"/v2/merchants/{MIDDLE}", 404) == "NOT_FOUND"


def test_payments_are_those_of_the_main_shop_unless_one_is_named_and_refunds_those_of_all(square: SquareClient) -> None:
    app = of(square, MIDDLE)
    for shop in ("LCALABASH001", "LCALABASH003", "LCALABASH003"):
        order = square.ring_up(merchant_id=MIDDLE, location_id=shop)
        square.sandbox.control("square/refunds", {"order_id": order["id"]})
    assert len(app.read("payments")["payments"]) == 1
    assert len(app.read("payments", location_id="LCALABASH003")["payments"]) == 2
    assert len(app.read("refunds")["refunds"]) == 3
    assert len(app.read("refunds", location_id="LCALABASH001")["refunds"]) == 1


def test_empty_answers_have_no_list_and_no_cursor(square: SquareClient) -> None:
    assert square.read("payments") == square.read("refunds") == search(square) == {}


def test_the_newest_payment_comes_first_and_a_large_limit_is_ignored(square: SquareClient) -> None:
    square.sandbox.control("square/history", {"sales": 103})
    page = square.read("payments", limit=1000)
    times = [payment["created_at"] for payment in page["payments"]]
    assert (len(times), times) == (100, sorted(times, reverse=True))
    rest = square.read("payments", limit=1000, cursor=page["cursor"])
    assert len(rest["payments"]) == 3
    assert "cursor" not in rest


def test_payments_of_more_than_a_year_ago_need_a_begin_time(square: SquareClient) -> None:
    old = datetime.now(UTC) - timedelta(days=400)
    square.ring_up(at=old.isoformat())
    assert square.read("payments") == {}
    since = {"updated_at_begin_time": "2020-01-01T00:00:00Z", "sort_field": "UPDATED_AT"}
    assert square.read("payments", **since) == {}
    assert len(square.read("payments", begin_time="2020-01-01T00:00:00Z", **since)["payments"]) == 1


def test_both_ends_of_a_span_are_part_of_it(square: SquareClient) -> None:
    orders = [square.ring_up(at=f"2026-03-01T10:00:0{second}Z") for second in range(4)]
    first, last = orders[1]["updated_at"], orders[2]["updated_at"]
    found = search(square, query=by("updated_at", start_at=first, end_at=last))["orders"]
    assert [order["id"] for order in found] == [order["id"] for order in orders[1:3]]
    payments = square.read("payments", begin_time=first, end_time=last)["payments"]
    assert {payment["order_id"] for payment in payments} == {order["id"] for order in found}


def test_pages_merge_shops_and_show_each_order_once_while_sales_go_on(square: SquareClient) -> None:
    app, shops = of(square, MIDDLE), [f"LCALABASH00{number}" for number in (1, 2, 3)]
    square.sandbox.control("square/history", {"merchant_id": MIDDLE, "sales": 15})
    query, seen, cursor = by("updated_at", start_at="2020-01-01T00:00:00Z"), [], None
    while True:
        page = search(app, *shops, query=query, limit=7, **({"cursor": cursor} if cursor else {}))
        seen += page["orders"]
        time.sleep(0.01)  # times are in whole milliseconds: the next sale must not share that of the first page
        square.ring_up(merchant_id=MIDDLE)  # beyond the end of the query, which is the moment of the first page
        if not (cursor := page.get("cursor")):
            break
    assert len(seen) == len({order["id"] for order in seen}) == 45
    assert [order["updated_at"] for order in seen] == sorted(order["updated_at"] for order in seen)
    assert {order["location_id"] for order in seen} == set(shops)


def test_a_cursor_goes_with_its_query_only_and_dies(square: SquareClient) -> None:
    square.sandbox.control("square/history", {"sales": 5})
    query = by("updated_at", start_at="2020-01-01T00:00:00Z")
    cursor = search(square, query=query, limit=2)["cursor"]
    body = {"location_ids": [SHOP], "query": query, "cursor": cursor}
    other = body | {"query": by("updated_at", start_at="2021-01-01T00:00:00Z")}
    assert square.refused("POST", "/v2/orders/search", 400, json=other) == "INVALID_CURSOR"
    assert square.refused("POST", "/v2/orders/search", 400, json=body | {"cursor": "nonsense"}) == "INVALID_CURSOR"
    assert len(square.ask("orders/search", body)["orders"]) == 3
    square.switch(cursor_s=0.05)
    time.sleep(0.1)
    assert square.refused("POST", "/v2/orders/search", 400, json=body) == "INVALID_CURSOR"


@pytest.mark.parametrize(
    "body",
    [
        {"location_ids": [f"LIROKOLANE{number:03}" for number in range(1, 12)]},
        {"location_ids": []},
        {"query": {"filter": {"date_time_filter": {"updated_at": {"start_at": "2026-01-01T00:00:00Z"}}}}},
        {"query": by("closed_at")},
        {"query": by("closed_at", states=("COMPLETED",), start_at="2026-01-01T00:00:00Z") | {"sort": {}}},
        {"query": by("closed_at", states=("OPEN",), start_at="2026-01-01T00:00:00Z")},
        {"query": by("updated_at", order="UP")},
        {"query": by("updated_at", start_at="yesterday")},
        {"query": by("updated_at", start_at="2026-01-02T00:00:00Z", end_at="2026-01-01T00:00:00Z")},
        {"limit": 1001},
        {"limit": 0},
    ],
)
def test_a_search_that_breaks_a_rule_is_refused(square: SquareClient, body: dict[str, Any]) -> None:
    app = of(square, LARGE)
    assert app.refused("POST", "/v2/orders/search", 400, json={"location_ids": ["LIROKOLANE001"]} | body)


def test_a_search_that_sorts_by_another_time_says_so(square: SquareClient) -> None:
    query = by("updated_at", start_at="2026-01-01T00:00:00Z") | {"sort": {"sort_field": "CREATED_AT"}}
    answer = square.call("POST", "/v2/orders/search", json={"location_ids": [SHOP], "query": query})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["field"]) == (400, "INVALID_VALUE", "query.sort.sort_field")


def test_orders_are_found_by_state_source_and_customer(square: SquareClient) -> None:
    done, left = square.ring_up(customer_id="CMANGOROW0003"), square.ring_up(state="OPEN")
    closed = by("closed_at", states=("COMPLETED",), start_at="2020-01-01T00:00:00Z")
    assert [order["id"] for order in search(square, query=closed)["orders"]] == [done["id"]]
    customer = {"filter": {"customer_filter": {"customer_ids": ["CMANGOROW0003"]}}}
    assert [order["id"] for order in search(square, query=customer)["orders"]] == [done["id"]]
    assert search(square, query={"filter": {"source_filter": {"source_names": ["Web shop"]}}}) == {}
    opened = {"filter": {"state_filter": {"states": ["OPEN"]}}}
    assert [order["id"] for order in search(square, query=opened)["orders"]] == [left["id"]]
    assert "version" not in done


def test_lists_trail_the_tills_by_the_lag(square: SquareClient) -> None:
    before = square.ring_up(state="OPEN")
    square.switch(lag_s=0.6)
    order = square.ring_up()
    finished = square.sandbox.control(f"square/sales/{before['id']}/finish", {"state": "COMPLETED"})
    assert finished["state"] == "COMPLETED"
    assert square.refused("GET", f"/v2/orders/{order['id']}", 404) == "NOT_FOUND"
    assert square.read(f"orders/{before['id']}")["order"]["state"] == "OPEN"
    assert len(square.read("payments")["payments"]) == 1
    time.sleep(0.7)
    assert square.read(f"orders/{order['id']}")["order"]["id"] == order["id"]
    assert square.read(f"orders/{before['id']}")["order"]["state"] == "COMPLETED"
    assert len(square.read("payments")["payments"]) == 2


def test_offline_sales_come_late_and_are_found_by_their_own_time(square: SquareClient) -> None:
    square.ring_up()
    order = square.ring_up(offline_at="2026-02-03T09:00:00Z")
    (payment,) = square.read("payments", is_offline_payment="true")["payments"]
    assert (payment["order_id"], payment["is_offline_payment"]) == (order["id"], True)
    assert payment["offline_payment_details"]["client_created_at"] == "2026-02-03T09:00:00.000Z"
    assert payment["created_at"] > "2026-02-04"
    span = {"offline_begin_time": "2026-02-03T00:00:00Z", "offline_end_time": "2026-02-04T00:00:00Z"}
    found = square.read("payments", sort_field="OFFLINE_CREATED_AT", **span)["payments"]
    assert [each["id"] for each in found] == [payment["id"]]
    square.switch(offline_keeps_time=True)
    assert square.ring_up(offline_at="2026-02-03T09:00:00Z")["created_at"] == "2026-02-03T09:00:00.000Z"


def test_a_missing_scope_is_a_403_and_the_version_is_echoed(square: SquareClient) -> None:
    answer = square.call("GET", "/v2/locations", headers={"Square-Version": "2025-08-20"})
    assert answer.headers["Square-Version"] == "2025-08-20"
    missing = square.call("GET", "/v2/orders/O0", headers={"Square-Version": "2025-08-20"})
    assert (missing.status_code, missing.headers["Square-Version"]) == (404, "2025-08-20")
    bad = {"Square-Version": "new"}
    assert square.refused("GET", "/v2/locations", 400, headers=bad) == "INVALID_SQUARE_VERSION_FORMAT"
    square.switch(missing_scopes=["ORDERS_READ"])
    assert square.refused("POST", "/v2/orders/search", 403, json={"location_ids": [SHOP]}) == "INSUFFICIENT_SCOPES"
    assert square.read("locations")["locations"]


def test_a_large_seller_has_its_shops_by_name(square: SquareClient) -> None:
    names = [shop["name"] for shop in of(square, LARGE).read("locations")["locations"]]
    assert (len(names), names) == (12, sorted(names))
    assert square.read("merchants/me")["merchant"]["id"] == SMALL


def test_a_cursor_of_people_goes_with_its_query_only_and_dies(square: SquareClient) -> None:
    cursor = square.read("customers", limit=20)["cursor"]
    for path in ("customers?sort_order=DESC&", "catalog/list?"):
        assert square.refused("GET", f"/v2/{path}cursor={cursor}", 400) == "INVALID_CURSOR"
    found = square.ask("customers/search", {"limit": 20})["cursor"]
    other = {"query": {"filter": {"email_address": {"fuzzy": "example"}}}, "cursor": found}
    assert square.refused("POST", "/v2/customers/search", 400, json=other) == "INVALID_CURSOR"
    assert len(square.ask("customers/search", {"cursor": found})["customers"]) == 10
    things = square.ask("catalog/search", {"object_types": ["ITEM"], "limit": 5})["cursor"]
    other = {"object_types": ["TAX"], "cursor": things}
    assert square.refused("POST", "/v2/catalog/search", 400, json=other) == "INVALID_CURSOR"
    square.switch(cursor_s=0.05)
    time.sleep(0.1)
    assert square.refused("GET", f"/v2/customers?limit=20&cursor={cursor}", 400) == "INVALID_CURSOR"


def test_customers_and_the_price_list_are_paged_and_searched(square: SquareClient) -> None:
    page = square.read("customers", limit=20)
    rest = square.read("customers", limit=20, cursor=page["cursor"])
    assert len({each["id"] for each in page["customers"] + rest["customers"]}) == 30
    mail = page["customers"][0]["email_address"]
    found = square.ask("customers/search", {"query": {"filter": {"email_address": {"exact": mail}}}})
    assert [each["id"] for each in found["customers"]] == [page["customers"][0]["id"]]
    assert square.refused("GET", "/v2/customers?limit=101", 400) == "VALUE_TOO_HIGH"
    taxes = square.read("catalog/list", types="TAX")["objects"]
    assert {tax["tax_data"]["inclusion_type"] for tax in taxes} == {"ADDITIVE", "INCLUSIVE"}
    latest = square.ask("catalog/search", {"object_types": ["ITEM"]})["latest_time"]
    assert "objects" not in square.ask("catalog/search", {"object_types": ["ITEM"], "begin_time": latest})
