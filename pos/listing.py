"""Stored sales as they are listed anywhere: those of a day, and beside each its invoice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from django.db.models import QuerySet

from invoices.irn import LAGOS
from invoices.models import Invoice
from pos.models import Sale, SaleKey

COLUMNS_OF_INVOICE = (
    "pk", "connection_id", "source_kind", "source_external_id", "source_part", "status", "number", "missing", "problem",
)  # fmt: skip


def sold_on(sales: QuerySet[Sale], day: date) -> QuerySet[Sale]:
    """Return the sales of a day on Nigeria's clock."""
    begin = datetime.combine(day, time(), tzinfo=LAGOS)
    return sales.filter(sold_at__gte=begin, sold_at__lt=begin + timedelta(days=1))


def add_invoices(rows: Sequence[Sale]) -> None:
    """Put each sale's key and invoice on it, as `key` and `invoice`: two questions, however many sales."""
    keys = SaleKey.objects.filter(pk__in=[sale.pk for sale in rows]).select_related("batch__location")
    by_id = {key.pk: key for key in keys}
    found = invoices_of(list(by_id.values()))
    for sale in rows:
        sale.key, sale.invoice = by_id[sale.pk], found.get(sale.pk)  # type: ignore[attr-defined]


def invoices_of(keys: Sequence[SaleKey]) -> dict[int, Invoice]:
    """Return the invoices that sales are on, alone or with their batch's, by the keys' ids: one question.

    The keys' batches and the locations of those have to be loaded.
    """
    wanted = {_source(key) for key in keys}
    invoices = Invoice.objects.filter(
        connection__in={connection for connection, _kind, _id, _part in wanted},
        source_kind__in={kind for _connection, kind, _id, _part in wanted},
        source_external_id__in={external_id for _connection, _kind, external_id, _part in wanted},
    ).only(*COLUMNS_OF_INVOICE)
    found = {
        (each.connection_id, each.source_kind, each.source_external_id, each.source_part): each for each in invoices
    }
    return {key.pk: found[_source(key)] for key in keys if _source(key) in found}


def _source(key: SaleKey) -> tuple[int, str, str, str]:
    if key.batch is None:
        return (key.connection_id, "sale", key.external_id, "1")
    return (key.connection_id, "sales", key.batch.source_id, str(key.batch.sequence))
