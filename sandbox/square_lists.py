"""Pages of payments, refunds and orders: cursors that are bound to their query and die, spans of time, sort orders."""

import base64
import binascii
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any

import orjson

from sandbox.square_books import Books, Entry, Key, micros_now, micros_of
from sandbox.square_errors import bad_value
from sandbox.web import Request

YEAR = 365 * 86_400 * 1_000_000
FOREVER = 2**62
Test = Callable[[Entry], bool]


@dataclass(slots=True)
class Query:
    """What a page is of: entries of `kind` in these shops with the time `by` within the span and passing `test`."""

    kind: str
    locations: list[str]
    by: str
    begin: int
    end: int
    ascending: bool
    limit: int
    test: Test
    identity: bytes  # the whole query as it was asked; a cursor goes with no other


def make_identity(*parts: Any) -> bytes:
    """Return the identity of a query that consists of these values."""
    return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)


def page_of(books: Books, query: Query, cursor: str, life: float) -> tuple[list[Entry], str]:
    """Return a page and the cursor of the next one, "" on the last; raises the 400 of a bad cursor.

    The end of an open span is the moment of the first page: the cursor carries it along.
    """
    after: Key | None = None
    if cursor:
        moment, last, query.end = read_cursor(cursor, query.identity, life)
        after = (moment, last)
    span = (query.begin, query.end)
    found = books.walk(query.kind, query.locations, query.by, span, after=after, ascending=query.ascending)
    fitting: Iterator[Entry] = (entry for entry in found if query.test(entry))
    page = list(islice(fitting, query.limit + 1))
    if len(page) <= query.limit:
        return page, ""
    page.pop()
    return page, make_cursor((page[-1].times[query.by], page[-1].id, query.end), query.identity)


def make_cursor(place: tuple[Any, ...], identity: bytes) -> str:
    """Return the cursor of a place in the answers to one query."""
    state = [place, time.time(), sha256(identity).hexdigest()[:16]]
    return base64.urlsafe_b64encode(orjson.dumps(state)).decode().rstrip("=")


def read_cursor(cursor: str, identity: bytes, life: float) -> list[Any]:
    """Return the place of a cursor; raises the 400 of one that is of another query or older than `life` seconds."""
    place: list[Any]
    try:
        place, issued, digest = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError):
        raise bad_value("The cursor is not one of this endpoint.", "cursor", "INVALID_CURSOR") from None
    if digest != sha256(identity).hexdigest()[:16]:
        raise bad_value("The cursor belongs to another query.", "cursor", "INVALID_CURSOR")
    if time.time() - issued > life:
        raise bad_value("The cursor has expired; begin the query again.", "cursor", "INVALID_CURSOR")
    return place


def instant(text: Any, field: str) -> int:
    """Return an RFC 3339 instant in microseconds; raises the 400 of anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise bad_value(f"{text} is not an RFC 3339 timestamp.", field, "INVALID_TIME")
    return micros_of(moment)


def span_of(begin: Any, end: Any, fields: tuple[str, str], usual: tuple[int, int]) -> tuple[int, int]:
    """Return the span from two texts, `usual` where one is missing; raises the 400 of an end before its begin."""
    first = instant(begin, fields[0]) if begin else usual[0]
    last = instant(end, fields[1]) if end else usual[1]
    if first > last:
        raise bad_value(f"{fields[0]} must not be later than {fields[1]}.", fields[0], "INVALID_TIME_RANGE")
    return first, last


def sort_of(given: Any, fields: dict[str, str], usual: str) -> str:
    """Return the name of the time that a sort field stands for; raises the 400 of an unknown one."""
    field = given or usual
    if field not in fields:
        raise bad_value(f"sort_field must be one of {', '.join(fields)}.", "sort_field")
    return fields[field]


def is_ascending(given: Any) -> bool:
    """Return whether a sort order is ASC; DESC is the usual one."""
    if given not in (None, "", "ASC", "DESC"):
        raise bad_value("sort_order must be ASC or DESC.", "sort_order", "INVALID_SORT_ORDER")
    return bool(given == "ASC")


def limit_of(request: Request, most: int) -> int:
    """Return the limit of a list; one that is too large is ignored, as Square does."""
    text = request.argument("limit")
    if not text:
        return most
    if not text.lstrip("-").isdigit() or int(text) < 1:
        raise bad_value("limit must be a whole number above 0.", "limit", "VALUE_TOO_LOW")
    return min(int(text), most)


def arguments(request: Request) -> dict[str, str]:
    """Return a list's arguments that a cursor is bound to: all but itself and the limit."""
    return {name: values[-1] for name, values in request.query.items() if name not in ("cursor", "limit")}


def last_year() -> tuple[int, int]:
    """Return the usual span of a list: a year back to now."""
    now = micros_now()
    return now - YEAR, now + 1000
