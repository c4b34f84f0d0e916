"""Square's API: one method per endpoint, decoded data out, our errors raised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.utils import timezone

from integrations.base.auth import CredentialManager, OAuthHandler, Tokens
from integrations.base.errors import (
    IntegrationError,
    InvalidResponse,
    NotFound,
    PermissionMissing,
    ReauthorizationRequired,
    RequestRejected,
    TransientError,
)
from integrations.base.http import ApiClient, CallStatistics, Observed
from integrations.base.ratelimit import GENERAL, AccountPacer, RateLimits

LOCATIONS_A_SEARCH = 10  # Square's maximum
ORDERS_A_PAGE, ORDERS_A_BATCH, PAYMENTS_A_PAGE, CUSTOMERS_A_PAGE, OBJECTS_A_PAGE = 500, 100, 100, 100, 1000
CATALOG_TYPES = ("ITEM", "ITEM_VARIATION", "CATEGORY")
# No figures are published; five a second for one seller is what nobody was refused for.
LIMITS = RateLimits(lanes={GENERAL: (5, 1.0)})
# An access token lives thirty days and is renewed when six of them are over.
RENEW_BEFORE_END = timedelta(days=24)
DEAD = frozenset({"ACCESS_TOKEN_REVOKED", "CLIENT_DISABLED"})


class CursorGone(TransientError):
    """A page's cursor is past its five minutes: the window is read again from its start."""


class SquareClient:
    """Calls Square for one seller; renews an access token at six days, and once when it is refused."""

    def __init__(self, credentials: CredentialManager, *, urgent: bool = False) -> None:
        self._credentials = credentials
        account = f"square:{credentials.connection_id}" if credentials.connection_id is not None else ""
        self._api = ApiClient(
            provider="square",
            name="Square",
            base_url=settings.SQUARE_BASE,
            headers=self._authorization,
            pacer=AccountPacer(LIMITS, account, urgent=urgent),
        )

    @property
    def statistics(self) -> CallStatistics:
        """Return what was called so far."""
        return self._api.statistics

    @property
    def observed(self) -> Observed | None:
        """Return what the newest answer told beside its content."""
        return self._api.observed

    def close(self) -> None:
        """Close the pooled connections."""
        self._api.close()

    def token_status(self) -> dict[str, Any]:
        """Return what the token in use may do, until when, and whose it is."""
        return _object(self._call("POST", "/oauth2/token/status"))

    def get_merchant(self) -> dict[str, Any]:
        """Return the seller that the token opens."""
        return _object(_object(self._call("GET", "/v2/merchants/me")).get("merchant"))

    def list_locations(self) -> list[dict[str, Any]]:
        """Return every shop, closed ones too."""
        return _list(self._call("GET", "/v2/locations"), "locations")

    def search_orders(
        self, location_ids: Sequence[str], field: str, since: datetime, until: datetime, cursor: str = ""
    ) -> dict[str, Any]:
        """Return one page of orders by a time of theirs ("created_at" or "updated_at"), both ends included.

        `location_ids` are ten at most. Raises CursorGone.
        """
        query = {
            "filter": {"date_time_filter": {field: {"start_at": _text(since), "end_at": _text(until)}}},
            "sort": {"sort_field": field.upper(), "sort_order": "ASC"},
        }
        body: dict[str, Any] = {"location_ids": list(location_ids), "query": query, "limit": ORDERS_A_PAGE}
        return _object(self._call("POST", "/v2/orders/search", json=body | ({"cursor": cursor} if cursor else {})))

    def retrieve_orders(self, order_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return orders by id; unknown ones are left out by Square."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(order_ids), ORDERS_A_BATCH):
            body = {"order_ids": list(order_ids[start : start + ORDERS_A_BATCH])}
            found += _list(self._call("POST", "/v2/orders/batch-retrieve", json=body), "orders")
        return found

    def search_catalog(self, since: datetime | None) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of goods and categories that changed after `since`; None: all that are not deleted."""
        body: dict[str, Any] = {"object_types": list(CATALOG_TYPES), "limit": OBJECTS_A_PAGE}
        return self._search("/v2/catalog/search", body | ({"begin_time": _text(since)} if since else {}), "objects")

    def retrieve_catalog(self, object_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return entries of the price list by id, with the items that they are of; unknown ones are left out."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(object_ids), OBJECTS_A_PAGE):
            wanted = list(object_ids[start : start + OBJECTS_A_PAGE])
            body = {"object_ids": wanted, "include_related_objects": True}
            answer = self._call("POST", "/v2/catalog/batch-retrieve", json=body)
            found += [*_list(answer, "objects"), *_list(answer, "related_objects")]
        return found

    def search_customers(self, since: datetime | None) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of the customers that changed since then; None: all."""
        changed = {"filter": {"updated_at": {"start_at": _text(since)}}} if since else {}
        query = changed | {"sort": {"field": "CREATED_AT", "order": "ASC"}}
        return self._search("/v2/customers/search", {"query": query, "limit": CUSTOMERS_A_PAGE}, "customers")

    def get_customer(self, customer_id: str) -> dict[str, Any]:
        """Return one customer; raises NotFound."""
        return _object(_object(self._call("GET", f"/v2/customers/{quote(customer_id, safe='')}")).get("customer"))

    def get_payment(self, payment_id: str) -> dict[str, Any]:
        """Return one payment; raises NotFound."""
        return _object(_object(self._call("GET", f"/v2/payments/{payment_id}")).get("payment"))

    def get_refund(self, refund_id: str) -> dict[str, Any]:
        """Return one refund; raises NotFound."""
        return _object(_object(self._call("GET", f"/v2/refunds/{refund_id}")).get("refund"))

    def list_offline_payments(
        self, location_id: str, since: datetime, until: datetime
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of the payments that a location's tills took without a network and that changed in a window."""
        # Without a location only the main one answers.
        params = {"location_id": location_id, "is_offline_payment": "true", **_changed(since, until)}
        return self._walk("/v2/payments", params, "payments")

    def list_refunds(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of the seller's refunds that changed in a window, of all locations."""
        return self._walk("/v2/refunds", _changed(since, until), "refunds")

    def revoke(self) -> None:
        """End every token that this application holds of the seller; raises IntegrationError."""
        token = self._credentials.load().access_token
        secret = settings.SQUARE_APPLICATION_SECRET
        door = ApiClient(
            provider="square",
            name="Square",
            base_url=settings.SQUARE_BASE,
            headers=lambda: {"Authorization": f"Client {secret}"},
        )
        body = {"client_id": settings.SQUARE_APPLICATION_ID, "access_token": token}
        try:
            door.call("POST", "/oauth2/revoke", json=body, repeatable=True, read_timeout=10.0)
        except RequestRejected as refusal:
            raise _as_our_error(refusal) from refusal
        finally:
            door.close()

    def _walk(self, path: str, params: Mapping[str, Any], key: str) -> Iterator[list[dict[str, Any]]]:
        cursor = ""
        while True:
            answer = _object(self._call("GET", path, params={**params, **({"cursor": cursor} if cursor else {})}))
            yield _list(answer, key)
            cursor = str(answer.get("cursor") or "")
            if not cursor:
                return

    def _search(self, path: str, body: Mapping[str, Any], key: str) -> Iterator[list[dict[str, Any]]]:
        cursor = ""
        while True:
            answer = _object(self._call("POST", path, json={**body, **({"cursor": cursor} if cursor else {})}))
            yield _list(answer, key)
            cursor = str(answer.get("cursor") or "")
            if not cursor:
                return

    def _authorization(self) -> dict[str, str]:
        tokens = self._credentials.load()
        if self._credentials.connection_id is not None and _is_old(tokens):
            tokens = self._renewed(tokens)
        return {"Authorization": f"Bearer {tokens.access_token}", "Square-Version": settings.SQUARE_VERSION}

    def _renewed(self, tokens: Tokens) -> Tokens:
        """Return new tokens, or the old ones while they still hold and Square cannot be asked."""
        try:
            return self._credentials.renew(self._refresh, used=tokens.access_token)
        except ReauthorizationRequired:
            raise
        except IntegrationError:
            # The failure is noted with the credential, whose age health watches.
            if tokens.is_stale:
                raise
            return tokens

    def _refresh(self, refresh_token: str) -> Tokens:
        return OAuthHandler("square", self._credentials).refresh_token(refresh_token)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        """Call once, and once more with a fresh token when the token was refused as too old."""
        used = self._credentials.load()
        try:
            return self._api.call(method, path, repeatable=True, **options)  # harmless to repeat, all of them
        except RequestRejected as refusal:
            if refusal.status != 401 or _codes(refusal) & DEAD:
                raise _as_our_error(refusal) from refusal
        self._credentials.renew(self._refresh, used=used.access_token)
        try:
            return self._api.call(method, path, repeatable=True, **options)
        except RequestRejected as refusal:
            raise _as_our_error(refusal) from refusal


def _is_old(tokens: Tokens) -> bool:
    return tokens.expires_at is not None and tokens.expires_at - timezone.now() < RENEW_BEFORE_END


def _as_our_error(refusal: RequestRejected) -> IntegrationError:
    facts: dict[str, Any] = {"provider": "square", "status": refusal.status, "request_id": refusal.request_id}
    codes = _codes(refusal)
    if codes & DEAD:
        return ReauthorizationRequired(
            "Square no longer lets us in: the seller withdrew the access. Connect again.", **facts
        )
    if refusal.status == 401:
        return TransientError("Square refuses a token that it has just given us.", **facts)
    if refusal.status == 403:
        return PermissionMissing(
            "Square did not grant this app what this needs. Connect the seller again and allow everything.", **facts
        )
    if refusal.status == 404:
        return NotFound("Square has no such record.", **facts)
    if "INVALID_CURSOR" in codes:
        return CursorGone("Square's place in the list is gone, so the window is read again.", **facts)
    details = [str(each.get("detail") or "") for each in _errors(refusal) if isinstance(each, dict)]
    said = ", ".join(filter(None, details))[:300]
    return RequestRejected(f"Square refused the request: {said or refusal.status}", body=refusal.body, **facts)


def _errors(refusal: RequestRejected) -> list[Any]:
    body = refusal.body if isinstance(refusal.body, dict) else {}
    errors = body.get("errors")
    return errors if isinstance(errors, list) else []


def _codes(refusal: RequestRejected) -> set[str]:
    return {str(each.get("code")) for each in _errors(refusal) if isinstance(each, dict)}


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise InvalidResponse("Square sent an answer of another shape than it promises.", provider="square")
    return answer


def _list(answer: Any, key: str) -> list[dict[str, Any]]:
    """Return a list that an answer has; Square leaves empty ones out."""
    found = _object(answer).get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidResponse("Square sent an answer of another shape than it promises.", provider="square")
    return found


def _changed(since: datetime, until: datetime) -> dict[str, Any]:
    """Return the query of what changed in a window, in its order."""
    return {
        # Beside the time of change Square keeps to the time of creation, a year back when none is named.
        "begin_time": "2009-01-01T00:00:00Z",
        "updated_at_begin_time": _text(since),
        "updated_at_end_time": _text(until),
        "sort_field": "UPDATED_AT",
        "sort_order": "ASC",
        "limit": PAYMENTS_A_PAGE,
    }


def _text(moment: datetime) -> str:
    return moment.isoformat()
