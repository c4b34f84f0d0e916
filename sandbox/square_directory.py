"""Customers and the price list: lists with a place as cursor, searches, fetches by id."""

from typing import Any

from sandbox.square_errors import bad_value, missing, unknown
from sandbox.square_lists import FOREVER, arguments, instant, make_cursor, make_identity, read_cursor, span_of
from sandbox.square_settings import SquareSettings
from sandbox.square_shops import Seller
from sandbox.web import Request

Answer = dict[str, Any]
TOP_KINDS = {"ITEM", "CATEGORY", "TAX", "MEASUREMENT_UNIT"}
MOST_CUSTOMERS, CATALOG_PAGE, MOST_OBJECTS = 100, 100, 1000
EXACT = {"email_address": "email_address", "phone_number": "phone_number", "reference_id": "reference_id"}


class Directory:
    """Answers what is asked about customers and the price list; each method gets the call and the seller."""

    table = (
        ("GET", "/v2/customers", "CUSTOMERS_READ", "customers"),
        ("POST", "/v2/customers/search", "CUSTOMERS_READ", "search_customers"),
        ("GET", "/v2/customers/{id}", "CUSTOMERS_READ", "customer"),
        ("GET", "/v2/catalog/list", "ITEMS_READ", "catalog"),
        ("POST", "/v2/catalog/search", "ITEMS_READ", "search_catalog"),
        ("POST", "/v2/catalog/batch-retrieve", "ITEMS_READ", "retrieve_catalog"),
    )

    def __init__(self, settings: SquareSettings) -> None:
        self.settings = settings

    def customers(self, request: Request, seller: Seller) -> Answer:
        """GET /v2/customers."""
        limit = _strict_limit(request.argument("limit"), MOST_CUSTOMERS)
        shown = _sorted(seller.customers, request.argument("sort_field"), request.argument("sort_order"))
        identity = make_identity(seller.id, "customers", arguments(request))
        return self._page("customers", shown, limit, request.argument("cursor"), identity)

    def search_customers(self, request: Request, seller: Seller) -> Answer:
        """POST /v2/customers/search."""
        body = request.json() if request.body else {}
        query = body.get("query") or {}
        terms, sort = query.get("filter") or {}, query.get("sort") or {}
        found = [customer for customer in seller.customers if _fits(customer, terms)]
        shown = _sorted(found, sort.get("field"), sort.get("order"))
        limit, identity = _strict_limit(body.get("limit"), MOST_CUSTOMERS), make_identity(seller.id, "found", query)
        page = self._page("customers", shown, limit, body.get("cursor"), identity)
        return page | ({"count": len(found)} if body.get("count") is True else {})

    def customer(self, request: Request, seller: Seller, customer_id: str) -> Answer:
        """GET /v2/customers/{id}."""
        for customer in seller.customers:
            if customer["id"] == customer_id:
                return {"customer": customer}
        raise unknown(f"The customer {customer_id}")

    def catalog(self, request: Request, seller: Seller) -> Answer:
        """GET /v2/catalog/list; nested kinds only when `types` names them."""
        types = request.argument("types")
        wanted = {kind.strip().upper() for kind in types.split(",")} if types else TOP_KINDS
        shown = [entry for entry in seller.catalog if entry["type"] in wanted]
        identity = make_identity(seller.id, "catalog", sorted(wanted))
        return self._page("objects", shown, CATALOG_PAGE, request.argument("cursor"), identity)

    def search_catalog(self, request: Request, seller: Seller) -> Answer:
        """POST /v2/catalog/search: by kind and by change after `begin_time`, which is not part of the span."""
        body = request.json()
        wanted = set(body.get("object_types") or {*TOP_KINDS, "ITEM_VARIATION"})
        begin = instant(body["begin_time"], "begin_time") if body.get("begin_time") else -1
        changed = [entry for entry in seller.catalog if instant(entry["updated_at"], "updated_at") > begin]
        shown = [entry for entry in changed if entry["type"] in wanted]
        limit = min(_strict_limit(body.get("limit"), MOST_OBJECTS), MOST_OBJECTS)
        latest = max((entry["updated_at"] for entry in seller.catalog), default="")
        identity = make_identity(seller.id, "catalog search", sorted(wanted), begin)
        return self._page("objects", shown, limit, body.get("cursor"), identity) | {"latest_time": latest}

    def retrieve_catalog(self, request: Request, seller: Seller) -> Answer:
        """POST /v2/catalog/batch-retrieve; with `include_related_objects` also the taxes and items of what is found."""
        body = request.json()
        ids = body.get("object_ids")
        if not ids:
            raise missing("object_ids")
        if not isinstance(ids, list) or len(ids) > MOST_OBJECTS:
            raise bad_value(f"object_ids must be a list of at most {MOST_OBJECTS} ids.", "object_ids")
        found = [entry for entry in seller.catalog if entry["id"] in set(ids)]
        answer: Answer = {"objects": found} if found else {}
        if body.get("include_related_objects") is True and found:
            related = {related for entry in found for related in _related(entry)} - set(ids)
            others = [entry for entry in seller.catalog if entry["id"] in related]
            answer |= {"related_objects": others} if others else {}
        return answer

    def _page(self, name: str, entries: list[Answer], limit: int, cursor: Any, identity: bytes) -> Answer:
        """Return a page of a list that hardly ever changes; its cursor is the place behind it."""
        life = self.settings.square_cursor_s
        (first,) = read_cursor(str(cursor), identity, life) if cursor else (0,)
        shown, rest = entries[first : first + limit], entries[first + limit :]
        answer: Answer = {name: shown} if shown else {}
        return answer | ({"cursor": make_cursor((first + limit,), identity)} if rest else {})


def _related(entry: Answer) -> list[str]:
    if entry["type"] == "ITEM":
        shelves = [each["id"] for each in entry["item_data"].get("categories", [])]
        return [*entry["item_data"].get("tax_ids", []), *shelves]
    variation = entry.get("item_variation_data", {})
    return [value for value in (variation.get("item_id"), variation.get("measurement_unit_id")) if value]


def _fits(customer: Answer, terms: Answer) -> bool:
    for name in ("created_at", "updated_at"):
        if span := terms.get(name):
            first, last = span_of(span.get("start_at"), span.get("end_at"), ("start_at", "end_at"), (0, FOREVER))
            if not first <= instant(customer[name], name) <= last:
                return False
    for name, field in EXACT.items():
        wanted, value = terms.get(name) or {}, str(customer.get(field, "")).lower()
        if "exact" in wanted and str(wanted["exact"]).lower() != value:
            return False
        if "fuzzy" in wanted and str(wanted["fuzzy"]).lower() not in value:
            return False
    return True


def _sorted(customers: list[Answer], field: Any, order: Any) -> list[Answer]:
    """Return them by name or by their creation; ASC is the usual order here."""
    if field not in (None, "", "DEFAULT", "CREATED_AT") or order not in (None, "", "ASC", "DESC"):
        raise bad_value("sort_field must be DEFAULT or CREATED_AT, sort_order ASC or DESC.", "sort_field")
    name = "created_at" if field == "CREATED_AT" else "given_name"
    return sorted(customers, key=lambda customer: (customer[name], customer["id"]), reverse=order == "DESC")


def _strict_limit(given: Any, most: int) -> int:
    if given in (None, ""):
        return most
    limit = int(given)
    if limit < 1:
        raise bad_value("limit must be at least 1.", "limit", "VALUE_TOO_LOW")
    if limit > most:
        raise bad_value(f"limit must be at most {most}.", "limit", "VALUE_TOO_HIGH")
    return limit
