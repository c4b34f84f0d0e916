"""Sales as records, as rows and back. Pure but for the rows it is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import orjson

from pos.models import Sale, SaleKey, SaleLine
from pos.records import AppliedTax, ReturnRecord, SaleLineRecord, SaleRecord, TenderRecord, plain

LINE_COLUMNS = (
    "external_id", "position", "kind", "name", "sku", "quantity", "gross_amount", "discount_amount", "tax_amount",
    "total_amount",
)  # fmt: skip
LINE_FACTS = ("variation", "modifiers", "catalog_id", "unit", "note")
SALE_COLUMNS = (
    "external_id", "state", "sold_at", "currency", "total_amount", "tax_amount", "discount_amount", "tip_amount",
    "rounding_amount", "customer_external_id", "is_offline", "problem", "payload",
)  # fmt: skip
NO_CONTENT = {"payload", "source_updated_at", "version"}


def content_hash(record: SaleRecord) -> str:
    """Return what changes with anything about a sale but the provider's own bookkeeping, 32 characters."""
    facts = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    kept = {name: value for name, value in facts.items() if name not in NO_CONTENT}
    kept["sold_at"] = record.sold_at.astimezone(UTC)  # the same instant by another clock is no change
    return blake2b(orjson.dumps(kept, default=str), digest_size=16).hexdigest()


def to_columns(record: SaleRecord) -> dict[str, Any]:
    """Return the columns of a sale but for its keys."""
    return {name: getattr(record, name) for name in SALE_COLUMNS} | {
        "returned_amount": sum((each.total_amount for each in record.returns), Decimal(0)),
        "tenders": plain(record.tenders),
        "returns": plain(record.returns),
    }


def line_columns(line: SaleLineRecord) -> dict[str, Any]:
    """Return the columns of a line but for its keys."""
    facts = {name: plain(getattr(line, name)) for name in LINE_FACTS}
    return {name: getattr(line, name) for name in LINE_COLUMNS} | {"facts": facts | {"taxes": plain(line.taxes)}}


def to_record(sale: Sale, key: SaleKey, lines: Iterable[SaleLine]) -> SaleRecord:
    """Return a stored sale as its record; `key` knows its location."""
    return SaleRecord(
        **{name: getattr(sale, name) for name in SALE_COLUMNS},
        location_external_id=key.location.external_id,
        source_updated_at=key.source_updated_at,
        version=key.version,
        lines=tuple(_line(line) for line in lines),
        tenders=tenders_of(sale),
        returns=tuple(_return(row) for row in sale.returns),
    )


def from_snapshot(row: dict[str, Any]) -> SaleRecord:
    """Return a sale as an invoice's snapshot keeps it, which is without its payload."""
    amounts = ("total_amount", "tax_amount", "discount_amount", "tip_amount", "rounding_amount")
    changed = row["source_updated_at"]
    return SaleRecord(
        **{
            **_decimals(row, *amounts),
            "sold_at": datetime.fromisoformat(row["sold_at"]),
            "source_updated_at": datetime.fromisoformat(changed) if changed else None,
            "payload": {},
            "lines": tuple(_returned_line(each) for each in row["lines"]),
            "tenders": tuple(TenderRecord(**_decimals(each, "amount", "tip_amount")) for each in row["tenders"]),
            "returns": tuple(_return(each) for each in row["returns"]),
        }
    )


def tenders_of(sale: Sale) -> tuple[TenderRecord, ...]:
    """Return how a stored sale was paid."""
    return tuple(TenderRecord(**_decimals(row, "amount", "tip_amount")) for row in sale.tenders)


def with_payments(record: SaleRecord, stored: Sale) -> SaleRecord:
    """Return a sale read without its payments with what they told when they were read, which does not change.

    The states of payments do change, so they are kept while the sale's own is the same.
    """
    before = {each.external_id: each for each in tenders_of(stored) if each.state}
    tenders = tuple(
        _told_before(each, before[each.external_id], is_same=record.state == stored.state)
        if not each.state and each.external_id in before
        else each
        for each in record.tenders
    )
    is_blind = not record.is_offline and not any(each.state for each in record.tenders)
    if stored.is_offline and is_blind:
        record = dataclasses.replace(record, sold_at=stored.sold_at, is_offline=True)
    return dataclasses.replace(record, tenders=tenders)


def _told_before(now: TenderRecord, before: TenderRecord, *, is_same: bool) -> TenderRecord:
    state = before.state if is_same else ""
    return dataclasses.replace(now, kind=before.kind, source=before.source, state=state)


def _line(line: SaleLine) -> SaleLineRecord:
    columns: dict[str, Any] = {name: getattr(line, name) for name in LINE_COLUMNS}
    columns["quantity"] = _shortest(columns["quantity"])
    return SaleLineRecord(**columns, **_facts(line.facts))


def _return(row: dict[str, Any]) -> ReturnRecord:
    lines = tuple(_returned_line(each) for each in row["lines"])
    return ReturnRecord(**{**_decimals(row, "total_amount", "tax_amount", "tip_amount"), "lines": lines})


def _returned_line(row: dict[str, Any]) -> SaleLineRecord:
    amounts = ("quantity", "gross_amount", "discount_amount", "tax_amount", "total_amount")
    return SaleLineRecord(**{**_decimals(row, *amounts), **_facts(row)})


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    taxes = tuple(AppliedTax(**_decimals(each, "rate", "amount")) for each in row["taxes"])
    return {**{name: row[name] for name in LINE_FACTS}, "modifiers": tuple(row["modifiers"]), "taxes": taxes}


def _decimals(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: Decimal(value) if name in names and value is not None else value for name, value in row.items()}


def _shortest(number: Decimal) -> Decimal:
    """Return a number without the zeros that its column has put behind it."""
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()
