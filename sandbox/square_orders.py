"""The search for orders, with Square's rules of what goes with what, and the fetch of many by id."""

from typing import Any

import orjson

from sandbox.square_books import ORDER, Books, Entry, micros_now
from sandbox.square_errors import bad_value, missing
from sandbox.square_lists import Query, is_ascending, make_identity, page_of, sort_of, span_of
from sandbox.square_payments import check_locations
from sandbox.square_shops import Seller

TIMES = {"CREATED_AT": "created_at", "UPDATED_AT": "updated_at", "CLOSED_AT": "closed_at"}
STATES = {"DRAFT", "OPEN", "COMPLETED", "CANCELED"}
CLOSED = {"COMPLETED", "CANCELED"}
MOST_LOCATIONS, MOST_NAMES, MOST_IDS = 10, 10, 100
USUAL_LIMIT, MOST = 500, 1000


def search_orders(books: Books, seller: Seller, body: dict[str, Any], life: float) -> dict[str, Any]:
    """POST /v2/orders/search."""
    locations = _texts(body.get("location_ids"), "location_ids", MOST_LOCATIONS)
    if not locations:
        raise missing("location_ids")
    check_locations(seller, locations)
    wanted = body.get("query") or {}
    terms, sort = wanted.get("filter") or {}, wanted.get("sort") or {}
    by = sort_of(sort.get("sort_field"), TIMES, "CREATED_AT")
    begin, end = _span(terms.get("date_time_filter") or {}, by, sort)
    states = set(_texts((terms.get("state_filter") or {}).get("states"), "states", len(STATES)))
    _check_states(states, by)
    sources = set(_texts((terms.get("source_filter") or {}).get("source_names"), "source_names", MOST_NAMES))
    customers = set(_texts((terms.get("customer_filter") or {}).get("customer_ids"), "customer_ids", MOST_NAMES))

    def test(entry: Entry) -> bool:
        return (
            (not states or entry.state in states)
            and (not sources or entry.source in sources)
            and (not customers or entry.customer_id in customers)
        )

    entries_only = body.get("return_entries") is True
    ascending, identity = is_ascending(sort.get("sort_order")), make_identity(seller.id, "orders", locations, wanted)
    unique = list(dict.fromkeys(locations))
    query = Query(ORDER, unique, by, begin, end, ascending, _limit(body.get("limit")), test, identity)
    page, cursor = page_of(books, query, str(body.get("cursor") or ""), life)
    content: dict[str, Any] = {}
    if page:
        name, show = ("order_entries", _entry) if entries_only else ("orders", _whole)
        content[name] = [show(entry) for entry in page]
    return content | ({"cursor": cursor} if cursor else {})


def retrieve_orders(books: Books, seller: Seller, body: dict[str, Any]) -> dict[str, Any]:
    """POST /v2/orders/batch-retrieve; unknown ids are left out of the answer."""
    ids = _texts(body.get("order_ids"), "order_ids", MOST_IDS)
    if not ids:
        raise missing("order_ids")
    location = body.get("location_id")
    found = [books.find(ORDER, order_id, seller.id) for order_id in dict.fromkeys(ids)]
    orders = [_whole(entry) for entry in found if entry and location in (None, "", entry.location_id)]
    return {"orders": orders} if orders else {}


def _span(given: dict[str, Any], by: str, sort: dict[str, Any]) -> tuple[int, int]:
    """Return the span of the one time that is filtered, which has to be the one that is sorted by."""
    present = [name for name in TIMES.values() if given.get(name)]
    if len(present) > 1:
        raise bad_value("Only one of created_at, updated_at and closed_at can be filtered.", "date_time_filter")
    usual = (0, micros_now() + 999)
    if not present:
        return usual
    if present[0] != by:
        asked = sort.get("sort_field") or "CREATED_AT"
        detail = f"sort_field is {asked}, but the date_time_filter is on {present[0]}; they must be the same."
        raise bad_value(detail, "query.sort.sort_field")
    span = given[by]
    return span_of(span.get("start_at"), span.get("end_at"), ("start_at", "end_at"), usual)


def _check_states(states: set[str], by: str) -> None:
    if states - STATES:
        raise bad_value(f"Unknown states: {', '.join(sorted(states - STATES))}.", "query.filter.state_filter.states")
    if by == "closed_at" and (not states or states - CLOSED):
        detail = "Orders can be filtered and sorted by closed_at only with a state_filter of closed states."
        raise bad_value(detail, "query.filter.state_filter")


def _limit(given: Any) -> int:
    if given is None:
        return USUAL_LIMIT
    if type(given) is not int or given < 1:
        raise bad_value("limit must be a whole number above 0.", "limit", "VALUE_TOO_LOW")
    if given > MOST:
        raise bad_value(f"limit must not be above {MOST}.", "limit", "VALUE_TOO_HIGH")
    return given


def _texts(given: Any, field: str, most: int) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise bad_value(f"{field} must be a list of strings.", field, "EXPECTED_ARRAY")
    if len(given) > most:
        raise bad_value(f"{field} can have {most} members at most; there are {len(given)}.", field)
    return given


def _whole(entry: Entry) -> orjson.Fragment:
    return orjson.Fragment(entry.body)


def _entry(entry: Entry) -> dict[str, Any]:
    """Return an OrderEntry; orders of a till have no version."""
    return {"order_id": entry.id, "location_id": entry.location_id}
