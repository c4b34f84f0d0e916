"""What the tills have recorded: every order, payment and refund, found by id, by shop and by time.

Two sides are kept. A till writes into `present`; lists, searches and look-ups read the `shown` side, which takes up
a write only when the lag of the settings has gone by, as Square's do. Records are replaced, never changed in place.
"""

import time
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import Any

import orjson

ORDER, PAYMENT, REFUND = "order", "payment", "refund"
Key = tuple[int, str]
LAST = "\U0010ffff"  # after every id
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros_of(moment: datetime) -> int:
    """Return microseconds since 1970, exactly."""
    return (moment - EPOCH) // MICROSECOND


def micros_now() -> int:
    """Return the present in microseconds since 1970, in whole milliseconds as the answers show it."""
    return time.time_ns() // 1_000_000 * 1000


def text_of(micros: int) -> str:
    """Return an instant as Square writes it, with milliseconds."""
    moment = EPOCH + micros * MICROSECOND
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def packed(content: dict[str, Any]) -> bytes:
    """Return the JSON of an entry in no more memory than it needs: orjson's own bytes keep a buffer of 8 KB each."""
    return bytes(memoryview(orjson.dumps(content)))


@dataclass(slots=True, frozen=True)
class Entry:
    """One order, payment or refund as it is from one moment on; times are in microseconds, `body` is its JSON."""

    kind: str
    id: str
    merchant_id: str
    location_id: str
    times: dict[str, int]  # created_at, updated_at; closed_at and offline_created_at where it has them
    body: bytes
    state: str = ""
    source: str = ""
    customer_id: str = ""

    def content(self) -> dict[str, Any]:
        """Return a copy of its JSON to work on."""
        read: dict[str, Any] = orjson.loads(self.body)
        return read


class Books:
    """All entries; `lag_s` is how many seconds the shown side trails the tills."""

    def __init__(self) -> None:
        self.lag_s = 0.0
        self.present: dict[str, Entry] = {}
        self._shown: dict[str, Entry] = {}
        self._waiting: deque[tuple[float, Entry]] = deque()
        self._indexes: dict[tuple[str, str, str], list[Key]] = {}  # kind, location, name of the time

    def tick(self, behind: Entry | None = None) -> int:
        """Return the present in microseconds, later than the last write of `behind`."""
        return max(micros_now(), behind.times["updated_at"] + 1000 if behind else 0)

    def put(self, entry: Entry) -> None:
        """Write an entry, or what has become of it."""
        self.present[entry.id] = entry
        self._waiting.append((time.monotonic(), entry))
        self._catch_up()

    def find(self, kind: str, entry_id: str, merchant_id: str) -> Entry | None:
        """Return an entry of this seller as it is shown now."""
        self._catch_up()
        entry = self._shown.get(entry_id)
        return entry if entry and (entry.kind, entry.merchant_id) == (kind, merchant_id) else None

    def walk(
        self, kind: str, locations: list[str], by: str, span: tuple[int, int], *, after: Key | None, ascending: bool
    ) -> Iterator[Entry]:
        """Return the entries of these shops with that time within `span`, both ends in, beginning behind `after`."""
        self._catch_up()
        parts = [
            _stretch(self._indexes.get((kind, location, by), []), span, after, ascending=ascending)
            for location in locations
        ]
        return (self._shown[key[1]] for key in merge(*parts, reverse=not ascending))

    def _catch_up(self) -> None:
        due = time.monotonic() - self.lag_s
        while self._waiting and self._waiting[0][0] <= due:
            self._show(self._waiting.popleft()[1])

    def _show(self, entry: Entry) -> None:
        before = self._shown.get(entry.id)
        if before is not None:
            for name, moment in before.times.items():
                index = self._index(before, name)
                del index[bisect_left(index, (moment, before.id))]
        for name, moment in entry.times.items():
            insort(self._index(entry, name), (moment, entry.id))
        self._shown[entry.id] = entry

    def _index(self, entry: Entry, name: str) -> list[Key]:
        return self._indexes.setdefault((entry.kind, entry.location_id, name), [])


def _stretch(index: list[Key], span: tuple[int, int], after: Key | None, *, ascending: bool) -> Iterator[Key]:
    low, high = bisect_left(index, (span[0], "")), bisect_right(index, (span[1], LAST))
    if after is not None and ascending:
        low = max(low, bisect_right(index, after))
    elif after is not None:
        high = min(high, bisect_left(index, after))
    places = range(low, high) if ascending else range(high - 1, low - 1, -1)
    return (index[place] for place in places)
