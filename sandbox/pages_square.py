"""Square's tills for people: ring up, give back, sell offline, let many sales happen, take the app's access away."""

from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sandbox.control_hubspot import Refused
from sandbox.control_square import SquareControl
from sandbox.html import choice, form, page, text_field
from sandbox.money import kobo_text
from sandbox.square_pricing import BadBasket
from sandbox.square_shops import Seller
from sandbox.square_variants import VARIANTS
from sandbox.web import Request, Response, html_response

if TYPE_CHECKING:
    from sandbox.app import Sandbox

SHOWN = 20
BURST, OFFLINE_HOURS = 20, 3
SAID = {
    "sold": "Rung up.",
    "offline": f"Sold {OFFLINE_HOURS} hours ago without a connection, and uploaded now.",
    "burst": f"{BURST} sales were rung up.",
    "refunded": "Given back.",
    "revoked": "The app's access was taken away.",
}


class TillPages:
    """Shows one shop's till and does what is asked there."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self.control = SquareControl(sandbox)

    def show(self, request: Request, problem: str = "") -> Response:
        """GET /square/till: the till of the shop in `shop`, the first one usually."""
        seller, shop = self._shop(request.argument("shop"))
        said = SAID.get(request.argument("said"), "")
        note = f'<p class="said" role="status">{said}</p>' if said else ""
        if problem:
            note = f'<p class="problem" role="alert">Nothing was done. {escape(problem)}</p>'
        body = note + self._shops(shop) + self._sell_form(shop) + self._sales(shop) + self._access(seller, shop)
        return html_response(400 if problem else 200, page("Square's tills", body, wide=True))

    def _shop(self, wanted: str) -> tuple[Seller, str]:
        sellers = list(self.sandbox.square.sellers.values())
        for seller in sellers:
            if wanted in {shop.id for shop in seller.shops}:
                return seller, wanted
        return sellers[0], sellers[0].shops[0].id

    def _shops(self, chosen: str) -> str:
        shops = [(shop.id, shop.name) for seller in self.sandbox.square.sellers.values() for shop in seller.shops]
        fields = choice("shop", "Shop", shops, chosen) + '<div class="foot"><button>Go there</button></div>'
        return f'<form action="/square/till"><div class="fields">{fields}</div></form>'

    def _sell_form(self, shop: str) -> str:
        names = [("", "An everyday sale"), *((name, name.replace("_", " ").capitalize()) for name in VARIANTS)]
        buttons = (
            ("sell", "Ring up"),
            ("offline", f"Sell offline, {OFFLINE_HOURS} hours ago"),
            ("burst", f"{BURST} sales at once"),
        )
        fields = choice("variant", "What is bought", names, "") + _hidden(shop)
        return "<h2>Ring up</h2>" + form("/square/till", fields, *buttons)

    def _sales(self, shop: str) -> str:
        sales = [sale for sale in self.sandbox.square.truth.sales[-50 * SHOWN :] if sale["location_id"] == shop]
        rows = "".join(self._row(shop, sale) for sale in reversed(sales[-SHOWN:]))
        return f"<h2>Latest sales</h2>{rows or '<p>Nothing was sold here yet.</p>'}"

    def _row(self, shop: str, sale: dict[str, Any]) -> str:
        order = escape(sale["order_id"])
        facts = f"<div><strong>{kobo_text(sale['total'])} naira</strong><br>{sale['day']}<br>{order}</div>"
        amount = text_field("naira", "Naira to give back", "", "Empty: all of it.", more=' inputmode="decimal"')
        button = '<div><button name="do" value="refund">Give back</button></div>'
        fields = f'{facts}{amount}{button}{_hidden(shop)}<input type="hidden" name="order_id" value="{order}">'
        inside = f'<div class="fields">{fields}</div>'
        return f'<div class="row"><form method="post" action="/square/till">{inside}</form></div>'

    def _access(self, seller: Seller, shop: str) -> str:
        granted = sorted(self.sandbox.square.grants.granted(seller.id))
        if not granted:
            return f"<h2>The app</h2><p>{escape(seller.name)} has granted the app nothing.</p>"
        scopes = escape(", ".join(granted))
        button = form("/square/till", _hidden(shop), ("revoke", "Revoke access"), main=False)
        return f"<h2>The app</h2><p>{escape(seller.name)} has granted the app: {scopes}.</p>{button}"

    def act(self, request: Request) -> Response:
        """POST /square/till: what `do` says, at the shop of the form."""
        given = request.form()
        seller, shop = self._shop(given.get("shop", ""))
        try:
            said = self._do(seller, shop, given)
        except (Refused, BadBasket) as problem:
            return self.show(request, str(problem))
        query = urlencode({"shop": shop, "said": said})
        return Response(303, b"", "text/html; charset=utf-8", {"Location": f"/square/till?{query}"})

    def _do(self, seller: Seller, shop: str, given: dict[str, str]) -> str:
        what = given.get("do", "sell")
        asked = {"variant": given["variant"]} if given.get("variant") else {}
        if what == "refund":
            amount = {"amount": _kobo(given["naira"])} if given.get("naira", "").strip() else {}
            self.sandbox.square.till.refunds.refund(seller, given.get("order_id", ""), amount)
            return "refunded"
        if what == "revoke":
            self.sandbox.square.oauth.end(seller.id, "MERCHANT")
            return "revoked"
        if what == "offline":
            asked["offline_at"] = (datetime.now(UTC) - timedelta(hours=OFFLINE_HOURS)).isoformat()
        for _ in range(BURST if what == "burst" else 1):
            self.control.sell(seller, shop, asked)
        return what if what in SAID else "sold"


def _hidden(shop: str) -> str:
    return f'<input type="hidden" name="shop" value="{escape(shop, quote=True)}">'


def _kobo(naira: str) -> int:
    whole, _, part = naira.strip().replace(",", "").partition(".")
    if not (whole.isdigit() and len(part) <= 2 and (part or "0").isdigit()):
        raise Refused("An amount looks like 1500 or 1500.50.")
    return int(whole) * 100 + int(part.ljust(2, "0") or 0)
