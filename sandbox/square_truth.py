"""The sandbox's own account of what each shop sold and gave back by day: what the app's figures must agree with."""

from collections import Counter
from datetime import timedelta
from typing import Any

from sandbox.square_books import EPOCH, MICROSECOND
from sandbox.square_pricing import Basket

LAGOS = timedelta(hours=1)


def day_of(micros: int) -> str:
    """Return the day in Lagos, which knows no summer time."""
    return f"{EPOCH + micros * MICROSECOND + LAGOS:%Y-%m-%d}"


class Truth:
    """Sums by shop and day in kobo, and each completed sale, return and refund.

    A return is what came back, with its tax; a refund is money. Giving back what two tenders paid is one return and two
    refunds; an exchange can be a return without any.
    """

    def __init__(self) -> None:
        self.days: dict[tuple[str, str], Counter[str]] = {}
        self.sales: list[dict[str, Any]] = []
        self.returns: list[dict[str, Any]] = []
        self.refunds: list[dict[str, Any]] = []

    def sold(self, order_id: str, location_id: str, at: int, basket: Basket, tip: int) -> None:
        """Count a completed sale; `total` is what was to be paid, without the tip."""
        sums = {
            "total": basket.total,
            "tax": basket.tax,
            "discount": basket.discount,
            "service_charge": basket.charged,
            "rounding": basket.rounding,
            "tip": tip,
        }
        day = day_of(at)
        self.sales.append({"order_id": order_id, "location_id": location_id, "day": day, **sums})
        self._of(location_id, day).update(sums | {"sales": 1})

    def returned(self, order_id: str, location_id: str, at: int, total: int, tax: int) -> None:
        """Count what came back over the counter, whether money was given for it or other goods."""
        day, sums = day_of(at), {"returned": total, "returned_tax": tax}
        self.returns.append({"order_id": order_id, "location_id": location_id, "day": day, **sums})
        self._of(location_id, day).update(sums | {"returns": 1})

    def refunded(self, refund: dict[str, Any], at: int) -> None:
        """Count money that was given back."""
        day, amount = day_of(at), refund["amount_money"]["amount"]
        known = {name: refund.get(name) for name in ("location_id", "order_id", "payment_id")}
        self.refunds.append({"refund_id": refund["id"], "day": day, "amount": amount, **known})
        self._of(refund["location_id"], day).update({"refunds": 1, "refunded": amount})

    def report(self, locations: set[str], *, each: bool) -> dict[str, Any]:
        """Return the days of these shops, and with `each` every sale, return and refund."""
        days = [
            {"location_id": location, "day": day, **counts}
            for (location, day), counts in sorted(self.days.items())
            if location in locations
        ]
        if not each:
            return {"days": days}
        lists = {"sales": self.sales, "returns": self.returns, "refunds": self.refunds}
        shown = {name: [one for one in ones if one["location_id"] in locations] for name, ones in lists.items()}
        return {"days": days, **shown}

    def _of(self, location_id: str, day: str) -> Counter[str]:
        return self.days.setdefault((location_id, day), Counter())
