"""Storing what was read of a till: once each, in whichever order it comes, and never an older version over a newer.

Everything here runs in the caller's transaction, that of the page it was read with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from integrations.models import Connection
from pos.models import (
    CatalogKind,
    CatalogObject,
    Customer,
    Location,
    Refund,
    RefundState,
    Sale,
    SaleKey,
    SaleLine,
    SalePayment,
    SaleReturn,
    SaleState,
)
from pos.readback import content_hash, line_columns, to_columns, with_payments
from pos.records import ZERO, CatalogRecord, CustomerRecord, LocationRecord, RefundRecord, SaleRecord

REFUND_COLUMNS = (
    "payment_external_id", "return_external_id", "state", "is_unlinked", "refunded_at", "currency", "amount", "reason",
    "source_updated_at", "payload",
)  # fmt: skip
CATALOG_COLUMNS = ("kind", "name", "sku", "parent_external_id", "source_updated_at")
CUSTOMER_COLUMNS = ("name", "email", "telephone", "street", "city", "postal_zone", "country", "source_updated_at")


@dataclass(frozen=True, slots=True)
class Saved:
    """How many were not there before, how many were there otherwise, and how many nothing was to be done for."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0


def save_locations(*, connection: Connection, records: Sequence[LocationRecord]) -> Saved:
    """Store a merchant's locations; whether one is chosen stays as it is."""
    counted: Counter[str] = Counter()
    for record in records:
        facts = {name: getattr(record, name) for name in ("name", "time_zone", "currency", "is_active")}
        mine = {"connection": connection, "external_id": record.external_id}
        row, is_new = Location.objects.get_or_create(
            **mine, defaults={**facts, "organization_id": connection.organization_id}
        )
        changed = not is_new and any(getattr(row, name) != value for name, value in facts.items())
        if changed:
            Location.objects.filter(pk=row.pk).update(**facts)
        counted["new" if is_new else "changed" if changed else "unchanged"] += 1
    return Saved(**counted)


def save_catalog(*, connection: Connection, records: Sequence[CatalogRecord]) -> None:
    """Store entries of a price list as they are now."""
    rows = {
        record.external_id: CatalogObject(
            organization_id=connection.organization_id, connection=connection, external_id=record.external_id,
            **{name: getattr(record, name) for name in CATALOG_COLUMNS},
        )
        for record in records
    }  # fmt: skip
    CatalogObject.objects.bulk_create(
        [rows[external_id] for external_id in sorted(rows)], update_conflicts=True,
        unique_fields=["connection", "external_id"], update_fields=list(CATALOG_COLUMNS),
    )  # fmt: skip


def save_hidden_catalog(*, connection: Connection, external_ids: Collection[str]) -> None:
    """Keep the ids that a provider does not show, so that they are not asked for again."""
    rows = [
        CatalogObject(
            organization_id=connection.organization_id, connection=connection, external_id=external_id,
            kind=CatalogKind.VARIATION,
        )
        for external_id in sorted(external_ids)
    ]  # fmt: skip
    CatalogObject.objects.bulk_create(rows, ignore_conflicts=True)


def save_customers(*, connection: Connection, records: Sequence[CustomerRecord]) -> None:
    """Store the businesses among customers; what the merchant said of them stays."""
    rows = {
        record.external_id: Customer(
            organization_id=connection.organization_id, connection=connection, external_id=record.external_id,
            **{name: getattr(record, name) for name in CUSTOMER_COLUMNS},
        )
        for record in records
        if record.name
    }  # fmt: skip
    Customer.objects.bulk_create(
        [rows[external_id] for external_id in sorted(rows)], update_conflicts=True,
        unique_fields=["connection", "external_id"], update_fields=list(CUSTOMER_COLUMNS),
    )  # fmt: skip


def save_sales(*, connection: Connection, records: Sequence[SaleRecord]) -> Saved:
    """Store sales with their lines, and mark those due for which an invoice has to be made or looked at again.

    Of one sale given twice the newest counts. An older version than the stored one, and one in which nothing has
    changed, is no work. Two callers with the same sale queue up at its key, and the second finds it done.
    """
    newest: dict[str, SaleRecord] = {}
    for record in records:
        kept = newest.get(record.external_id)
        if kept is None or not _is_older(record, kept):
            newest[record.external_id] = record
    if not newest:
        return Saved()
    with transaction.atomic(savepoint=False):
        locations = _locations(connection, newest.values())
        keys = _locked_keys(connection, newest, locations)
        newest = _with_payments(newest, keys)
        counted: Counter[str] = Counter()
        wanted: list[tuple[SaleKey, SaleRecord]] = []
        moved: list[SaleKey] = []
        for external_id, record in newest.items():
            key, digest = keys[external_id], content_hash(record)
            if key.content_hash and (_is_older(record, key) or key.content_hash == digest):
                counted["unchanged"] += 1
                continue
            counted["changed" if key.content_hash else "new"] += 1
            if key.content_hash:
                moved.append(key)
            wanted.append((_told(key, record, digest, locations), record))
        _replace(connection, wanted, moved)
        _link(connection, wanted)
        _note_exchanges(connection, wanted)
    return Saved(**counted)


def save_refunds(*, connection: Connection, records: Sequence[RefundRecord]) -> Saved:
    """Store refunds, linked to the sale of their payment where that is known; a completed one asks for its note.

    A refund that is completed or failed stays so, whatever an older notice says.
    """
    counted: Counter[str] = Counter()
    if not records:
        return Saved()
    with transaction.atomic():
        locations = _locations(connection, records)
        for record in sorted(records, key=lambda each: each.external_id):
            counted[_save_refund(connection, record, locations)] += 1
    return Saved(**counted)


def _save_refund(connection: Connection, record: RefundRecord, locations: dict[str, Location]) -> str:
    facts = {name: getattr(record, name) for name in REFUND_COLUMNS}
    facts["location"] = locations[record.location_external_id]
    paid = SalePayment.objects.filter(connection=connection, external_id=record.payment_external_id).first()
    row, is_new = Refund.objects.select_for_update().get_or_create(
        connection=connection,
        external_id=record.external_id,
        defaults={
            **facts, "organization_id": connection.organization_id, "sale_id": paid.sale_id if paid else None,
            "note_due": record.state == RefundState.COMPLETED, "stored_at": timezone.now(),
        },
    )  # fmt: skip
    if is_new:
        return "new"
    settled = row.state != RefundState.PENDING and record.state == RefundState.PENDING
    if settled or all(getattr(row, name) == value for name, value in facts.items() if name != "payload"):
        return "unchanged"
    if record.state == RefundState.COMPLETED and row.state != RefundState.COMPLETED:
        row.note_due = True
    if record.state != RefundState.COMPLETED:
        row.note_due = False
    for name, value in facts.items():
        setattr(row, name, value)
    row.sale_id = row.sale_id or (paid.sale_id if paid else None)
    row.stored_at = timezone.now()
    row.save()
    return "changed"


def _is_older(record: SaleRecord, other: SaleRecord | SaleKey) -> bool:
    """Tell whether a record is of an earlier version; of two without versions the time of change says it."""
    if record.version is not None and other.version is not None:
        return record.version < other.version
    if record.source_updated_at is None or other.source_updated_at is None:
        return False
    return record.source_updated_at < other.source_updated_at


def _locations(connection: Connection, records: Any) -> dict[str, Location]:
    """Return the locations that these records name; one that was never listed is kept under its id until it is."""
    currencies = {record.location_external_id: record.currency for record in records}
    found = {
        each.external_id: each
        for each in Location.objects.filter(connection=connection, external_id__in=list(currencies))
    }
    for external_id in sorted(currencies.keys() - found.keys()):
        found[external_id], _is_new = Location.objects.get_or_create(
            connection=connection,
            external_id=external_id,
            defaults={
                "organization_id": connection.organization_id, "name": external_id, "currency": currencies[external_id]
            },
        )  # fmt: skip
    return found


def _locked_keys(
    connection: Connection, records: dict[str, SaleRecord], locations: dict[str, Location]
) -> dict[str, SaleKey]:
    blank = [
        SaleKey(
            organization_id=connection.organization_id, connection=connection, external_id=external_id,
            location=locations[record.location_external_id], sold_at=record.sold_at, currency=record.currency,
            total_amount=record.total_amount,
        )
        for external_id, record in sorted(records.items())
    ]  # fmt: skip
    SaleKey.objects.bulk_create(blank, ignore_conflicts=True)
    mine = SaleKey.objects.filter(connection=connection, external_id__in=list(records))
    # In the order of the invoicing, so that the two never wait for each other in a ring.
    return {key.external_id: key for key in mine.order_by("pk").select_for_update()}


def _with_payments(records: dict[str, SaleRecord], keys: dict[str, SaleKey]) -> dict[str, SaleRecord]:
    """Return the records, those that seem to have changed with what their payments told before."""
    moved = {
        key.pk: key for key in keys.values() if key.content_hash not in ("", content_hash(records[key.external_id]))
    }
    if not moved:
        return records
    times = [key.sold_at for key in moved.values()]
    stored = Sale.objects.filter(pk__in=list(moved), sold_at__gte=min(times), sold_at__lte=max(times))
    told = {moved[sale.pk].external_id: sale for sale in stored.only("pk", "state", "sold_at", "is_offline", "tenders")}
    return {name: with_payments(each, told[name]) if name in told else each for name, each in records.items()}


def _told(key: SaleKey, record: SaleRecord, digest: str, locations: dict[str, Location]) -> SaleKey:
    """Return the key with what the record says. A sale that went out with others is not made an invoice again."""
    key.location = locations[record.location_external_id]
    key.currency, key.total_amount = record.currency, record.total_amount
    key.version, key.source_updated_at = record.version, record.source_updated_at
    key.content_hash = digest
    key.invoice_due = key.batch_id is None and record.state == SaleState.COMPLETED and bool(record.lines)
    return key


def _replace(connection: Connection, wanted: Sequence[tuple[SaleKey, SaleRecord]], moved: Sequence[SaleKey]) -> None:
    """Write sales and lines anew: a change of the time of sale may put them into another month."""
    for key in moved:
        SaleLine.objects.filter(sale_id=key.pk, sold_at=key.sold_at).delete()
        Sale.objects.filter(pk=key.pk, sold_at=key.sold_at).delete()
    now, common = timezone.now(), {"organization_id": connection.organization_id}
    sales, lines = [], []
    for key, record in wanted:
        key.sold_at = record.sold_at
        sales.append(
            Sale(id=key.pk, connection=connection, location=key.location, stored_at=now, **common, **to_columns(record))
        )
        lines += [
            SaleLine(sale_id=key.pk, sold_at=record.sold_at, **common, **line_columns(line)) for line in record.lines
        ]
    Sale.objects.bulk_create(sales)
    SaleLine.objects.bulk_create(lines)
    _write_keys([key for key, _record in wanted])


def _write_keys(keys: Sequence[SaleKey]) -> None:
    """Store what has changed of keys: Django's own bulk_update took half of the time in which sales are stored."""
    columns = [
        [getattr(key, name) for key in keys]
        for name in ("pk", "location_id", "sold_at", "currency", "total_amount", "version", "source_updated_at",
                     "content_hash", "invoice_due")
    ]  # fmt: skip
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE {SaleKey._meta.db_table} AS old SET location_id = new.location_id, sold_at = new.sold_at,"  # noqa: S608
            " currency = new.currency, total_amount = new.total_amount, version = new.version,"
            " source_updated_at = new.source_updated_at, content_hash = new.content_hash, invoice_due = new.invoice_due"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[], %s::numeric[], %s::bigint[],"
            " %s::timestamptz[], %s::text[], %s::boolean[]) AS new(id, location_id, sold_at, currency, total_amount,"
            " version, source_updated_at, content_hash, invoice_due) WHERE old.id = new.id",
            columns,
        )


def _link(connection: Connection, wanted: Sequence[tuple[SaleKey, SaleRecord]]) -> None:
    """Keep which payments are of which sale, and give refunds that came first their sale."""
    payments = [
        SalePayment(
            organization_id=connection.organization_id, connection=connection, external_id=tender.external_id, sale=key
        )
        for key, record in wanted
        for tender in record.tenders
    ]
    SalePayment.objects.bulk_create(payments, ignore_conflicts=True)
    sale_of = {payment.external_id: payment.sale_id for payment in payments}
    waiting = Refund.objects.filter(connection=connection, payment_external_id__in=list(sale_of), sale__isnull=True)
    for pk, payment_id in waiting.values_list("pk", "payment_external_id"):
        Refund.objects.filter(pk=pk).update(sale_id=sale_of[payment_id])


def _note_exchanges(connection: Connection, wanted: Sequence[tuple[SaleKey, SaleRecord]]) -> None:
    """Keep what exchanges took back, which asks for a credit note; one that has its note is not asked for again."""
    amounts: dict[tuple[int, str], Decimal] = {}
    keys = {}
    for key, record in wanted:
        if record.state == SaleState.COMPLETED and record.lines:
            for each in record.returns:
                keys[key.pk] = key
                mine = (key.pk, each.sale_external_id)
                amounts[mine] = amounts.get(mine, ZERO) + each.total_amount
    for (pk, source), amount in amounts.items():
        row, is_new = SaleReturn.objects.get_or_create(
            sale=keys[pk],
            source_external_id=source,
            defaults={"organization_id": connection.organization_id, "connection": connection, "amount": amount},
        )
        if not is_new and row.note_id is None and row.amount != amount:
            SaleReturn.objects.filter(pk=row.pk).update(amount=amount, note_due=True, note_problem="")
