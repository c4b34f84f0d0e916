"""The tills: a sale is rung up, paid, and finished at once or later; in an exchange something comes back for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.square_basket import read_basket, read_tenders
from sandbox.square_books import Books, Entry, micros_of, text_of
from sandbox.square_orders_json import Tender, amounts, basket_json, money, payment_json, pruned, tender_json
from sandbox.square_pricing import BadBasket, Basket
from sandbox.square_records import CLERK, SOURCE, Records, Sale, Tell, Times, new_order_id
from sandbox.square_refunds import Refunds
from sandbox.square_returns import Return
from sandbox.square_settings import SquareSettings
from sandbox.square_shops import Seller
from sandbox.square_truth import Truth


@dataclass(slots=True)
class Exchange:
    """What is traded in for the goods of a sale, and the order that it was bought with."""

    back: Return
    source: Entry
    sale: Sale


@dataclass(slots=True)
class Moments:
    """When a sale was rung up and when the tills' own clock said so, None for a till that is online; microseconds."""

    now: int
    offline: int | None


class Till:
    """Every till of every shop."""

    def __init__(self, settings: SquareSettings, books: Books, truth: Truth, tell: Tell) -> None:
        self.settings = settings
        self.truth = truth
        self.records = Records(settings, books, tell)
        self.refunds = Refunds(self.records, truth)

    def ring_up(self, seller: Seller, location_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Make a sale and return its order; `given` is described with the control endpoint. Raises BadBasket.

        With `return_of` {"order_id", "lines"} it is an exchange: the buyer pays, or gets back, the difference.
        """
        basket, exchange = self._read(seller, given)
        due = basket.total - (exchange.back.total if exchange else 0)
        if exchange:
            self.refunds.check_refundable(exchange.sale, exchange.back.total)
        tenders = read_tenders(given, due) if due > 0 or not exchange else []
        moments = self._moments(given)
        order = self._order(basket, tenders, exchange) | {"id": new_order_id(), "location_id": location_id}
        order |= pruned({name: given.get(name) for name in ("customer_id", "reference_id")})
        made_at = text_of(moments.now)
        order["tenders"] = [tender_json(tender, location_id, order["id"], made_at) for tender in tenders]
        early = moments.offline if self.settings.square_offline_keeps_time else None
        times = {"created_at": early or moments.now, "updated_at": moments.now}
        entry = self.records.put_order(seller.id, pruned(order), given.get("state", "COMPLETED"), times)
        payments = [tender.payment_id for tender in tenders] + (exchange.sale.payments if exchange else [])
        tip = sum(tender.tip for tender in tenders)
        is_open = entry.state == "OPEN"
        self.records.sales[entry.id] = Sale(seller, payments, (basket, tip) if is_open else None)
        for tender in tenders:
            self._pay(entry, tender, str(given.get("note") or ""), times, moments.offline)
        if not is_open:
            self.truth.sold(entry.id, location_id, moments.offline or moments.now, basket, tip)
        if exchange:
            self._trade(entry, exchange, -due)
        self.records.tell_order(entry)
        return self.records.content(entry.id)

    def _read(self, seller: Seller, given: dict[str, Any]) -> tuple[Basket, Exchange | None]:
        """Return the goods, and what is traded in for them."""
        basket = read_basket(seller, given)
        if not basket.lines and not basket.charges:
            raise BadBasket("A sale needs at least one line or service charge.")
        wanted, state = given.get("return_of"), given.get("state", "COMPLETED")
        if state not in ("COMPLETED", "OPEN") or (state == "OPEN" and wanted):
            raise BadBasket("A sale's state is COMPLETED or OPEN; an exchange cannot be left open.")
        if not wanted:
            return basket, None
        source, sale = self.records.sale_of(seller, str(wanted.get("order_id")))
        return basket, Exchange(self.refunds.lines_of(source, wanted), source, sale)

    def _moments(self, given: dict[str, Any]) -> Moments:
        offline = _moment(given["offline_at"]) if given.get("offline_at") else None
        # The receipt comes a millisecond after the sale, and must not be in the future.
        return Moments(_moment(given["at"]) if given.get("at") else self.records.books.tick() - 1000, offline)

    def _order(self, basket: Basket, tenders: list[Tender], exchange: Exchange | None) -> dict[str, Any]:
        tip = sum(tender.tip for tender in tenders)
        total = basket.total + (tip if self.settings.square_tips_in_total else 0)
        returned = exchange.back.shown["return_amounts"] if exchange else amounts(0, 0, 0, 0, 0)
        sold = amounts(total, basket.tax, basket.discount, tip, basket.charged)
        order = basket_json(basket) | {
            "source": {"name": SOURCE},
            "total_money": money(total),
            "total_tip_money": money(tip),
            "net_amounts": {name: money(sold[name]["amount"] - returned[name]["amount"]) for name in sold},
            "net_amount_due_money": money(0),
        }
        return order | ({"returns": [exchange.back.shown], "return_amounts": returned} if exchange else {})

    def _pay(self, order: Entry, tender: Tender, note: str, times: Times, offline: int | None) -> None:
        payment = payment_json(tender) | {
            "status": "COMPLETED" if order.state == "COMPLETED" else "APPROVED",
            "location_id": order.location_id,
            "order_id": order.id,
            "team_member_id": CLERK,
            "application_details": {"square_product": "SQUARE_POS"},
        }
        payment |= pruned({"customer_id": order.customer_id, "note": note})
        if offline:
            details = {"client_created_at": text_of(offline)}
            payment |= {"is_offline_payment": True, "offline_payment_details": details}
            times = times | {"offline_created_at": offline}
        self.records.put_payment(order.merchant_id, payment, times, "payment.created")
        receipt = {"receipt_number": tender.payment_id[1:5], "receipt_url": f"https://receipts.example/{order.id}"}
        later = times | {"updated_at": times["updated_at"] + 1000}
        self.records.put_payment(order.merchant_id, payment | receipt, later, "payment.updated")

    def _trade(self, order: Entry, exchange: Exchange, owed: int) -> None:
        """Take the old goods back, and give the buyer what they were worth more than the new ones."""
        exchange.sale.back |= exchange.back.parts
        self.refunds.count_return(order.content(), order.times["updated_at"])
        if owed > 0:
            self.refunds.complete(self.refunds.pay_back(order, exchange.sale, owed, "Exchange"))

    def finish(self, seller: Seller, order_id: str, state: str) -> dict[str, Any]:
        """Complete or cancel an open sale with its payments; FAILED is a cancellation whose payments failed."""
        entry, sale = self.records.sale_of(seller, order_id)
        if sale.unfinished is None or state not in ("COMPLETED", "CANCELED", "FAILED"):
            raise BadBasket("Only an open sale can be finished, as COMPLETED, CANCELED or FAILED.")
        for payment_id in sale.payments:
            self.records.change_payment(payment_id, status=state)
        now = self.records.books.tick(entry)
        done = "COMPLETED" if state == "COMPLETED" else "CANCELED"
        entry = self.records.put_order(seller.id, entry.content(), done, entry.times | {"updated_at": now})
        if done == "COMPLETED":
            self.truth.sold(order_id, entry.location_id, now, *sale.unfinished)
        sale.unfinished = None
        self.records.tell_order(entry, is_new=False)
        return entry.content()


def _moment(text: Any) -> int:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadBasket(f"{text} is no instant, such as 2026-11-01T09:30:00Z.") from None
    if moment.tzinfo is None:
        raise BadBasket(f"The instant {text} needs an offset, such as Z.")
    return micros_of(moment) // 1000 * 1000
