"""The part of the control endpoint that stands at the tills: ring up, refund, offline, burst, and the truth of it."""

import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from sandbox.control_hubspot import Refused, body_of
from sandbox.square_books import micros_now, text_of
from sandbox.square_grants import SCOPES
from sandbox.square_pricing import BadBasket
from sandbox.square_shops import Seller, make_seller, open_shop
from sandbox.square_variants import VARIANTS, random_sale
from sandbox.web import Request, Response, json_response

if TYPE_CHECKING:
    from sandbox.app import Sandbox
    from sandbox.square import Square

BURST = "/_control/square/burst"


class SquareControl:
    """Does what the people at the tills and in the back office would; always on the sandbox's present state."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self.random = Random(1)
        self.table = (
            ("GET", "/_control/square/sellers", self.sellers),
            ("POST", "/_control/square/sellers", self.add_seller),
            ("POST", "/_control/square/locations", self.add_location),
            ("POST", "/_control/square/customers", self.change_customer),
            ("POST", "/_control/square/goods", self.change_goods),
            ("POST", "/_control/square/connect", self.connect),
            ("POST", "/_control/square/revoke", self.revoke),
            ("GET", "/_control/square/variants", self.variants),
            ("POST", "/_control/square/sales", self.ring_up),
            ("POST", "/_control/square/sales/{id}/finish", self.finish),
            ("POST", "/_control/square/refunds", self.refund),
            ("POST", "/_control/square/refunds/unlinked", self.refund_unlinked),
            ("POST", "/_control/square/refunds/{id}/settle", self.settle),
            ("POST", "/_control/square/history", self.history),
            ("POST", BURST, self.burst),
            ("GET", "/_control/square/truth", self.truth),
            ("GET", "/_control/square/webhooks", self.webhooks),
        )

    @property
    def square(self) -> "Square":
        """Square as it is since the last reset."""
        return self.sandbox.square

    def sellers(self, request: Request) -> Response:
        """GET: each seller with its shops."""
        return json_response(200, [self._seller_json(seller) for seller in self.square.sellers.values()])

    def _seller_json(self, seller: Seller) -> dict[str, Any]:
        shops = [{"id": shop.id, "name": shop.name} for shop in seller.shops]
        granted = sorted(self.square.grants.granted(seller.id))
        return {"merchant_id": seller.id, "name": seller.name, "locations": shops, "granted": granted}

    def add_seller(self, request: Request) -> Response:
        """POST {"name", "locations"}: one more seller with so many shops."""
        body, number = body_of(request), len(self.square.sellers) + 1
        shops = _count(body, "locations", 1, most=500)
        seller = make_seller(f"SELLER{number:02}", str(body.get("name") or f"Invented Seller {number}"), shops)
        self.square.sellers[seller.id] = seller
        return json_response(200, self._seller_json(seller))

    def add_location(self, request: Request) -> Response:
        """POST {"merchant_id"}: the seller opens one more shop; with "location_id" and "active" it opens or closes one.

        Webhooks tell of it.
        """
        body = body_of(request)
        seller, wanted = self._seller(body), body.get("location_id")
        shop = next((each for each in seller.shops if each.id == _shop(seller, body)), None) if wanted else None
        event = "location.updated" if shop else "location.created"
        shop = shop or open_shop(seller)
        shop.active = body.get("active") is not False
        self.square.webhooks.post(seller.id, event, shop.id, "Location", None)
        return json_response(200, {"id": shop.id, "name": shop.name, "active": shop.active})

    def change_customer(self, request: Request) -> Response:
        """POST {"merchant_id", "id", "facts" or "deleted"}: change a customer, make one, or delete it.

        Webhooks tell of it.
        """
        body = body_of(request)
        seller, wanted, now = self._seller(body), str(body.get("id") or ""), text_of(micros_now())
        before = next((each for each in seller.customers if each["id"] == wanted), None)
        if body.get("deleted") is True:
            if before is None:
                raise Refused(f"There is no customer {wanted}.")
            seller.customers.remove(before)
            self.square.webhooks.post(seller.id, "customer.deleted", wanted, "customer", {"customer": before})
            return json_response(200, before)
        blank: dict[str, Any] = {"id": wanted or f"C{seller.id[2:]}N{len(seller.customers) + 1}", "created_at": now}
        customer = before if before is not None else blank
        customer |= (body.get("facts") or {}) | {"updated_at": now, "version": customer.get("version", -1) + 1}
        if before is None:
            seller.customers.append(customer)
        event = "customer.updated" if before is not None else "customer.created"
        self.square.webhooks.post(seller.id, event, customer["id"], "customer", {"customer": customer})
        return json_response(200, customer)

    def change_goods(self, request: Request) -> Response:
        """POST {"merchant_id", "id", "facts"}: change what the price list says of an entry, as "sku" or "name".

        Webhooks tell of it.
        """
        body = body_of(request)
        seller, wanted, now = self._seller(body), body.get("id"), text_of(micros_now())
        entry = next((each for each in seller.catalog if each["id"] == wanted), None)
        if entry is None:
            raise Refused(f"There is no entry {wanted} on the price list.")
        entry[f"{entry['type'].lower()}_data"] |= body.get("facts") or {}
        entry["updated_at"] = now
        content = {"catalog_version": {"updated_at": now}}
        self.square.webhooks.post(seller.id, "catalog.version.updated", "", "catalog_version", content)
        return json_response(200, entry)

    def connect(self, request: Request) -> Response:
        """POST {"merchant_id", "scopes"}: grant the app access without the consent page; the answer of the token."""
        body = body_of(request)
        seller = self._seller(body)
        scopes = body.get("scopes") or sorted(scope for scope in SCOPES if scope.endswith("_READ"))
        return json_response(200, self.square.oauth.issue(self.square.grants.grant(seller.id, scopes), scopes))

    def revoke(self, request: Request) -> Response:
        """POST {"merchant_id"}: the seller takes the app's access away in its dashboard."""
        self.square.oauth.end(self._seller(body_of(request)).id, "MERCHANT")
        return json_response(200, {"ok": True})

    def variants(self, request: Request) -> Response:
        """GET: the ready-made sales."""
        return json_response(200, VARIANTS)

    def ring_up(self, request: Request) -> Response:
        """POST {"merchant_id", "location_id", "variant" or "lines"...}: one sale; the answer is its order."""
        body = body_of(request)
        seller = self._seller(body)
        return json_response(200, self.sell(seller, _shop(seller, body), body))

    def sell(self, seller: Seller, location_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ring up what a call asks for: a variant, its own lines, or an everyday sale."""
        variant = body.get("variant")
        if variant is not None and variant not in VARIANTS:
            raise Refused(f"There is no variant {variant}; there are {', '.join(VARIANTS)}.")
        usual = VARIANTS[variant] if variant else {} if body.get("lines") else random_sale(self.random)
        try:
            return self.square.till.ring_up(seller, location_id, usual | body)
        except (BadBasket, ValueError) as problem:
            raise Refused(str(problem)) from None

    def finish(self, request: Request, order_id: str) -> Response:
        """POST {"merchant_id", "state"}: complete or cancel a sale that was left open, or let its payments fail."""
        body = body_of(request)
        return _tried(lambda: self.square.till.finish(self._owner(order_id), order_id, str(body.get("state"))))

    def refund(self, request: Request) -> Response:
        """POST {"order_id", "lines" or "amount"}: give back lines, an amount, or all; answers the return order."""
        body = body_of(request)
        order_id = str(body.get("order_id"))
        return _tried(lambda: self.square.till.refunds.refund(self._owner(order_id), order_id, body))

    def refund_unlinked(self, request: Request) -> Response:
        """POST {"merchant_id", "location_id", "amount"}: give cash back without a sale."""
        body = body_of(request)
        seller = self._seller(body)
        location, amount = _shop(seller, body), body.get("amount", 100_000)
        return _tried(lambda: self.square.till.refunds.refund_unlinked(seller, location, amount))

    def settle(self, request: Request, refund_id: str) -> Response:
        """POST {"status"}: end a refund that was left pending."""
        status = str(body_of(request).get("status", "COMPLETED"))
        entry = self.square.books.present.get(refund_id)
        if entry is None:
            raise Refused(f"There is no refund {refund_id}.")
        seller = self.square.sellers[entry.merchant_id]
        return _tried(lambda: self.square.till.refunds.settle(seller, refund_id, status))

    def history(self, request: Request) -> Response:
        """POST {"merchant_id", "sales", "days", "location_id"}: so many everyday sales for each shop in the past days.

        Nobody is told of them: they were there before.
        """
        body = body_of(request)
        seller, days = self._seller(body), _count(body, "days", 30, most=1000)
        shops = [_shop(seller, body)] if body.get("location_id") else [shop.id for shop in seller.shops]
        sales = _count(body, "sales", 100, most=100_000)
        told, self.sandbox.settings.square_webhooks_on = self.sandbox.settings.square_webhooks_on, False
        try:
            for shop in shops:
                for place in range(sales):
                    at = datetime.now(UTC) - timedelta(days=days) * ((sales - place) / sales)
                    self.sell(seller, shop, {"at": at.isoformat()})
        finally:
            self.sandbox.settings.square_webhooks_on = told
        return json_response(200, {"sales": sales * len(shops)})

    def burst(self, request: Request) -> Response:
        """POST {"merchant_id", "location_id", "sales", "per_second"}: everyday sales at a steady pace.

        Without a location the shops take turns. Not to be called under the sandbox's lock: it takes as long as it says.
        """
        body = body_of(request)
        seller, sales = self._seller(body), _count(body, "sales", 50, most=1_000_000)
        pace = _count(body, "per_second", 10, most=1000)
        shops = [_shop(seller, body)] if body.get("location_id") else [shop.id for shop in seller.shops]
        square, began, late = self.square, time.monotonic(), 0.0
        for number in range(sales):
            wait = began + number / pace - time.monotonic()
            time.sleep(max(0.0, wait))
            late = max(late, -wait)
            with self.sandbox.lock:
                if self.square is not square:
                    raise Refused("The sandbox was reset meanwhile.")
                self.sell(seller, shops[number % len(shops)], {})
        seconds = time.monotonic() - began
        shown = {"sales": sales, "seconds": round(seconds, 3), "per_second": round(sales / max(seconds, 0.001), 1)}
        return json_response(200, shown | {"latest_ms": round(late * 1000, 1)})

    def truth(self, request: Request) -> Response:
        """GET ?merchant_id=&location_id=&each=1: what each shop sold and gave back by day, in kobo."""
        merchant, location = request.argument("merchant_id"), request.argument("location_id")
        sellers = [seller for seller in self.square.sellers.values() if merchant in ("", seller.id)]
        shops = {shop.id for seller in sellers for shop in seller.shops if location in ("", shop.id)}
        return json_response(200, self.square.truth.report(shops, each=request.argument("each") == "1"))

    def webhooks(self, request: Request) -> Response:
        """GET: counts of Square's deliveries and the last 200."""
        return json_response(200, self.square.webhooks.report())

    def _seller(self, body: dict[str, Any]) -> Seller:
        seller = self.square.sellers.get(str(body.get("merchant_id") or next(iter(self.square.sellers))))
        if seller is None:
            raise Refused(f"There is no seller {body.get('merchant_id')}; GET /_control/square/sellers lists them.")
        return seller

    def _owner(self, order_id: str) -> Seller:
        entry = self.square.books.present.get(order_id)
        if entry is None:
            raise Refused(f"There is no order {order_id}.")
        return self.square.sellers[entry.merchant_id]


def _tried(act: Any) -> Response:
    try:
        return json_response(200, act())
    except (BadBasket, ValueError) as problem:
        raise Refused(str(problem)) from None


def _shop(seller: Seller, body: dict[str, Any]) -> str:
    wanted = body.get("location_id") or seller.shops[0].id
    if wanted not in {shop.id for shop in seller.shops}:
        raise Refused(f"{seller.name} has no location {wanted}.")
    return str(wanted)


def _count(body: dict[str, Any], name: str, usual: int, *, most: int) -> int:
    value = body.get(name, usual)
    if type(value) is not int or not 1 <= value <= most:
        raise Refused(f"{name} must be a whole number from 1 to {most}.")
    return value
