"""Square: its facts, and how a seller's sales are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from django.conf import settings

from integrations.base.connector import (
    Account,
    ConnectionConfig,
    ConnectorInfo,
    IntegrationTestResult,
    OAuthEndpoints,
)
from integrations.base.errors import IntegrationError, InvalidResponse, NotFound, PermanentError
from integrations.base.http import CallStatistics
from integrations.base.records import Notice, Page, Unreadable
from integrations.base.signatures import SignedRequest
from pos.connector import POSConnector, Touched
from pos.records import CatalogRecord, CustomerRecord, LocationRecord, RefundRecord, SaleRecord
from pos.square import mapping, webhooks
from pos.square.client import LOCATIONS_A_SEARCH, CursorGone, SquareClient

BEGINNING = datetime(2009, 1, 1, tzinfo=UTC)  # the year in which Square was founded
RESTARTS = 3  # of one window whose cursor died; more is a fault that time will not mend


class SquareConnector(POSConnector):
    """Reads the sales of one Square seller."""

    info = ConnectorInfo(
        slug="square",
        name="Square",
        category="pos",
        stream="sales",
        sync_task="pos.tasks.sync_sales_of",
        record_task="pos.tasks.process_sale",
        disconnect_by_hand="Remove the app in the Square dashboard under Settings, App integrations, My apps.",
        webhook_task="pos.tasks.process_sale_events",
    )
    scopes = ("MERCHANT_PROFILE_READ", "PAYMENTS_READ", "ORDERS_READ", "ITEMS_READ", "CUSTOMERS_READ")

    def __init__(self, connection_config: ConnectionConfig) -> None:
        super().__init__(connection_config)
        self.client = SquareClient(connection_config.credentials, urgent=connection_config.urgent)

    @classmethod
    def oauth(cls) -> OAuthEndpoints:
        """Return Square's OAuth endpoints; a forced log-in keeps a shared browser from connecting the wrong seller."""
        base = settings.SQUARE_BASE
        return OAuthEndpoints(
            authorize_url=f"{base}/oauth2/authorize",
            token_url=f"{base}/oauth2/token",
            client_id=settings.SQUARE_APPLICATION_ID,
            client_secret=settings.SQUARE_APPLICATION_SECRET,
            scopes=cls.scopes,
            account_field="merchant_id",
            code_refused=frozenset({"UNAUTHORIZED", "INVALID_VALUE", "NOT_FOUND", "service.not_authorized"}),
            grant_gone=frozenset({"UNAUTHORIZED", "ACCESS_TOKEN_REVOKED", "service.not_authorized"}),
            query={"session": "false"} if settings.ENVIRONMENT == "production" else {},
            sends_json=True,
        )

    def on_disconnecting(self) -> None:
        """End every token that this application holds of the seller."""
        self.client.revoke()

    @classmethod
    def verify_webhook(cls, request: SignedRequest) -> None:
        """Accept what Square signed for the registered address with any of the present keys."""
        registered = replace(request, url=settings.SQUARE_WEBHOOK_URL)
        webhooks.check_square(registered, settings.SQUARE_WEBHOOK_KEYS)

    @classmethod
    def parse_webhook(cls, body: bytes) -> list[Notice]:
        """Return the event of a delivery."""
        return webhooks.parse_square(body)

    @classmethod
    def touched_by(cls, payload: str) -> Touched:
        """Return what an event says to read again."""
        return webhooks.touched_by(orjson.loads(payload))

    @property
    def statistics(self) -> CallStatistics:
        """Return what was called so far."""
        return self.client.statistics

    def close(self) -> None:
        """Close the pooled connections."""
        self.client.close()

    def authenticate(self) -> Account:
        """Return the seller that the token opens."""
        seller = self.client.get_merchant()
        if not seller.get("id"):
            raise InvalidResponse("Square did not say which seller this is.", provider="square")
        kept = ("id", "business_name", "country", "language_code", "currency", "status", "main_location_id")
        return Account(
            external_id=str(seller["id"]),
            name=str(seller.get("business_name") or f"Square {seller['id']}"),
            currency=str(seller.get("currency") or "NGN"),
            facts={name: seller[name] for name in kept if name in seller},
        )

    def test_connection(self) -> IntegrationTestResult:
        """Ask who the token is of, what it may do, and for the locations."""
        details: dict[str, Any] = {}
        try:
            status = self.client.token_status()
            granted = [str(scope) for scope in status.get("scopes") or []]
            details["granted"], details["missing"] = granted, [each for each in self.scopes if each not in granted]
            account = self.authenticate()
            locations = [each.name for each in self.get_locations() if each.is_active]
            details |= {"account": account.external_id, "currency": account.currency, "locations": locations}
            details["time_zone"] = account.time_zone
            if observed := self.client.observed:
                details |= {"latency_ms": round(observed.seconds * 1000), "skew_seconds": observed.skew_seconds}
        except IntegrationError as problem:
            return IntegrationTestResult(False, problem.sentence, details, problem=problem)
        if details["missing"]:
            lacking = ", ".join(details["missing"])
            sentence = f"{account.name} answers, but did not grant {lacking}. Connect it again and allow everything."
            return IntegrationTestResult(False, sentence, details)
        shops = f"{len(locations)} location{'' if len(locations) == 1 else 's'}"
        return IntegrationTestResult(True, f"{account.name} answers with {shops}, and its sales can be read.", details)

    def get_locations(self) -> list[LocationRecord]:
        """Return every shop, closed ones too."""
        return [mapping.to_location(raw) for raw in self.client.list_locations()]

    def get_sales(self, filters: Mapping[str, Any] | None = None, limit: int = 100) -> list[SaleRecord]:
        """Return up to `limit` sales; filters are "since" and "until" (times of change) and "location_ids"."""
        chosen = dict(filters or {})
        ids = chosen.get("location_ids") or [each.external_id for each in self.get_locations()]
        since, until = chosen.get("since") or BEGINNING, chosen.get("until") or datetime.now(UTC)
        found: list[SaleRecord] = []
        for page in self.read_sales("updated_at", since, until, ids):
            found += page.records
            if len(found) >= limit:
                break
        return found[:limit]

    def get_sale_by_id(self, sale_id: str) -> SaleRecord:
        """Return one sale as it is now, with what its payments tell; raises NotFound."""
        orders = self.client.retrieve_orders([sale_id])
        if not orders:
            raise NotFound(f"Square has no order {sale_id}, or not yet.", provider="square", status=404)
        try:
            return mapping.to_sale(orders[0], self._payments(orders[0]))
        except mapping.Unmappable as problem:
            raise PermanentError(str(problem), provider="square") from problem

    def get_sales_by_id(self, sale_ids: Sequence[str]) -> list[SaleRecord]:
        """Return those of these sales that Square shows, as they are now, a hundred a call."""
        try:
            return [mapping.to_sale(raw) for raw in self.client.retrieve_orders(list(sale_ids))]
        except mapping.Unmappable as problem:
            raise PermanentError(str(problem), provider="square") from problem

    def get_refund_by_id(self, refund_id: str) -> RefundRecord:
        """Return one refund as it is now; raises NotFound."""
        try:
            return mapping.to_refund(self.client.get_refund(refund_id))
        except mapping.Unmappable as problem:
            raise PermanentError(str(problem), provider="square") from problem

    def read_sales(
        self, field: str, since: datetime, until: datetime, location_ids: Sequence[str], position: str = ""
    ) -> Iterator[Page]:
        """Yield orders by their time of creation or change, ten locations at a time, each page with where it ends.

        The position is that of whole groups of ten, by the ids in them: a cursor of Square's dies in five minutes.
        """
        groups = [
            sorted(location_ids)[at : at + LOCATIONS_A_SEARCH] for at in range(0, len(location_ids), LOCATIONS_A_SEARCH)
        ]
        for group in groups:
            if group[-1] <= position:
                continue
            for orders, is_last in self._orders(field, since, until, group):
                position = group[-1] if is_last else position
                yield self._page(orders, {"after": position})

    def read_refunds(self, since: datetime, until: datetime) -> Iterator[Page]:
        """Yield the refunds that changed in a window."""
        for raws in self.client.list_refunds(since, until):
            records: list[Any] = []
            unreadable = []
            for raw in raws:
                try:
                    records.append(mapping.to_refund(raw))
                except mapping.Unmappable as problem:
                    unreadable.append(Unreadable(str(raw.get("id") or ""), str(problem), raw))
            yield Page(records, {}, unreadable)

    def read_offline_sales(self, since: datetime, until: datetime, location_ids: Sequence[str]) -> Iterator[Page]:
        """Yield the sales of payments that tills sent late, with the till's own time of sale."""
        for location_id in sorted(location_ids):
            for raws in self.client.list_offline_payments(location_id, since, until):
                late = [raw for raw in raws if raw.get("is_offline_payment") and raw.get("order_id")]
                orders = {str(raw["id"]): raw for raw in self.client.retrieve_orders([raw["order_id"] for raw in late])}
                if orders:
                    yield self._page(list(orders.values()), {}, payments=late)

    def read_catalog(self, since: datetime | None) -> Iterator[list[CatalogRecord]]:
        """Yield goods and categories that changed after `since`."""
        for raws in self.client.search_catalog(since):
            yield _entries(raws)

    def get_catalog_by_id(self, catalog_ids: Sequence[str]) -> list[CatalogRecord]:
        """Return these entries, the items that they are of, and the items' categories."""
        found = _entries(self.client.retrieve_catalog(catalog_ids))
        categories = {each.parent_external_id for each in found if each.kind == "item"} - {""}
        return [*found, *(_entries(self.client.retrieve_catalog(sorted(categories))) if categories else ())]

    def read_customers(self, since: datetime | None) -> Iterator[list[CustomerRecord]]:
        """Yield the customers that changed since then."""
        for raws in self.client.search_customers(since):
            yield [mapping.to_customer(raw) for raw in raws if raw.get("id")]

    def get_customer_by_id(self, customer_id: str) -> CustomerRecord:
        """Return one customer; raises NotFound."""
        try:
            return mapping.to_customer(self.client.get_customer(customer_id))
        except mapping.Unmappable as problem:
            raise PermanentError(str(problem), provider="square") from problem

    def _orders(
        self, field: str, since: datetime, until: datetime, group: Sequence[str]
    ) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        """Yield (orders, whether they are the last) of ten locations; begins again where the cursor died."""
        restarts, cursor = 0, ""
        while True:
            try:
                answer = self.client.search_orders(group, field, since, until, cursor)
            except CursorGone:
                restarts, cursor = restarts + 1, ""
                if restarts > RESTARTS:
                    raise
                continue
            cursor = str(answer.get("cursor") or "")
            orders = answer.get("orders") or []
            yield orders, not cursor
            if not cursor:
                return

    def _page(
        self, orders: Sequence[dict[str, Any]], cursor: dict[str, Any], payments: Sequence[dict[str, Any]] = ()
    ) -> Page:
        records: list[Any] = []
        unreadable: list[Unreadable] = []
        for raw in orders:
            mine = set(mapping.payment_ids(raw))
            try:
                records.append(mapping.to_sale(raw, [each for each in payments if each.get("id") in mine]))
            except mapping.Unmappable as problem:
                unreadable.append(Unreadable(str(raw.get("id") or ""), str(problem), raw))
        return Page(records, cursor, unreadable)

    def _payments(self, order: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [self.client.get_payment(payment_id) for payment_id in mapping.payment_ids(order) if payment_id]


def _entries(raws: Sequence[Mapping[str, Any]]) -> list[CatalogRecord]:
    found = (mapping.to_catalog(raw) for raw in raws)
    return [each for each in found if each is not None]
