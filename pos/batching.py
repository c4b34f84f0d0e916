"""Which sales to consumers go to the authority together, and by when. Pure, and no clock of its own.

The 24 hours run from each sale, so a batch is due by its first one. A day of a shop is therefore one batch, or two when
the first sale comes so early that its time would be up before the day is closed and handed in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from invoices.irn import LAGOS


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """What a batch is of: one location's day on Nigeria's clock, in one currency."""

    connection_id: int
    location: str
    day: date
    currency: str


@dataclass(frozen=True, slots=True)
class ConsumerSale:
    """A completed sale to a consumer, with tax; `sold_at` knows its time zone. A refund is no sale but a note."""

    connection_id: int
    location: str
    external_id: str
    sold_at: datetime
    currency: str
    total: Decimal

    @property
    def key(self) -> tuple[int, str]:
        """Return what is never in two batches."""
        return (self.connection_id, self.external_id)

    @property
    def place(self) -> Place:
        """Return where and when it was made, in Nigeria."""
        return Place(self.connection_id, self.location, self.sold_at.astimezone(LAGOS).date(), self.currency)


@dataclass(frozen=True, slots=True)
class BatchRule:
    """How sales are handed in: each alone, or by day; those above `single_above` alone in any case.

    `hours` is the law's clock from a sale, `margin` what is kept of it for the handing in, `most` the lines that one
    document takes. Raises ValueError for a rule that leaves no time or no room.
    """

    is_batched: bool
    hours: Decimal
    single_above: Decimal | None = None
    margin: timedelta = timedelta(hours=1)
    most: int = 500

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.most < 1 or not timedelta(0) <= self.margin < self.whole:
            raise ValueError("A batch takes one sale at least, and its margin is less than the hours it has.")

    @property
    def whole(self) -> timedelta:
        """Return the time from a sale until it has to be at the authority."""
        return timedelta(hours=float(self.hours))

    def is_single(self, sale: ConsumerSale) -> bool:
        """Tell whether this sale goes alone."""
        return not self.is_batched or (self.single_above is not None and sale.total > self.single_above)


@dataclass(frozen=True, slots=True)
class Batch:
    """Sales that go together, in order. No sale is added after `closes_at`; `due_at` is the law's.

    `sequence` counts the batches of a place from 1. It holds for these sales, so it is kept with them once they are
    handed in.
    """

    place: Place
    sequence: int
    sales: tuple[ConsumerSale, ...]
    closes_at: datetime
    due_at: datetime

    def is_complete(self, now: datetime) -> bool:
        """Tell whether it may be handed in: nothing can join it any more."""
        return now >= self.closes_at


def batches_of(
    sales: Iterable[ConsumerSale],
    rule: BatchRule,
    *,
    taken: Collection[tuple[int, str]] = frozenset(),
    used: Mapping[Place, int] | None = None,
) -> list[Batch]:
    """Return every batch of these sales, by place and sequence; the same for any order of the same sales.

    `taken` are the keys of sales that are in a batch already, `used` the highest sequence of each place so far: a sale
    that arrives late goes into a batch of its own number. Of a sale given twice the later counts.
    """
    places: dict[Place, list[ConsumerSale]] = {}
    for sale in {sale.key: sale for sale in sales if sale.key not in taken}.values():
        places.setdefault(sale.place, []).append(sale)
    found = []
    for place in sorted(places):
        first = (used or {}).get(place, 0) + 1
        mine = sorted(places[place], key=lambda sale: (sale.sold_at, sale.external_id))
        found += [_batch(place, number, group, rule) for number, group in enumerate(_groups(mine, rule), start=first)]
    return found


def _groups(sales: Sequence[ConsumerSale], rule: BatchRule) -> Iterator[list[ConsumerSale]]:
    """Yield the groups of one place's sales, which are in order."""
    together: list[ConsumerSale] = []
    for sale in sales:
        if rule.is_single(sale):
            yield [sale]
            continue
        if together and (len(together) == rule.most or sale.sold_at >= together[0].sold_at + rule.whole - rule.margin):
            yield together
            together = []
        together.append(sale)
    if together:
        yield together


def _batch(place: Place, sequence: int, sales: Sequence[ConsumerSale], rule: BatchRule) -> Batch:
    first, last = sales[0].sold_at, sales[-1].sold_at
    midnight = datetime.combine(place.day + timedelta(days=1), time(), tzinfo=LAGOS)
    closes_at = min(midnight, first + rule.whole - rule.margin)
    if rule.is_single(sales[0]) or len(sales) == rule.most:
        closes_at = last
    return Batch(place, sequence, tuple(sales), closes_at, first + rule.whole)
