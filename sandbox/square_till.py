"""The tills: ring up, finish, refund, exchange. Each writes the books, keeps the truth and tells the webhooks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from secrets import token_hex
from typing import Any

import orjson

from sandbox.square_basket import read_basket, read_tenders
from sandbox.square_books import ORDER, PAYMENT, REFUND, Books, Entry, micros_of, text_of
from sandbox.square_orders_json import Tender, amounts, basket_json, money, payment_json, pruned, tender_json
from sandbox.square_pricing import BadBasket, Basket
from sandbox.square_returns import Return, return_amount, return_lines
from sandbox.square_settings import SquareSettings
from sandbox.square_shops import Seller
from sandbox.square_truth import Truth

SOURCE = "Point of Sale"
Tell = Callable[[str, Entry], None]  # the event's type, and the entry that it is about


@dataclass(slots=True)
class Sale:
    """What a till remembers of an order: for its end, and for what comes back."""

    seller: Seller
    basket: Basket
    tip: int
    sold_at: int
    payments: list[str]
    back: dict[str, Fraction] = field(default_factory=dict)


class Till:
    """Every till of every shop."""

    def __init__(self, settings: SquareSettings, books: Books, truth: Truth, tell: Tell) -> None:
        self.settings = settings
        self.books = books
        self.truth = truth
        self.tell = tell
        self.sales: dict[str, Sale] = {}

    def ring_up(self, seller: Seller, location_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Make a sale and return its order; `given` is described with the control endpoint. Raises BadBasket.

        With `return_of` {"order_id", "lines"} it is an exchange: the buyer pays, or gets back, the difference.
        """
        basket = read_basket(seller, given)
        back, source = self._traded_in(seller, given.get("return_of"))
        due = basket.total - (back.total if back else 0)
        tenders = read_tenders(given, max(due, 0)) if due > 0 or not back else []
        if not basket.lines and not basket.charges:
            raise BadBasket("A sale needs at least one line or service charge.")
        state = given.get("state", "COMPLETED")
        if state not in ("COMPLETED", "OPEN") or (state == "OPEN" and back):
            raise BadBasket("A sale's state is COMPLETED or OPEN; an exchange cannot be left open.")
        now = _moment(given["at"]) if given.get("at") else self.books.tick() - 1000  # the receipt comes 1 ms later
        offline = _moment(given["offline_at"]) if given.get("offline_at") else None
        made = offline if offline and self.settings.square_offline_keeps_time else now
        order_id = f"O{token_hex(11).upper()}"
        order: dict[str, Any] = {"id": order_id, "location_id": location_id, "source": {"name": SOURCE}}
        order |= pruned({"customer_id": given.get("customer_id"), "reference_id": given.get("reference_id")})
        tip = sum(tender.tip for tender in tenders)
        order |= self._sums(basket, tip, back)
        order["tenders"] = [tender_json(tender, location_id, order_id, text_of(now)) for tender in tenders]
        if back:
            order["returns"] = [back.shown]
            order["return_amounts"] = back.shown["return_amounts"]
        times = {"created_at": made, "updated_at": now}
        sale = Sale(seller, basket, tip, offline or now, [tender.payment_id for tender in tenders])
        self.sales[order_id] = sale
        shown = self._put_order(seller, pruned(order), state, times)
        for tender in tenders:
            self._pay(seller, shown, tender, given, times, offline)
        if state == "COMPLETED":
            self.truth.sold(order_id, location_id, sale.sold_at, basket, tip)
        if back and source:
            self._take_back(source, back)
            if due < 0:
                self._pay_back(shown, source, -due, "Exchange", "COMPLETED", back.tax)
        self._tell_order(shown)
        return shown.content()

    def _traded_in(self, seller: Seller, given: dict[str, Any] | None) -> tuple[Return | None, Entry | None]:
        if not given:
            return None, None
        source, sale = self.sale_of(seller, str(given.get("order_id")))
        lines = given.get("lines") or []
        return return_lines(source.content(), sale.back, lines, all_of_it=not lines), source

    def sale_of(self, seller: Seller, order_id: str) -> tuple[Entry, Sale]:
        """Return the order of a sale of this seller; raises BadBasket."""
        sale = self.sales.get(order_id)
        if sale is None or sale.seller is not seller:
            raise BadBasket(f"There is no sale {order_id} of this seller.")
        return self.books.present[order_id], sale

    def _sums(self, basket: Basket, tip: int, back: Return | None) -> dict[str, Any]:
        total = basket.total + (tip if self.settings.square_tips_in_total else 0)
        returned = back.shown["return_amounts"] if back else amounts(0, 0, 0, 0, 0)
        sold = amounts(total, basket.tax, basket.discount, tip, basket.charged)
        net = {name: money(sold[name]["amount"] - returned[name]["amount"]) for name in sold}
        return basket_json(basket) | {
            "total_money": money(total),
            "total_tip_money": money(tip),
            "net_amounts": net,
            "net_amount_due_money": money(0),
        }

    def _put_order(self, seller: Seller, order: dict[str, Any], state: str, times: dict[str, int]) -> Entry:
        closed = {"closed_at": times["updated_at"]} if state in ("COMPLETED", "CANCELED") else {}
        times = times | closed
        shown = order | {name: text_of(moment) for name, moment in times.items()} | {"state": state}
        entry = Entry(
            ORDER,
            order["id"],
            seller.id,
            order["location_id"],
            times,
            orjson.dumps(shown),
            state,
            order.get("source", {}).get("name", ""),
            order.get("customer_id", ""),
        )
        self.books.put(entry)
        return entry

    def _pay(
        self,
        seller: Seller,
        order: Entry,
        tender: Tender,
        given: dict[str, Any],
        times: dict[str, int],
        offline: int | None,
    ) -> None:
        status = "COMPLETED" if order.state == "COMPLETED" else "APPROVED"
        payment = payment_json(tender) | {
            "status": status,
            "location_id": order.location_id,
            "order_id": order.id,
            "team_member_id": "TMTILL01",
            "application_details": {"square_product": "SQUARE_POS"},
            "version_token": token_hex(16),
        }
        payment |= pruned({"customer_id": order.customer_id, "note": given.get("note")})
        if offline:
            details = {"client_created_at": text_of(offline)}
            payment |= {"is_offline_payment": True, "offline_payment_details": details}
            times = times | {"offline_created_at": offline}
        first = self._put_payment(seller.id, payment, times)
        self.tell("payment.created", first)
        receipt = {"receipt_number": tender.payment_id[1:5], "receipt_url": "https://receipts.example/" + order.id}
        later = times | {"updated_at": times["updated_at"] + 1000}
        self.tell("payment.updated", self._put_payment(seller.id, payment | receipt, later))

    def _put_payment(self, merchant_id: str, payment: dict[str, Any], times: dict[str, int]) -> Entry:
        shown = payment | {name: text_of(times[name]) for name in ("created_at", "updated_at")}
        entry = Entry(
            PAYMENT, payment["id"], merchant_id, payment["location_id"], times, orjson.dumps(shown), payment["status"]
        )
        self.books.put(entry)
        return entry

    def _change(self, payment_id: str, **changes: Any) -> None:
        """Change a payment and tell of it."""
        entry = self.books.present[payment_id]
        times = entry.times | {"updated_at": self.books.tick(entry)}
        changed = entry.content() | {"version_token": token_hex(16)} | changes
        self.tell("payment.updated", self._put_payment(entry.merchant_id, changed, times))

    def finish(self, seller: Seller, order_id: str, state: str) -> dict[str, Any]:
        """Complete or cancel an open sale with its payments; FAILED is a cancellation whose payments failed."""
        entry, sale = self.sale_of(seller, order_id)
        if entry.state != "OPEN" or state not in ("COMPLETED", "CANCELED", "FAILED"):
            raise BadBasket("Only an open sale can be finished, as COMPLETED, CANCELED or FAILED.")
        for payment_id in sale.payments:
            self._change(payment_id, status=state)
        now = self.books.tick(entry)
        order = entry.content()
        done = "COMPLETED" if state == "COMPLETED" else "CANCELED"
        entry = self._put_order(seller, order, done, entry.times | {"updated_at": now})
        if done == "COMPLETED":
            sale.sold_at = now
            self.truth.sold(order_id, entry.location_id, now, sale.basket, sale.tip)
        self._tell_order(entry, is_new=False)
        return entry.content()

    def refund(self, seller: Seller, order_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Give back lines, an amount in kobo, or all of a completed sale; returns the return order. Raises BadBasket.

        `status` leaves the refunds PENDING; `settle` ends them.
        """
        source, sale = self.sale_of(seller, order_id)
        if source.state != "COMPLETED":
            raise BadBasket("Only a completed sale can be refunded.")
        if given.get("amount"):
            back = return_amount(_whole(given["amount"]), order_id)
        else:
            lines = given.get("lines") or []
            back = return_lines(source.content(), sale.back, lines, all_of_it=not lines)
        if back.total > self._refundable(sale):
            raise BadBasket(f"Only {self._refundable(sale)} kobo of this sale can still be refunded.")
        entry = self._put_return(seller, source.location_id, back)
        self._take_back(source, back)
        reason, status = str(given.get("reason") or "Returned goods"), given.get("status", "COMPLETED")
        refunds = self._pay_back(entry, source, back.total, reason, status, back.tax)
        self._tell_order(entry)
        return entry.content() | {"refund_ids": refunds}

    def refund_unlinked(self, seller: Seller, location_id: str, amount: int) -> dict[str, Any]:
        """Give back cash without a sale; returns the return order. Raises BadBasket."""
        back = return_amount(_whole(amount), "")
        entry = self._put_return(seller, location_id, back)
        refund = self._new_refund(entry, f"U{token_hex(8).upper()}", back.total, "Goodwill", "CASH")
        self._settle(self._put_refund(seller.id, refund | {"unlinked": True}, "refund.created"), "COMPLETED", 0)
        return entry.content() | {"refund_ids": [refund["id"]]}

    def settle(self, seller: Seller, refund_id: str, status: str) -> dict[str, Any]:
        """End a pending refund as COMPLETED, REJECTED or FAILED and return it; raises BadBasket."""
        entry = self.books.present.get(refund_id)
        if entry is None or entry.kind != REFUND or entry.merchant_id != seller.id or entry.state != "PENDING":
            raise BadBasket("There is no such pending refund of this seller.")
        if status not in ("COMPLETED", "REJECTED", "FAILED"):
            raise BadBasket("A refund ends as COMPLETED, REJECTED or FAILED.")
        order = self.books.present[entry.content()["order_id"]].content()
        tax = order["return_amounts"]["tax_money"]["amount"]
        return self._settle(entry, status, tax).content()

    def _refundable(self, sale: Sale) -> int:
        return sum(self._left(self.books.present[payment].content()) for payment in sale.payments)

    def _left(self, payment: dict[str, Any]) -> int:
        back: int = payment.get("refunded_money", {}).get("amount", 0)
        total: int = payment["total_money"]["amount"]
        return total - back

    def _take_back(self, source: Entry, back: Return) -> None:
        self.sales[source.id].back |= back.parts

    def _put_return(self, seller: Seller, location_id: str, back: Return) -> Entry:
        returned = back.shown["return_amounts"]
        order = {
            "id": f"O{token_hex(11).upper()}",
            "location_id": location_id,
            "source": {"name": SOURCE},
            "returns": [back.shown],
            "return_amounts": returned,
            "net_amounts": {name: money(-value["amount"]) for name, value in returned.items()},
            "net_amount_due_money": money(0),
        }
        order |= {f"total_{name}money": money(0) for name in ("", "tax_", "discount_", "tip_", "service_charge_")}
        now = self.books.tick()
        return self._put_order(seller, order, "COMPLETED", {"created_at": now, "updated_at": now})

    def _pay_back(self, order: Entry, source: Entry, amount: int, reason: str, status: str, tax: int) -> list[str]:
        """Make the refunds of a return order, one for each payment of the sale that gives some of it; return the ids.

        The tax of the return is counted with the first one that completes it.
        """
        made, left = [], amount
        for payment_id in self.sales[source.id].payments:
            payment = self.books.present[payment_id].content()
            part = min(left, self._left(payment))
            if not part:
                continue
            left -= part
            refund = self._new_refund(order, f"{payment_id}_{token_hex(8)}", part, reason, payment["source_type"])
            entry = self._put_refund(order.merchant_id, refund | {"payment_id": payment_id}, "refund.created")
            made.append(entry.id)
            self._give_back(payment_id, part, entry.id)
            if status == "COMPLETED":
                self._settle(entry, status, tax if len(made) == 1 else 0)
        return made

    def _give_back(self, payment_id: str, amount: int, refund_id: str) -> None:
        payment = self.books.present[payment_id].content()
        back = payment.get("refunded_money", {}).get("amount", 0) + amount
        ids = list(dict.fromkeys([*payment.get("refund_ids", []), refund_id]))
        self._change(payment_id, refunded_money=money(back), refund_ids=ids)

    def _new_refund(self, order: Entry, refund_id: str, amount: int, reason: str, way: str) -> dict[str, Any]:
        return {
            "id": refund_id,
            "status": "PENDING",
            "amount_money": money(amount),
            "order_id": order.id,
            "location_id": order.location_id,
            "reason": reason,
            "destination_type": way,
            "team_member_id": "TMTILL01",
            "created_at": text_of(self.books.tick()),
        }

    def _put_refund(self, merchant_id: str, refund: dict[str, Any], event: str) -> Entry:
        before = self.books.present.get(refund["id"])
        now = self.books.tick(before)
        created = before.times["created_at"] if before else now
        shown = refund | {"created_at": text_of(created), "updated_at": text_of(now)}
        times = {"created_at": created, "updated_at": now}
        entry = Entry(
            REFUND, shown["id"], merchant_id, shown["location_id"], times, orjson.dumps(shown), shown["status"]
        )
        self.books.put(entry)
        self.tell(event, entry)
        return entry

    def _settle(self, entry: Entry, status: str, tax: int) -> Entry:
        refund = entry.content() | {"status": status}
        settled = self._put_refund(entry.merchant_id, refund, "refund.updated")
        if status == "COMPLETED":
            self.truth.refunded(refund, settled.times["updated_at"], tax)
        elif refund.get("payment_id"):
            self._give_back(refund["payment_id"], -refund["amount_money"]["amount"], refund["id"])
        self._show_refund_in_order(refund)
        return settled

    def _show_refund_in_order(self, refund: dict[str, Any]) -> None:
        """List the refund in its return order, in the older form that orders use."""
        entry = self.books.present[refund["order_id"]]
        order = entry.content()
        status = {"COMPLETED": "APPROVED"}.get(refund["status"], refund["status"])
        old = {
            "id": refund["id"],
            "location_id": refund["location_id"],
            "transaction_id": refund["order_id"],
            "tender_id": refund.get("payment_id", ""),
            "created_at": refund["created_at"],
            "reason": refund["reason"],
            "amount_money": refund["amount_money"],
            "status": status,
        }
        others = [each for each in order.get("refunds", []) if each["id"] != refund["id"]]
        now = self.books.tick(entry)
        shown = order | {"refunds": [*others, pruned(old)], "updated_at": text_of(now)}
        self.books.put(replace(entry, times=entry.times | {"updated_at": now}, body=orjson.dumps(shown)))

    def _tell_order(self, order: Entry, *, is_new: bool = True) -> None:
        mode = self.settings.square_order_events
        if mode == "both" and is_new:
            self.tell("order.created", order)
        if mode != "none":
            self.tell("order.updated", order)


def _moment(text: Any) -> int:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadBasket(f"{text} is no instant, such as 2026-11-01T09:30:00Z.") from None
    if moment.tzinfo is None:
        raise BadBasket(f"The instant {text} needs an offset, such as Z.")
    return micros_of(moment) // 1000 * 1000


def _whole(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise BadBasket("An amount must be a whole number of kobo above 0.")
    return value
