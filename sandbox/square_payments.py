"""Lists of payments and refunds, by shop, time and status."""

from typing import Any

import orjson

from sandbox.square_books import PAYMENT, REFUND, Books, Entry
from sandbox.square_errors import square_error
from sandbox.square_lists import (
    FOREVER,
    Query,
    arguments,
    is_ascending,
    last_year,
    limit_of,
    make_identity,
    page_of,
    sort_of,
    span_of,
)
from sandbox.square_shops import Seller
from sandbox.web import Request

TIMES = {"CREATED_AT": "created_at", "UPDATED_AT": "updated_at"}
PAYMENT_TIMES = TIMES | {"OFFLINE_CREATED_AT": "offline_created_at"}
MOST = 100
Span = tuple[int, int]


def list_payments(books: Books, seller: Seller, request: Request, life: float) -> dict[str, Any]:
    """GET /v2/payments: of one shop, the main one unless another is named."""
    ask = request.argument
    spans = _spans(request)
    names = ("offline_begin_time", "offline_end_time")
    if ask(names[0]) or ask(names[1]):
        spans["offline_created_at"] = span_of(ask(names[0]), ask(names[1]), names, (0, FOREVER))
    location = ask("location_id") or seller.shops[0].id
    check_locations(seller, [location])
    by = sort_of(ask("sort_field"), PAYMENT_TIMES, "CREATED_AT")
    begin, end = spans.get(by, (0, FOREVER))
    query = Query(
        PAYMENT,
        [location],
        by,
        begin,
        end,
        is_ascending(ask("sort_order")),
        limit_of(request, MOST),
        _payment_test(request, spans),
        make_identity(seller.id, "payments", arguments(request)),
    )
    return _listed("payments", *page_of(books, query, ask("cursor"), life))


def list_refunds(books: Books, seller: Seller, request: Request, life: float) -> dict[str, Any]:
    """GET /v2/refunds: of every shop unless one is named."""
    ask = request.argument
    spans = _spans(request)
    locations = [ask("location_id")] if ask("location_id") else [shop.id for shop in seller.shops]
    check_locations(seller, locations)
    by = sort_of(ask("sort_field"), TIMES, "CREATED_AT")
    begin, end = spans.get(by, (0, FOREVER))
    wanted = {"status": ask("status"), "destination_type": ask("source_type")}

    def test(entry: Entry) -> bool:
        if not _within(entry, spans):
            return False
        return not any(wanted.values()) or _matches(entry, wanted)

    ascending, limit = is_ascending(ask("sort_order")), limit_of(request, MOST)
    identity = make_identity(seller.id, "refunds", arguments(request))
    query = Query(REFUND, locations, by, begin, end, ascending, limit, test, identity)
    return _listed("refunds", *page_of(books, query, ask("cursor"), life))


def check_locations(seller: Seller, locations: list[str]) -> None:
    """Raise the 403 of a shop that is not the seller's."""
    own = {shop.id for shop in seller.shops}
    for location in locations:
        if location not in own:
            raise square_error(403, "FORBIDDEN", f"The merchant has no access to location {location}.", "location_id")


def _spans(request: Request) -> dict[str, Span]:
    """Return the spans that a list is narrowed to; that of the creation is always there."""
    ask = request.argument
    names = ("begin_time", "end_time")
    spans = {"created_at": span_of(ask(names[0]), ask(names[1]), names, last_year())}
    names = ("updated_at_begin_time", "updated_at_end_time")
    if ask(names[0]) or ask(names[1]):
        spans["updated_at"] = span_of(ask(names[0]), ask(names[1]), names, (0, FOREVER))
    return spans


def _within(entry: Entry, spans: dict[str, Span]) -> bool:
    return all(first <= entry.times.get(name, -1) <= last for name, (first, last) in spans.items())


def _matches(entry: Entry, wanted: dict[str, str]) -> bool:
    content = entry.content()
    return all(not value or content.get(name) == value for name, value in wanted.items())


def _payment_test(request: Request, spans: dict[str, Span]) -> Any:
    ask = request.argument
    of_card = bool(ask("last_4") or ask("card_brand"))  # no shop in Nigeria takes cards
    total, offline = ask("total"), ask("is_offline_payment")

    def test(entry: Entry) -> bool:
        if of_card or not _within(entry, spans):
            return False
        if offline and (offline == "true") != ("offline_created_at" in entry.times):
            return False
        return not total or str(entry.content()["amount_money"]["amount"]) == total

    return test


def _listed(name: str, page: list[Entry], cursor: str) -> dict[str, Any]:
    """Return the answer of a list; an empty page has no list, the last one no cursor."""
    content: dict[str, Any] = {name: [orjson.Fragment(entry.body) for entry in page]} if page else {}
    return content | ({"cursor": cursor} if cursor else {})
