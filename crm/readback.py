"""Stored deals back into records, for the converter."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

from crm.models import Deal
from crm.records import CompanyRecord, ContactRecord, DealRecord, LineRecord

_BESIDE = {"lines", "companies", "contacts", "company_external_id", "contact_external_id", "former_ids"}


def to_record(deal: Deal) -> DealRecord:
    """Return a stored deal, its lines and parties as a record; prefetch `lines`, `aliases`, `company` and `contact`."""
    company = _copy(CompanyRecord, deal.company) if deal.company else None
    contact = _copy(ContactRecord, deal.contact) if deal.contact else None
    own = {field.name: _plain(getattr(deal, field.name)) for field in fields(DealRecord) if field.name not in _BESIDE}
    return DealRecord(
        **own,
        company_external_id=company.external_id if company else "",
        contact_external_id=contact.external_id if contact else "",
        former_ids=tuple(alias.external_id for alias in deal.aliases.all()),
        lines=tuple(_copy(LineRecord, line) for line in deal.lines.all()),
        companies=(company,) if company else (),
        contacts=(contact,) if contact else (),
    )


def _copy(record_class: Any, row: Any) -> Any:
    return record_class(**{field.name: _plain(getattr(row, field.name)) for field in fields(record_class)})


def _plain(value: Any) -> Any:
    """Return a number as the provider wrote it: the column's ten decimals without their trailing zeros."""
    if not isinstance(value, Decimal):
        return value
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
