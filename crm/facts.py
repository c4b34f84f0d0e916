"""A deal's facts under the names that rules use: "deal.amount", "company.tin", "line.sku". Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, get_type_hints

from crm.records import CompanyRecord, ContactRecord, DealRecord, LineRecord
from invoices.rules import Rules
from invoices.rules.applying import Lookup

RECORDS: dict[str, type[Any]] = {
    "deal": DealRecord,
    "company": CompanyRecord,
    "contact": ContactRecord,
    "line": LineRecord,
}
_NOT_FACTS = {"payload", "extra", "filled", "lines", "companies", "contacts", "former_ids", "source_updated_at"}
# What rules call pipeline and stage is the id; people know a contact by one name.
ALIASES = {"deal": {"pipeline": "pipeline_external_id", "stage": "stage_external_id"}}
FIELDS = {
    kind: frozenset({field.name for field in fields(record)} - _NOT_FACTS)
    | frozenset(ALIASES.get(kind, {}))
    | ({"full_name"} if kind == "contact" else frozenset())
    for kind, record in RECORDS.items()
}
# Of each record: what a snapshot shows, all of it at once, and the names of what is not JSON-able as it stands.
_SHOWN = {record: tuple(each.name for each in fields(record) if each.name != "payload") for record in RECORDS.values()}
_VALUES = {record: attrgetter(*names) for record, names in _SHOWN.items()}
_JSON_ABLE = ("str", "bool", "int", "dict[str, str]")
_TO_PLAIN = {
    record: tuple(each.name for each in fields(record) if each.name != "payload" and each.type not in _JSON_ABLE)
    for record in RECORDS.values()
}


def extra_properties(rules: Rules) -> dict[str, tuple[str, ...]]:
    """Return the properties of each kind of record that the rules name and that are no fields of ours, sorted."""
    return {kind: _extra(kind, names) for kind, names in rules.properties.items()}


@lru_cache(4096)
def _extra(kind: str, names: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(names - FIELDS[kind]))


def unread_properties(deal: DealRecord, rules: Rules) -> list[str]:
    """Return what the rules read and what was not asked for when the deal was read, sorted: nothing is known of it."""
    extra = extra_properties(rules)
    if not any(extra.values()):
        return []
    records: dict[str, Sequence[Any]] = {
        "deal": (deal,),
        "company": deal.companies[:1],
        "contact": deal.contacts[:1],
        "line": deal.lines,
    }
    return [
        f"{kind}.{name}"
        for kind, names in extra.items()
        for name in names
        if any(name not in record.extra for record in records[kind])
    ]


def lookup_of(deal: DealRecord, line: LineRecord | None = None) -> Lookup:
    """Return the lookup of a deal, its chosen company and contact, and one line of it."""
    found: dict[str, Any] = {
        "deal": deal,
        "company": deal.companies[0] if deal.companies else None,
        "contact": deal.contacts[0] if deal.contacts else None,
        "line": line,
    }

    def lookup(path: str) -> str:
        kind, name, is_own = _place(path)
        record = found.get(kind)
        if record is None:
            return ""
        if not is_own:
            return str(record.extra.get(name, ""))
        value = getattr(record, name)
        return value if isinstance(value, str) else _text(value)

    return lookup


@cache
def _place(path: str) -> tuple[str, str, bool]:
    """Return (kind of record, attribute or property, whether it is a field of ours)."""
    kind, _, name = path.partition(".")
    return kind, ALIASES.get(kind, {}).get(name, name), name in FIELDS.get(kind, ())


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def to_snapshot(deal: DealRecord) -> dict[str, Any]:
    """Return all that the draft was made from, as JSON-able facts without the raw payloads."""
    snapshot: dict[str, Any] = _plain(deal)
    return snapshot


def from_snapshot(snapshot: Mapping[str, Any]) -> DealRecord:
    """Return the deal that a snapshot was made of, without payloads; fields that came later are as if empty.

    Raises KeyError, TypeError, ValueError or ArithmeticError for what is no snapshot.
    """
    deal: DealRecord = _record(DealRecord, snapshot)
    return deal


def _plain(value: Any) -> Any:
    # By exact class: a backfill does this for every value of every deal.
    kind = type(value)
    if value is None or kind is str:
        return value
    if kind is Decimal or kind is date or kind is datetime:
        return str(value)
    if kind is tuple:
        return [_plain(item) for item in value]
    names = _SHOWN.get(kind)
    if names is None:
        return value
    shown = dict(zip(names, _VALUES[kind](value), strict=True))
    for name in _TO_PLAIN[kind]:
        shown[name] = _plain(shown[name])
    return shown


def _record(record_class: type[Any], data: Mapping[str, Any]) -> Any:
    hints = get_type_hints(record_class)
    values: dict[str, Any] = {"payload": {}}
    for each in fields(record_class):
        if each.name != "payload" and each.name in data:
            values[each.name] = _value(each.name, str(hints[each.name]), data[each.name])
        elif each.name != "payload" and each.default is each.default_factory is dataclasses.MISSING:
            raise KeyError(each.name)
    return record_class(**values)


def _value(name: str, hint: str, value: Any) -> Any:
    nested = {"lines": LineRecord, "companies": CompanyRecord, "contacts": ContactRecord}.get(name)
    if nested is not None:
        return tuple(_record(nested, each) for each in value)
    if value is None or not isinstance(value, str):
        return tuple(value) if isinstance(value, list) else value
    if "Decimal" in hint:
        return Decimal(value)
    if "datetime.datetime" in hint:
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if "datetime.date" in hint else value
