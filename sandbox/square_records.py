"""Writes orders, payments and refunds into the books, and tells the webhooks of each write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from secrets import token_hex
from typing import Any

from sandbox.square_books import ORDER, PAYMENT, REFUND, Books, Entry, packed, text_of
from sandbox.square_pricing import BadBasket, Basket
from sandbox.square_settings import SquareSettings
from sandbox.square_shops import Seller

SOURCE = "Point of Sale"
CLERK = "TMTILL01"
Tell = Callable[[str, Entry], None]  # the event's type, and the entry that it is about
Times = dict[str, int]


@dataclass(slots=True)
class Sale:
    """What a till remembers of an order: for its end, and for what comes back.

    `payments` are those that can give money back: its own, then those of the sale that it was exchanged for. `back` is
    the share of each line that was returned.
    """

    seller: Seller
    payments: list[str]
    unfinished: tuple[Basket, int] | None = None  # of an open sale: what it will have sold, and the tip
    back: dict[str, Fraction] = field(default_factory=dict)


class Records:
    """The books as the tills write them, and the sales that the tills remember."""

    def __init__(self, settings: SquareSettings, books: Books, tell: Tell) -> None:
        self.settings = settings
        self.books = books
        self.tell = tell
        self.sales: dict[str, Sale] = {}

    def sale_of(self, seller: Seller, order_id: str) -> tuple[Entry, Sale]:
        """Return the order of a sale of this seller; raises BadBasket."""
        sale = self.sales.get(order_id)
        if sale is None or sale.seller is not seller:
            raise BadBasket(f"There is no sale {order_id} of this seller.")
        return self.books.present[order_id], sale

    def content(self, entry_id: str) -> dict[str, Any]:
        """Return what an entry says at present."""
        return self.books.present[entry_id].content()

    def put_order(self, merchant_id: str, order: dict[str, Any], state: str, times: Times) -> Entry:
        """Write an order; a finished one is closed when it was first written as finished."""
        if state in ("COMPLETED", "CANCELED"):
            times = {"closed_at": times["updated_at"]} | times
        shown = order | {name: text_of(moment) for name, moment in times.items()} | {"state": state}
        source, customer = order.get("source", {}).get("name", ""), order.get("customer_id", "")
        place, body = order["location_id"], packed(shown)
        entry = Entry(ORDER, order["id"], merchant_id, place, times, body, state, source, customer)
        self.books.put(entry)
        return entry

    def put_payment(self, merchant_id: str, payment: dict[str, Any], times: Times, event: str) -> None:
        """Write a payment and tell of it; its version token is new each time."""
        shown = payment | {name: text_of(times[name]) for name in ("created_at", "updated_at")}
        body = packed(shown | {"version_token": token_hex(16)})
        place, state = payment["location_id"], payment["status"]
        entry = Entry(PAYMENT, payment["id"], merchant_id, place, times, body, state)
        self.books.put(entry)
        self.tell(event, entry)

    def change_payment(self, payment_id: str, **changes: Any) -> None:
        """Change a payment and tell of it."""
        entry = self.books.present[payment_id]
        times = entry.times | {"updated_at": self.books.tick(entry)}
        self.put_payment(entry.merchant_id, entry.content() | changes, times, "payment.updated")

    def put_refund(self, merchant_id: str, refund: dict[str, Any]) -> Entry:
        """Write a refund and tell of it, as created or as updated."""
        before = self.books.present.get(refund["id"])
        now = self.books.tick(before)
        times = {"created_at": before.times["created_at"] if before else now, "updated_at": now}
        body = packed(refund | {name: text_of(moment) for name, moment in times.items()})
        place, state = refund["location_id"], refund["status"]
        entry = Entry(REFUND, refund["id"], merchant_id, place, times, body, state)
        self.books.put(entry)
        self.tell("refund.updated" if before else "refund.created", entry)
        return entry

    def tell_order(self, order: Entry, *, is_new: bool = True) -> None:
        """Tell of an order as the settings say; in the strict reading nobody hears of what a till does."""
        mode = self.settings.square_order_events
        if mode == "both" and is_new:
            self.tell("order.created", order)
        if mode != "none":
            self.tell("order.updated", order)


def new_order_id() -> str:
    """Return the id of a new order."""
    return f"O{token_hex(11).upper()}"
