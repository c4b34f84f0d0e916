"""Square: which path does what, and who may call it.

One app (`square_grants.CLIENT_ID`) and several sellers. The same address serves OAuth under ``/oauth2`` and the API
under ``/v2``; the app's personal token acts for the first seller and alone may manage webhook subscriptions.
"""

import re
from collections.abc import Callable
from typing import Any

import orjson

from sandbox.settings import Settings
from sandbox.square_books import ORDER, PAYMENT, REFUND, Books
from sandbox.square_directory import Directory
from sandbox.square_errors import SquareError, bad_value, square_error, unknown
from sandbox.square_faults import bad_answer
from sandbox.square_grants import PERSONAL_TOKEN, SCOPES, Grant, SquareGrants, Token, check_scope, unauthorized
from sandbox.square_oauth import SquareOAuth
from sandbox.square_orders import retrieve_orders, search_orders
from sandbox.square_payments import list_payments, list_refunds
from sandbox.square_shops import Seller, Shop, first_sellers
from sandbox.square_subscriptions import Subscriptions
from sandbox.square_till import Till
from sandbox.square_truth import Truth
from sandbox.square_webhooks import SquareWebhooks
from sandbox.web import Request, Response, Routes, json_response, split_path

VERSION = "2026-09-16"
FOREVER = 2.0**40
Answer = dict[str, Any]
Method = Callable[..., Answer]


class Square:
    """Every seller with its books, the app's grants and its webhooks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sellers: dict[str, Seller] = {seller.id: seller for seller in first_sellers()}
        self.grants = SquareGrants()
        self.books = Books()
        self.truth = Truth()
        self.webhooks = SquareWebhooks(settings, self.grants, settings.seed)
        self.till = Till(settings, self.books, self.truth, self.webhooks.tell)
        self.oauth = SquareOAuth(settings, self.grants, self.sellers, self.webhooks.revoked)
        self.directory = Directory(settings)
        self._app_routes = Routes(*(self._app_route(*entry) for entry in Subscriptions(self.webhooks).table))
        self._oauth_routes = Routes(*self.oauth.table)

        self._routes = Routes(*(self._route(*entry) for entry in self._table()))

    def apply_settings(self) -> None:
        """Let the books take up the lag again."""
        self.books.lag_s = self.settings.square_lag_s

    def _table(self) -> tuple[tuple[str, str, str, Method], ...]:
        profile, payments, orders = "MERCHANT_PROFILE_READ", "PAYMENTS_READ", "ORDERS_READ"
        return (
            ("GET", "/v2/merchants", profile, self.merchants),
            ("GET", "/v2/merchants/{id}", profile, self.merchant),
            ("GET", "/v2/locations", profile, self.locations),
            ("GET", "/v2/locations/{id}", profile, self.location),
            ("GET", "/v2/payments", payments, self.payments),
            ("GET", "/v2/payments/{id}", payments, self.payment),
            ("GET", "/v2/refunds", payments, self.refunds),
            ("GET", "/v2/refunds/{id}", payments, self.refund),
            ("POST", "/v2/orders/search", orders, self.search_orders),
            ("POST", "/v2/orders/batch-retrieve", orders, self.retrieve_orders),
            ("GET", "/v2/orders/{id}", orders, self.order),
            *((*entry[:3], getattr(self.directory, entry[3])) for entry in self.directory.table),
        )

    def _route(self, method: str, template: str, scope: str, answer: Method) -> tuple[str, str, Any]:
        def handler(request: Request, token: Token, *values: str) -> Response:
            check_scope(token, scope, self.settings.square_missing_scopes)
            return json_response(200, answer(request, self.sellers[token.grant.merchant_id], *values))

        return method, template, handler

    def _app_route(self, method: str, template: str, answer: Method) -> tuple[str, str, Any]:
        def handler(request: Request, *values: str) -> Response:
            if request.headers.get("Authorization", "") != f"Bearer {PERSONAL_TOKEN}":
                raise unauthorized("Subscriptions belong to the application: they need its personal access token.")
            return json_response(200, answer(request, *values))

        return method, template, handler

    def handle(self, request: Request) -> Response:
        """Answer a call; every refusal has Square's shape."""
        parts = split_path(request.path)
        if parts[0] == "oauth2":
            return self._refusing(self._oauth, request, parts)
        version = request.headers.get("Square-Version", VERSION)
        known = re.fullmatch(r"\d{4}-\d\d-\d\d", version)
        response = self._refusing(self._api if known else _wrong_version, request, parts)
        response.headers["Square-Version"] = version if known else VERSION
        return response

    def _refusing(
        self, answer: Callable[[Request, list[str]], Response], request: Request, parts: list[str]
    ) -> Response:
        try:
            return answer(request, parts)
        except SquareError as error:
            return self.oauth.in_shape(error) if parts[0] == "oauth2" else error.response
        except orjson.JSONDecodeError:
            return square_error(400, "EXPECTED_JSON_BODY", "The body has to be a JSON object.").response
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return bad_value(f"The request does not have the expected form ({error}).", "body").response

    def _oauth(self, request: Request, parts: list[str]) -> Response:
        found = self._oauth_routes.find(request.method, parts)
        if found is None:
            raise unknown("The resource")
        bears_token = parts[2:3] == ["status"]
        bad = bad_answer(self.settings, bears_token=bears_token) if parts[1:2] == ["token"] else None
        return bad or found[0](request)

    def _api(self, request: Request, parts: list[str]) -> Response:
        if bad := bad_answer(self.settings):
            return bad
        if found := self._app_routes.find(request.method, parts):
            return found[0](request, *found[1])
        if found := self._routes.find(request.method, parts):
            return found[0](request, self._token(request), *found[1])
        raise unknown("The resource")

    def _token(self, request: Request) -> Token:
        authorization = request.headers.get("Authorization", "")
        if authorization == f"Bearer {PERSONAL_TOKEN}":
            return Token(Grant(next(iter(self.sellers)), sorted(SCOPES), ""), sorted(SCOPES), FOREVER)
        return self.grants.token_of(authorization)

    # Each handler gets the call, the seller of its token, and the values of its path.

    def merchants(self, request: Request, seller: Seller) -> Answer:
        """GET /v2/merchants: the token's own; its list has a name in the singular."""
        return {"merchant": [seller.shown()]}

    def merchant(self, request: Request, seller: Seller, merchant_id: str) -> Answer:
        """GET /v2/merchants/{id}; `me` is the token's own."""
        if merchant_id not in ("me", seller.id):
            raise unknown("The merchant")
        return {"merchant": seller.shown()}

    def locations(self, request: Request, seller: Seller) -> Answer:
        """GET /v2/locations: all, closed ones too, by name."""
        return {"locations": [shop.shown(seller.name) for shop in sorted(seller.shops, key=_name)]}

    def location(self, request: Request, seller: Seller, location_id: str) -> Answer:
        """GET /v2/locations/{id}; `main` is the first one."""
        for shop in seller.shops:
            if location_id in (shop.id, "main"):
                return {"location": shop.shown(seller.name)}
        raise unknown(f"The location {location_id}")

    def payments(self, request: Request, seller: Seller) -> Answer:
        """GET /v2/payments."""
        return list_payments(self.books, seller, request, self.settings.square_cursor_s)

    def payment(self, request: Request, seller: Seller, payment_id: str) -> Answer:
        """GET /v2/payments/{id}."""
        return {"payment": self._one(PAYMENT, payment_id, seller)}

    def refunds(self, request: Request, seller: Seller) -> Answer:
        """GET /v2/refunds."""
        return list_refunds(self.books, seller, request, self.settings.square_cursor_s)

    def refund(self, request: Request, seller: Seller, refund_id: str) -> Answer:
        """GET /v2/refunds/{id}."""
        return {"refund": self._one(REFUND, refund_id, seller)}

    def search_orders(self, request: Request, seller: Seller) -> Answer:
        """POST /v2/orders/search."""
        return search_orders(self.books, seller, request.json(), self.settings.square_cursor_s)

    def retrieve_orders(self, request: Request, seller: Seller) -> Answer:
        """POST /v2/orders/batch-retrieve."""
        return retrieve_orders(self.books, seller, request.json())

    def order(self, request: Request, seller: Seller, order_id: str) -> Answer:
        """GET /v2/orders/{id}."""
        return {"order": self._one(ORDER, order_id, seller)}

    def _one(self, kind: str, entry_id: str, seller: Seller) -> orjson.Fragment:
        entry = self.books.find(kind, entry_id, seller.id)
        if entry is None:
            raise unknown(f"The {kind} {entry_id}")
        return orjson.Fragment(entry.body)


def _wrong_version(request: Request, parts: list[str]) -> Response:
    detail = f"{request.headers['Square-Version']} is no version like {VERSION}."
    raise square_error(400, "INVALID_SQUARE_VERSION_FORMAT", detail)


def _name(shop: Shop) -> str:
    return shop.name
