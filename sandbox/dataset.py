"""The CRM's records in memory: tables, links between records, edits."""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

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


class Table:
    """The records of one kind, walkable in the order of their ids."""

    def __init__(self, kind: Kind, records: dict[int, Record]) -> None:
        self.kind = kind
        self.records = records
        self.ids = sorted(records)

    def find(self, text: str) -> Record | None:
        """Return the record with this id as text, or None."""
        return self.records.get(int(text)) if text.isascii() and text.isdigit() else None

    def add(self, properties: dict[str, str]) -> Record:
        """Store a new record under the next free id."""
        record = Record(self.ids[-1] + 1 if self.ids else 1, properties)
        self.records[record.id] = record
        insort(self.ids, record.id)
        return record

    def __iter__(self) -> Iterator[Record]:
        """Walk the records by id."""
        return (self.records[record_id] for record_id in self.ids)


Links = dict[int, list[Link]]


class Dataset:
    """All tables and links of one account."""

    def __init__(self, tables: dict[str, dict[int, Record]], links: dict[tuple[str, str], Links]) -> None:
        self.tables = {kind.plural: Table(kind, tables[kind.plural]) for kind in KINDS}
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
            types = tuple(INVERSE.get(number, number) for number in types)
        known = self._links[from_kind, to_kind].setdefault(from_id, [])
        for position, link in enumerate(known):
            if link.id == to_id:
                known[position] = Link(to_id, tuple(dict.fromkeys(link.types + types)))
                break
        else:
            known.append(Link(to_id, types))
        self._links.pop((to_kind, from_kind), None)

    def edit(self, kind: str, record: Record, changes: dict[str, str]) -> None:
        """Set properties ("" clears one) and move the modification time, always forward."""
        modified = self.tables[kind].kind.modified
        for name, value in changes.items():
            if value == "" and not (kind == "deals" and name == "amount"):
                record.properties.pop(name, None)
            else:
                record.properties[name] = value
        record.properties[modified] = max(now_text(), _just_after(record.properties[modified]))


def _inverted(links: Links) -> Links:
    backward: Links = {}
    for from_id, targets in links.items():
        for target in targets:
            types = tuple(INVERSE.get(number, number) for number in target.types)
            backward.setdefault(target.id, []).append(Link(from_id, types))
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
