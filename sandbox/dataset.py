"""The CRM's records in memory: tables, links between records, edits."""

import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from sandbox.crm_schema import TYPES

PORTAL_ID = 62518


class Kind(NamedTuple):
    """One object type: its names in paths, its id, and the property that holds its modification time."""

    plural: str
    type_id: str
    singular: str
    modified: str
    words: str  # the key under which inline associations list it


KINDS = (
    Kind("deals", "0-3", "deal", "hs_lastmodifieddate", "deals"),
    Kind("line_items", "0-8", "line_item", "hs_lastmodifieddate", "line items"),
    Kind("companies", "0-2", "company", "hs_lastmodifieddate", "companies"),
    Kind("contacts", "0-1", "contact", "lastmodifieddate", "contacts"),
)
KIND_BY_NAME = {name: kind for kind in KINDS for name in (kind.plural, kind.type_id, kind.singular)}

# Association types from one side to the other, and the types that the other side sees for the same link.
INVERSE = {5: 6, 341: 342, 3: 4, 19: 20, 279: 280, 1: 2}
INVERSE |= {back: forth for forth, back in INVERSE.items()}
LABELS = {5: "Primary", 6: "Primary", 1: "Primary", 2: "Primary"}
DEFAULT_TYPES = {  # the unlabelled type of each pair that may be linked
    ("deals", "companies"): 341, ("companies", "deals"): 342, ("deals", "contacts"): 3, ("contacts", "deals"): 4,
    ("deals", "line_items"): 19, ("line_items", "deals"): 20, ("contacts", "companies"): 279,
    ("companies", "contacts"): 280,
}  # fmt: skip
FORWARD = (("deals", "companies"), ("deals", "contacts"), ("deals", "line_items"), ("contacts", "companies"))


class Link(NamedTuple):
    """The other record's id and the association types, for example (5, 341) for a primary company."""

    id: int
    types: tuple[int, ...]


@dataclass(slots=True)
class Record:
    """One CRM record; `properties` holds only what has a value, every value is text."""

    id: int
    properties: dict[str, str]


@dataclass(slots=True)
class Archived:
    """One record in the recycle bin, since when, and the links it had as (its pair, the other side's link)."""

    record: Record
    since: str
    links: "list[tuple[tuple[str, str], Link]]"


class Table:
    """The records of one kind, walkable in the order of their ids; `merged` leads from old ids to the present one."""

    def __init__(self, kind: Kind, records: dict[int, Record]) -> None:
        self.kind = kind
        self.records = records
        self.ids = sorted(records)
        self.archived: dict[int, Archived] = {}
        self.merged: dict[int, int] = {}
        self.types = dict(TYPES[kind.plural])
        self.custom: dict[str, dict[str, Any]] = {}
        self.index_lag_s = 0.0
        self._unindexed: dict[int, list[tuple[float, dict[str, str] | None]]] = {}
        self._last_id = self.ids[-1] if self.ids else 0

    def find(self, text: str) -> Record | None:
        """Return the live record with this id as text, also by an id that a merge ended, or None."""
        if not (text.isascii() and text.isdigit()):
            return None
        record = self.records.get(int(text))
        return record or (self.records.get(self.merged.get(int(text), 0)) if self.merged else None)

    def find_archived(self, text: str) -> Archived | None:
        """Return the archived record with this id as text, or None."""
        return self.archived.get(int(text)) if text.isascii() and text.isdigit() else None

    def add(self, properties: dict[str, str]) -> Record:
        """Store a new record under an id that was never used."""
        self._last_id += 1
        record = Record(self._last_id, properties)
        self.put(record)
        return record

    def put(self, record: Record) -> None:
        """Make a record live."""
        self.remember(record.id, None)
        self.records[record.id] = record
        insort(self.ids, record.id)

    def take(self, record_id: int) -> Record:
        """Take a record out of the live ones."""
        self.ids.pop(bisect_left(self.ids, record_id))
        return self.records.pop(record_id)

    def remember(self, record_id: int, properties: dict[str, str] | None) -> None:
        """Keep what searches show of a record until the index has caught up; None for a record that is new."""
        if self.index_lag_s:
            before = None if properties is None else dict(properties)
            self._unindexed.setdefault(record_id, []).append((time.monotonic() + self.index_lag_s, before))

    def indexed(self, first_id: int = 0) -> Iterator[Record]:
        """Walk the live records from this id on, as the index knows them."""
        ids = islice(self.ids, bisect_left(self.ids, first_id), None)
        if not self._unindexed:
            return map(self.records.__getitem__, ids)
        now = time.monotonic() if self.index_lag_s else float("inf")  # a lag switched off ends for all
        for record_id, entries in list(self._unindexed.items()):
            entries[:] = [entry for entry in entries if entry[0] > now]
            if not entries:
                del self._unindexed[record_id]
        return (record for record in map(self._as_indexed, ids) if record)

    def _as_indexed(self, record_id: int) -> Record | None:
        entries = self._unindexed.get(record_id)
        if entries is None:
            return self.records[record_id]
        before = entries[0][1]
        return None if before is None else Record(record_id, before)

    def __iter__(self) -> Iterator[Record]:
        """Walk the live records by id."""
        return (self.records[record_id] for record_id in self.ids)


Links = dict[int, list[Link]]


class Change(NamedTuple):
    """One thing that happened to a record: `what` as webhooks name it, the kind, the id, and what belongs to it."""

    what: str
    kind: Kind
    id: int
    details: dict[str, Any]


def _told_to_nobody(change: Change) -> None:
    pass


class Dataset:
    """All tables and links of one account; `changed` is told of each change."""

    def __init__(self, tables: dict[str, dict[int, Record]], links: dict[tuple[str, str], Links]) -> None:
        self.tables = {kind.plural: Table(kind, tables[kind.plural]) for kind in KINDS}
        self.changed: Callable[[Change], None] = _told_to_nobody
        self._links = links

    def links(self, from_kind: str, to_kind: str) -> Links:
        """Return the links of one direction by record id; the backward ones are made when first asked for."""
        pair = (from_kind, to_kind)
        if pair not in self._links:
            self._links[pair] = _inverted(self._links.get((to_kind, from_kind), {}))
        return self._links[pair]

    def link(self, from_kind: str, from_id: int, to_kind: str, to_id: int, types: tuple[int, ...]) -> None:
        """Link two records; a second call for the same pair adds its types."""
        if (from_kind, to_kind) not in FORWARD:
            from_kind, from_id, to_kind, to_id = to_kind, to_id, from_kind, from_id
            types = seen_from_there(types)
        _add_link(self._links[from_kind, to_kind], from_id, Link(to_id, types))
        if (to_kind, from_kind) in self._links:
            _add_link(self._links[to_kind, from_kind], to_id, Link(from_id, seen_from_there(types)))
        self._tell_association(from_kind, from_id, to_kind, to_id, types, removed=False)

    def unlink(self, from_kind: str, from_id: int, to_kind: str, to_id: int) -> bool:
        """Take the link of two records away; returns whether there was one."""
        if (from_kind, to_kind) not in FORWARD:
            from_kind, from_id, to_kind, to_id = to_kind, to_id, from_kind, from_id
        types = _remove_link(self._links[from_kind, to_kind], from_id, to_id)
        if not types:
            return False
        if (to_kind, from_kind) in self._links:
            _remove_link(self._links[to_kind, from_kind], to_id, from_id)
        self._tell_association(from_kind, from_id, to_kind, to_id, types, removed=True)
        return True

    def _tell_association(
        self, from_kind: str, from_id: int, to_kind: str, to_id: int, types: tuple[int, ...], *, removed: bool
    ) -> None:
        one, other = self.tables[from_kind].kind, self.tables[to_kind].kind
        there = {"to": other, "to_id": to_id, "types": types, "removed": removed}
        back = {"to": one, "to_id": from_id, "types": seen_from_there(types), "removed": removed}
        self.changed(Change("associationChange", one, from_id, there))  # each side hears of it
        self.changed(Change("associationChange", other, to_id, back))

    def edit(self, kind: str, record: Record, changes: dict[str, str]) -> None:
        """Set properties ("" clears one) and move the modification time, always forward."""
        table = self.tables[kind]
        before = dict(record.properties)
        table.remember(record.id, before)
        for name, value in changes.items():
            if value == "" and not (kind == "deals" and name == "amount"):
                record.properties.pop(name, None)
            else:
                record.properties[name] = value
        self._move_time(kind, record)
        for name, value in changes.items():
            if before.get(name, "") != value:
                self.changed(Change("propertyChange", table.kind, record.id, {"name": name, "value": value}))

    def touch(self, kind: str, record: Record) -> None:
        """Move a record's modification time, always forward, and change nothing else."""
        self.tables[kind].remember(record.id, record.properties)
        self._move_time(kind, record)

    def _move_time(self, kind: str, record: Record) -> None:
        modified = self.tables[kind].kind.modified
        record.properties[modified] = max(now_text(), _just_after(record.properties[modified]))


def seen_from_there(types: tuple[int, ...]) -> tuple[int, ...]:
    """Return the association types that the other side of a link shows."""
    return tuple(INVERSE.get(number, number) for number in types)


def _add_link(links: Links, from_id: int, new: Link) -> None:
    known = links.setdefault(from_id, [])
    for position, link in enumerate(known):
        if link.id == new.id:
            known[position] = Link(new.id, tuple(dict.fromkeys(link.types + new.types)))
            return
    known.append(new)


def _remove_link(links: Links, from_id: int, to_id: int) -> tuple[int, ...]:
    """Take one link away and return its types; () when there was none."""
    for link in links.get(from_id, ()):
        if link.id == to_id:
            links[from_id].remove(link)
            return link.types
    return ()


def _inverted(links: Links) -> Links:
    backward: Links = {}
    for from_id, targets in links.items():
        for target in targets:
            backward.setdefault(target.id, []).append(Link(from_id, seen_from_there(target.types)))
    return backward


def now_text() -> str:
    """Return this instant as HubSpot writes it: UTC, milliseconds, Z."""
    return instant_text(datetime.now(UTC))


def instant_text(instant: datetime) -> str:
    """Return an instant as HubSpot writes it."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _just_after(text: str) -> str:
    instant = datetime.fromisoformat(text)
    return instant_text(datetime.fromtimestamp(instant.timestamp() + 0.0011, UTC))
