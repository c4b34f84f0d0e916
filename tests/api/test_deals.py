"""The deals of a connection through the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django_scopes import scopes_disabled

from crm.models import Deal
from tests.api.conftest import Tenant


def deals(tenant: Tenant) -> str:
    return f"/api/v1/crm/{tenant.connection.pk}/deals"


def test_a_page_has_25_deals_with_the_newest_closing_first(api: Client, tenant: Tenant) -> None:
    answer = api.get(deals(tenant)).json()
    assert answer["count"] == 30
    assert [deal["external_id"] for deal in answer["results"]] == [f"d{number}" for number in range(30, 5, -1)]
    assert answer["next"].endswith("/deals?page=2")
    assert answer["previous"] is None


def test_a_slash_at_the_end_is_the_same_address(api: Client, tenant: Tenant) -> None:
    assert api.get(deals(tenant) + "/").json()["results"] == api.get(deals(tenant)).json()["results"]


def test_a_deal_of_the_list_has_these_fields_and_no_payload(api: Client, tenant: Tenant) -> None:
    answer = api.get(deals(tenant), {"page_size": 1})
    [deal] = answer.json()["results"]
    assert deal == {
        "id": deal["id"], "external_id": "d30", "name": "Deal number 30", "amount": "30000.00", "currency": "NGN",
        "pipeline": "default", "stage": "open", "stage_label": "", "is_won": False, "is_closed": False,
        "is_archived": False, "close_date": "2026-12-01", "owner": "7",
        "company": {"external_id": "c30", "name": "Buyer 30 Ltd"}, "url": "", "source_updated_at": None,
    }  # fmt: skip
    assert "payload-of-the-provider" not in answer.content.decode()


@pytest.mark.parametrize(
    ("size", "shown"), [("0", "0"), ("101", "101"), ("abc", "abc"), ("-1", "-1"), ("", "nothing"), ("2.5", "2.5"),
                        ("1e2", "1e2"), (" 5", " 5"), ("٣", "٣"), ("9" * 30, "9" * 30), ("x" * 90, "x" * 40 + "…")]
)  # fmt: skip
def test_a_page_size_out_of_bounds_is_refused_by_name(size: str, shown: str, api: Client, tenant: Tenant) -> None:
    answer = api.get(deals(tenant), {"page_size": size})
    assert answer.status_code == 400
    assert answer.json() == {"page_size": [f"page_size must be between 1 and 100; {shown} was given."]}


@pytest.mark.parametrize(("size", "length"), [("1", 1), ("30", 30), ("100", 30)])
def test_a_page_size_within_bounds_is_kept(size: str, length: int, api: Client, tenant: Tenant) -> None:
    assert len(api.get(deals(tenant), {"page_size": size}).json()["results"]) == length


@pytest.mark.parametrize("page", ["0", "-1", "abc", "", "1.0", "last", "9" * 5000])
def test_a_page_that_is_no_number_from_1_is_refused_by_name(page: str, api: Client, tenant: Tenant) -> None:
    answer = api.get(deals(tenant), {"page": page})
    assert answer.status_code == 400
    assert answer.json()["page"][0].startswith("page must be between 1 and ")


def test_a_page_past_the_end_is_not_found_and_says_how_many_there_are(api: Client, tenant: Tenant) -> None:
    answer = api.get(deals(tenant), {"page": 3})
    assert (answer.status_code, answer.json()) == (404, {"detail": "There is no page 3: this list has 2 pages."})
    assert api.get(deals(tenant), {"page": 2}).json()["next"] is None


def test_the_first_page_of_nothing_is_an_empty_list(api: Client, tenant: Tenant) -> None:
    assert api.get(deals(tenant), {"search": "nobody has this"}).json()["results"] == []


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"won": "true"}, 15),
        ({"won": "false"}, 15),
        ({"stage": "closedwon"}, 15),
        ({"pipeline": "default"}, 30),
        ({"pipeline": "another"}, 0),
        ({"owner": "7"}, 30),
        ({"owner": "8"}, 0),
        ({"closed_from": "2026-11-29"}, 3),
        ({"closed_to": "2026-11-03"}, 2),
        ({"closed_from": "2026-11-05", "closed_to": "2026-11-06"}, 2),
        ({"search": "number 30"}, 1),
        ({"search": "BUYER 7 ltd"}, 1),
        ({"search": "d12"}, 1),
        ({"search": "%"}, 0),
    ],
)
def test_the_list_narrows(filters: dict[str, str], count: int, api: Client, tenant: Tenant) -> None:
    assert api.get(deals(tenant), filters).json()["count"] == count


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"won": "maybe"}, "won must be true or false; maybe was given."),
        ({"closed_from": "last week"}, "closed_from must be a day like 2026-11-22."),
        ({"closed_to": "2026-13-01"}, "closed_to must be a day like 2026-11-22."),
        ({"ordering": "organization"}, "ordering must be one of close_date, -close_date"),
        ({"ordering": "--name"}, "--name was given."),
        ({"search": "a\x00b"}, "Null characters"),
        ({"search": "x" * 201}, "at most 200"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(wrong: dict[str, str], words: str, api: Client, tenant: Tenant) -> None:
    answer = api.get(deals(tenant), wrong)
    assert answer.status_code == 400
    [[sentence]] = answer.json().values()
    assert words in sentence


@pytest.mark.parametrize(
    ("ordering", "first"), [("amount", "d1"), ("-amount", "d30"), ("close_date", "d1"), ("name", "d1")]
)
def test_the_list_comes_in_the_order_asked_for(ordering: str, first: str, api: Client, tenant: Tenant) -> None:
    assert api.get(deals(tenant), {"ordering": ordering}).json()["results"][0]["external_id"] == first


def test_deals_without_a_day_are_last_or_in_the_falling_order_first(api: Client, tenant: Tenant) -> None:
    with scopes_disabled():
        Deal.objects.filter(external_id="d17").update(close_date=None)
    rising, falling = (
        [deal["external_id"] for deal in api.get(deals(tenant), {"ordering": order, "page_size": 30}).json()["results"]]
        for order in ("close_date", "-close_date")
    )
    assert (rising[0], rising[-1]) == ("d1", "d17")
    assert falling == rising[::-1]


def test_the_pages_of_any_order_hold_each_deal_once(api: Client, tenant: Tenant) -> None:
    pages = [api.get(deals(tenant), {"ordering": "source_updated_at", "page_size": 7, "page": n}) for n in range(1, 6)]
    seen = [deal["external_id"] for page in pages for deal in page.json()["results"]]
    assert len(seen) == len(set(seen)) == 30


def test_a_list_asks_the_database_equally_often_for_any_size(
    api: Client, tenant: Tenant, django_assert_num_queries: Any
) -> None:
    # session, user, membership twice, own organizations, connection, count, page
    for size in ("1", "30"):
        with django_assert_num_queries(8):
            api.get(deals(tenant), {"page_size": size})


def test_one_deal_comes_with_its_lines_parties_and_invoices(api: Client, tenant: Tenant, invoices: list[int]) -> None:
    deal = api.get(f"{deals(tenant)}/d1").json()
    [line] = deal["lines"]
    assert (line["quantity"], line["unit_price"], line["amount"]) == ("1.5", "666.6667", "1000.00")
    assert deal["company"]["tin"] == "90000000-0001"
    assert deal["contact"] is None
    [invoice] = deal["invoices"]
    assert invoice == {"id": invoices[0], "number": "INV000001", "status": "ready", "problem": ""}
    assert api.get(f"{deals(tenant)}/d1/").json() == deal


@pytest.mark.parametrize("wrong", ["d31", "D1", "1"])
def test_a_deal_that_is_not_there_is_a_sentence(wrong: str, api: Client, tenant: Tenant) -> None:
    answer = api.get(f"{deals(tenant)}/{wrong}")
    assert answer.status_code == 404
    assert answer.json() == {"detail": f"Connection {tenant.connection.pk} has no deal {wrong}."}


@pytest.mark.parametrize("path", ["/api/v1/crm/99999999999999999999/deals", "/api/v1/crm/0/deals",
                                  "/api/v1/crm/x/deals", "/api/v1/crm/" + "9" * 5000 + "/deals",
                                  "/api/v1/crm/1/deals/%00", "/api/v1/crm/99999999999999/deals/d1"])  # fmt: skip
def test_an_address_that_leads_nowhere_is_not_found(path: str, api: Client) -> None:
    assert api.get(path).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_deals_are_read_only(method: str, api: Client, tenant: Tenant) -> None:
    assert getattr(api, method)(deals(tenant)).status_code == 405
