"""Money that goes back: refunds of lines, of an amount, of all, without a sale; and how a pending one ends."""

from dataclasses import dataclass
from fractions import Fraction
from secrets import token_hex
from typing import Any

from sandbox.square_books import REFUND, Entry
from sandbox.square_orders_json import money, pruned
from sandbox.square_pricing import BadBasket
from sandbox.square_records import CLERK, SOURCE, Records, Sale, new_order_id
from sandbox.square_returns import Return, return_amount, return_lines
from sandbox.square_shops import Seller
from sandbox.square_truth import Truth

ENDS = ("COMPLETED", "REJECTED", "FAILED")


@dataclass(slots=True)
class Pending:
    """A return whose refunds have not all ended: how much of its lines was back before it."""

    sale: Sale
    before: dict[str, Fraction]
    refunds: set[str]


class Refunds:
    """Makes return orders and their refunds, one for each payment that gives some of the money back."""

    def __init__(self, records: Records, truth: Truth) -> None:
        self.records = records
        self.truth = truth
        self._counted: set[str] = set()
        self._pending: dict[str, Pending] = {}  # by return order

    def refund(self, seller: Seller, order_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Give back lines, an amount in kobo, or all of a completed sale; returns the return order. Raises BadBasket.

        `status` PENDING leaves the refunds open; `settle` ends them.
        """
        source, sale = self.records.sale_of(seller, order_id)
        if source.state != "COMPLETED":
            raise BadBasket("Only a completed sale can be refunded.")
        if given.get("status", "COMPLETED") not in ("PENDING", "COMPLETED"):
            raise BadBasket("A new refund is PENDING or COMPLETED.")
        back = return_amount(_kobo(given["amount"]), order_id) if "amount" in given else self.lines_of(source, given)
        self.check_refundable(sale, back.total)
        entry = self._put_return(seller, source.location_id, back)
        before = {uid: sale.back.get(uid, Fraction(0)) for uid in back.parts}
        sale.back |= back.parts
        refunds = self.pay_back(entry, sale, back.total, str(given.get("reason") or "Returned goods"))
        self._pending[entry.id] = Pending(sale, before, {refund.id for refund in refunds})
        if given.get("status", "COMPLETED") == "COMPLETED":
            self.complete(refunds)
        self.records.tell_order(entry)
        return self.records.content(entry.id) | {"refund_ids": [refund.id for refund in refunds]}

    def lines_of(self, source: Entry, given: dict[str, Any]) -> Return:
        """Return the wanted lines of a sale, all of it when none is named; raises BadBasket."""
        lines, sale = given.get("lines") or [], self.records.sales[source.id]
        back = return_lines(source.content(), sale.back, lines, all_of_it=not lines)
        if any(each.sale is sale and each.before.keys() & back.parts for each in self._pending.values()):
            raise BadBasket("An earlier return of one of these lines is still pending; settle it first.")
        return back

    def refund_unlinked(self, seller: Seller, location_id: str, amount: int) -> dict[str, Any]:
        """Give back cash without a sale; returns the return order. Raises BadBasket."""
        entry = self._put_return(seller, location_id, return_amount(_kobo(amount), ""))
        refund = _new(entry, f"U{token_hex(8).upper()}", amount, "Goodwill", "CASH") | {"unlinked": True}
        made = self.records.put_refund(seller.id, refund)
        self.complete([made])
        self.records.tell_order(entry)
        return self.records.content(entry.id) | {"refund_ids": [made.id]}

    def settle(self, seller: Seller, refund_id: str, status: str) -> dict[str, Any]:
        """End a pending refund and return it; raises BadBasket. What failed can be returned again."""
        entry = self.records.books.present.get(refund_id)
        if entry is None or entry.kind != REFUND or entry.merchant_id != seller.id or entry.state != "PENDING":
            raise BadBasket("There is no such pending refund of this seller.")
        if status not in ENDS:
            raise BadBasket(f"A refund ends as {', '.join(ENDS)}.")
        return self._end(entry, status).content()

    def check_refundable(self, sale: Sale, amount: int) -> None:
        """Raise BadBasket when the payments of a sale have less left than this."""
        left = sum(_left(self.records.content(payment)) for payment in sale.payments)
        if amount > left:
            raise BadBasket(f"Only {left} kobo of this sale can still be refunded.")

    def pay_back(self, order: Entry, sale: Sale, amount: int, reason: str) -> list[Entry]:
        """Make the pending refunds of a return order and return them."""
        made, left = [], amount
        for payment_id in sale.payments:
            payment = self.records.content(payment_id)
            part = min(left, _left(payment))
            if not part:
                continue
            left -= part
            refund = _new(order, f"{payment_id}_{token_hex(8)}", part, reason, payment["source_type"])
            made.append(self.records.put_refund(order.merchant_id, refund | {"payment_id": payment_id}))
            self._give_back(payment_id, part, made[-1].id)
        return made

    def complete(self, refunds: list[Entry]) -> None:
        """Complete the refunds of one return."""
        for entry in refunds:
            self._end(entry, "COMPLETED")

    def count_return(self, order: dict[str, Any], at: int) -> None:
        """Count what an order brought back, once."""
        if order["id"] not in self._counted:
            self._counted.add(order["id"])
            total, tax = (order["return_amounts"][name]["amount"] for name in ("total_money", "tax_money"))
            self.truth.returned(order["id"], order["location_id"], at, total, tax)

    def _end(self, entry: Entry, status: str) -> Entry:
        ended = self.records.put_refund(entry.merchant_id, entry.content() | {"status": status})
        refund = ended.content()
        if status == "COMPLETED":
            self.truth.refunded(refund, ended.times["updated_at"])
            self.count_return(self.records.content(refund["order_id"]), ended.times["updated_at"])
        else:
            self._give_back(refund["payment_id"], -refund["amount_money"]["amount"], refund["id"])
        self._note_end(refund)
        self._show_in_order(refund)
        return ended

    def _note_end(self, refund: dict[str, Any]) -> None:
        """Forget that the refund was pending; the lines of one that failed can be returned again."""
        pending = self._pending.get(refund["order_id"])
        if pending is None:
            return
        pending.refunds.discard(refund["id"])
        if refund["status"] != "COMPLETED":
            back = pending.sale.back | pending.before
            pending.sale.back = {uid: share for uid, share in back.items() if share}
        if not pending.refunds:
            del self._pending[refund["order_id"]]

    def _give_back(self, payment_id: str, amount: int, refund_id: str) -> None:
        payment = self.records.content(payment_id)
        back = payment.get("refunded_money", {}).get("amount", 0) + amount
        ids = list(dict.fromkeys([*payment.get("refund_ids", []), refund_id]))
        self.records.change_payment(payment_id, refunded_money=money(back), refund_ids=ids)

    def _put_return(self, seller: Seller, location_id: str, back: Return) -> Entry:
        returned = back.shown["return_amounts"]
        order = {
            "id": new_order_id(),
            "location_id": location_id,
            "source": {"name": SOURCE},
            "returns": [back.shown],
            "return_amounts": returned,
            "net_amounts": {name: money(-value["amount"]) for name, value in returned.items()},
            "net_amount_due_money": money(0),
        }
        order |= {f"total_{name}money": money(0) for name in ("", "tax_", "discount_", "tip_", "service_charge_")}
        now = self.records.books.tick()
        return self.records.put_order(seller.id, order, "COMPLETED", {"created_at": now, "updated_at": now})

    def _show_in_order(self, refund: dict[str, Any]) -> None:
        """List the refund in its return order, in the older form that orders use."""
        entry = self.records.books.present[refund["order_id"]]
        order = entry.content()
        names = ("id", "location_id", "created_at", "reason", "amount_money")
        old = {name: refund[name] for name in names} | {
            "transaction_id": refund["order_id"],
            "tender_id": refund.get("payment_id"),
            "status": "APPROVED" if refund["status"] == "COMPLETED" else refund["status"],
        }
        others = [each for each in order.get("refunds", []) if each["id"] != refund["id"]]
        times = entry.times | {"updated_at": self.records.books.tick(entry)}
        self.records.put_order(entry.merchant_id, order | {"refunds": [*others, pruned(old)]}, entry.state, times)


def _new(order: Entry, refund_id: str, amount: int, reason: str, way: str) -> dict[str, Any]:
    return {
        "id": refund_id,
        "status": "PENDING",
        "amount_money": money(amount),
        "order_id": order.id,
        "location_id": order.location_id,
        "reason": reason,
        "destination_type": way,
        "team_member_id": CLERK,
    }


def _left(payment: dict[str, Any]) -> int:
    back: int = payment.get("refunded_money", {}).get("amount", 0)
    total: int = payment["total_money"]["amount"]
    return total - back if payment["status"] == "COMPLETED" else 0


def _kobo(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise BadBasket("An amount must be a whole number of kobo above 0.")
    return value
