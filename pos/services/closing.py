"""Closes a shop's day: reads the till again, stores what was not here, and compares down to the authority."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from integrations.base.records import Page, Unreadable
from integrations.models import Connection, ConnectionStatus, Quarantine
from integrations.services.leases import leased
from integrations.services.quarantine import set_aside
from invoices.irn import LAGOS, in_lagos
from invoices.models import Invoice
from invoices.models.status import REGISTERED
from pos.closing import Compared, Document, Item, Named, compare
from pos.converters import turnover
from pos.listing import invoices_of
from pos.models import DayClose, Location, Refund, RefundState, Sale, SaleKey, SaleReturn, SaleState, Side
from pos.records import RefundRecord, SaleRecord
from pos.services.directory import learn_goods
from pos.services.invoicing import CONVERSION, records_of
from pos.services.syncing import STREAM, pos_connector, save_page
from pos.sums import ZERO

# A sale is made at the till up to so long before it is paid, and is sent up to so long after (docs/square.md).
OPENED_BEFORE, SENT_AFTER = timedelta(hours=12), timedelta(hours=72)
AT_ONCE = 500
CLOSING = "close"  # leased, with a location's number

WAITS = "No invoice yet: it waits for its turn, or for its day's end."
NONE_MADE = "No invoice was made of it. Tell support."
NOT_CHOSEN = "Its shop is not chosen, so its sales are not invoiced."
NOTE_WAITS = "No credit note yet: the authority has to have its invoice first."


@dataclass(slots=True)
class TillDay:
    """What the till says of a shop's day."""

    read_at: datetime
    sales: dict[str, SaleRecord] = field(default_factory=dict)
    refunds: dict[str, RefundRecord] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)


def close_day(*, location: Location, day: date) -> list[DayClose] | None:
    """Close a day as far as it goes and return its rows; None when another worker is at this shop.

    It may be done again at any time, and says then how the day stands now. Raises what the connector raises.
    """
    with leased(f"{CLOSING} {location.pk}") as held:
        if held is None:
            return None
        till = _read(location, day)
        with transaction.atomic():
            fetched = _store(location, till)
        with transaction.atomic():
            held.check()
            return _write(location, day, till, fetched)


def _bounds(day: date) -> tuple[datetime, datetime]:
    begin = datetime.combine(day, time(), tzinfo=LAGOS)
    return begin, begin + timedelta(days=1)


def _read(location: Location, day: date) -> TillDay:
    """Return what the till has: sales by the time they were made there or sent from there, refunds by their change."""
    begin, end = _bounds(day)
    now = timezone.now()
    since, until = begin - OPENED_BEFORE, min(now, end + SENT_AFTER)
    found, ids = TillDay(now), [location.external_id]
    connector = pos_connector(location.connection)
    try:
        late = {
            record.external_id: record
            for page in connector.read_offline_sales(since, until, ids)
            for record in page.records
        }
        for page in connector.read_sales("created_at", since, until, ids):
            found.sales |= {each.external_id: late.get(each.external_id, each) for each in page.records}
            found.unreadable += page.unreadable
        found.sales |= late
        if location.is_chosen:
            learn_goods(connection=location.connection, connector=connector, sales=found.sales.values())
        for page in connector.read_refunds(begin, until):
            mine = [each for each in page.records if each.location_external_id == location.external_id]
            found.refunds |= {each.external_id: each for each in mine}
    finally:
        connector.close()
    return found


def _store(location: Location, till: TillDay) -> int:
    """Store what the till has; return how many were not here, or were otherwise."""
    if not location.is_chosen:
        return 0
    counts = save_page(connection=location.connection, page=Page([*till.sales.values(), *till.refunds.values()], {}))
    set_aside(connection=location.connection, stream=STREAM, unreadable=till.unreadable)
    return counts.created + counts.changed


def _write(location: Location, day: date, till: TillDay, fetched: int) -> list[DayClose]:
    rows = []
    for side, items in ((Side.SOLD, _sold(location, day, till)), (Side.BACK, _given_back(location, day, till))):
        names = sorted({each.document for _currency, each in items if each.document})
        documents = list(_documents(names))
        known = set(DayClose.objects.filter(location=location, day=day, side=side).values_list("currency", flat=True))
        for currency in sorted({currency for currency, _item in items} | known | {location.currency}):
            compared = compare([item for each, item in items if each == currency], documents)
            rows.append(_row(location, day, side, currency, compared, till.read_at, fetched))
    return rows


def _sold(location: Location, day: date, till: TillDay) -> list[tuple[str, Item]]:
    """Return the day's completed sales, the till's and ours, each with its currency."""
    begin, end = _bounds(day)
    keys = {
        key.external_id: key
        for key in SaleKey.objects.filter(location=location, sold_at__gte=begin, sold_at__lt=end)
        .select_related("batch__location", "location")
        .order_by("pk")
    }
    completed = set(
        Sale.objects.filter(location=location, sold_at__gte=begin, sold_at__lt=end, state=SaleState.COMPLETED)
        .values_list("pk", flat=True)
    )  # fmt: skip
    elsewhere = set(
        SaleKey.objects.filter(connection=location.connection, external_id__in=till.sales.keys() - keys.keys())
        .values_list("external_id", flat=True)
    )  # fmt: skip
    stored = [key for key in keys.values() if key.pk in completed]
    reasons = _reasons(location.connection)
    items = []
    for start in range(0, len(stored), AT_ONCE):
        chunk = stored[start : start + AT_ONCE]
        invoices = invoices_of(chunk)
        items += [
            (key.currency, _item(key, record, till.sales.get(key.external_id), invoices.get(key.pk), reasons))
            for key, record in records_of(chunk)
        ]
    ours = {key.external_id for key in stored}
    for external_id, record in till.sales.items():
        is_of_day = record.state == SaleState.COMPLETED and begin <= record.sold_at < end
        if external_id not in ours and external_id not in elsewhere and is_of_day and record.total_amount:
            items.append((record.currency, Item(external_id, record.total_amount, None)))
    return [(currency, item) for currency, item in items if item.till or item.stored]


def _item(
    key: SaleKey, record: SaleRecord, told: SaleRecord | None, invoice: Invoice | None, reasons: dict[str, str]
) -> Item:
    is_told = told is not None and told.state == SaleState.COMPLETED
    why = "" if invoice else _why_none(key, record, reasons)
    parts = {
        "Gift cards": sum((line.total_amount for line in record.lines if line.kind == "gift_card"), ZERO),
        "Rounding of cash": record.rounding_amount,
    }
    return Item(
        external_id=key.external_id,
        till=told.total_amount if told is not None and is_told else None,
        stored=record.total_amount,
        document=str(invoice.pk) if invoice else "",
        on_document=turnover(record),
        parts={name: amount for name, amount in parts.items() if amount},
        why=why,
    )


def _why_none(key: SaleKey, record: SaleRecord, reasons: dict[str, str]) -> str:
    if not key.location.is_chosen:
        return NOT_CHOSEN
    return record.problem or reasons.get(key.external_id, "") or (WAITS if key.invoice_due or key.batch else NONE_MADE)


def _reasons(connection: Connection) -> dict[str, str]:
    rows = Quarantine.objects.filter(connection=connection, stream=CONVERSION, resolved_at=None)
    return dict(rows.values_list("external_id", "reason"))


def _given_back(location: Location, day: date, till: TillDay) -> list[tuple[str, Item]]:
    """Return what came back that day, the till's and ours, each with its currency: for money, and for other goods."""
    exchanged = _exchanged(location, day, till)
    begin, end = _bounds(day)
    rows = Refund.objects.filter(
        location=location, refunded_at__gte=begin, refunded_at__lt=end, state=RefundState.COMPLETED
    ).select_related("note")
    orders = {name.partition(" ")[0] for name, _currency, _item in exchanged}
    items = [(currency, item) for _name, currency, item in exchanged]
    ours = set()
    for refund in rows.order_by("pk"):
        ours.add(refund.external_id)
        if refund.return_external_id in orders:
            continue  # its goods are there already
        told = till.refunds.get(refund.external_id)
        is_told = told is not None and told.state == RefundState.COMPLETED
        amount = told.amount if told is not None and is_told else None
        why = refund.note_problem or NOTE_WAITS
        items.append((refund.currency, _back(refund.external_id, amount, refund.amount, refund.note, why)))
    for external_id, record in till.refunds.items():
        is_of_day = record.state == RefundState.COMPLETED and begin <= record.refunded_at < end
        if external_id not in ours and is_of_day and record.return_external_id not in orders:
            items.append((record.currency, Item(external_id, record.amount, None)))
    return items


def _exchanged(location: Location, day: date, till: TillDay) -> list[tuple[str, str, Item]]:
    """Return what exchanges of the day took back: ("exchange source", currency, item)."""
    begin, end = _bounds(day)
    rows = SaleReturn.objects.filter(sale__location=location, sale__sold_at__gte=begin, sale__sold_at__lt=end)
    found = []
    for row in rows.select_related("sale", "note").order_by("pk"):
        told = till.sales.get(row.sale.external_id)
        mine = (
            [each.total_amount for each in told.returns if each.sale_external_id == row.source_external_id]
            if told
            else []
        )
        name = f"{row.sale.external_id} {row.source_external_id}".strip()
        item = _back(name, sum(mine, ZERO) if mine else None, row.amount, row.note, row.note_problem or NOTE_WAITS)
        found.append((name, row.sale.currency, item))
    return found


def _back(name: str, till: Decimal | None, stored: Decimal, note: Invoice | None, why: str) -> Item:
    rest = stored - note.payable_amount if note and note.payable_amount is not None else ZERO
    return Item(
        external_id=name,
        till=till,
        stored=stored,
        document=str(note.pk) if note else "",
        on_document=stored - rest,
        parts={"Tips and rounding": rest} if rest else {},
        why=why,
    )


def _documents(names: Sequence[str]) -> Iterable[Document]:
    for start in range(0, len(names), AT_ONCE):
        ids = [int(name) for name in names[start : start + AT_ONCE]]
        rows = Invoice.objects.filter(pk__in=ids).annotate(line_count=Count("lines"))
        for invoice in rows.defer("document", "draft", "snapshot"):
            yield Document(
                name=str(invoice.pk),
                amount=invoice.payable_amount if invoice.number else None,
                label=str(invoice),
                is_reported=invoice.status in REGISTERED,
                lines=invoice.line_count + 1,
                why=_standing(invoice),
            )


def _standing(invoice: Invoice) -> str:
    why = invoice.problem or (str(invoice.missing[0]["label"]) if invoice.missing else "")
    return f"{invoice.get_status_display()}. {why}".strip()


def _row(
    location: Location, day: date, side: Side, currency: str, compared: Compared, read_at: datetime, fetched: int
) -> DayClose:
    facts: dict[str, Any] = {
        f"{name}_{part}": getattr(getattr(compared, name), part)
        for name in ("till", "stored", "invoiced", "reported")
        for part in ("count", "amount")
    }
    place = {"location": location, "day": day, "side": side, "currency": currency}
    before = DayClose.objects.select_for_update().filter(**place).first()
    now = timezone.now()
    was = before.first_closed_at if before else None
    facts |= {
        "named_amount": compared.named_amount,
        "differences": [_as_json(each) for each in compared.named],
        "open_count": sum(not each.is_settled for each in compared.named),
        "fetched_count": fetched if side == Side.SOLD else 0,
        "read_at": read_at,
        "first_closed_at": was or (now if compared.is_closed else None),
        "closed_at": ((before.closed_at if before else None) or now) if compared.is_closed else None,
    }
    row, _is_new = DayClose.objects.update_or_create(
        **place, defaults=facts,
        create_defaults={**facts, "organization_id": location.organization_id, "connection": location.connection},
    )  # fmt: skip
    return row


def _as_json(named: Named) -> dict[str, Any]:
    return {
        "step": named.step.value, "what": named.what, "count": named.sum.count, "amount": str(named.sum.amount),
        "sentence": named.sentence, "is_settled": named.is_settled, "document": named.document,
    }  # fmt: skip


def shops_to_close() -> list[int]:
    """Return the shops, of every organization, whose days are closed by the clock."""
    shops = Location.objects.filter(is_chosen=True, connection__status=ConnectionStatus.ACTIVE)
    return list(shops.order_by("pk").values_list("pk", flat=True))


def days_to_close(now: datetime) -> list[date]:
    """Return the days that are looked at in a night: those that are over and to which late sales may still come."""
    today = in_lagos(now).date()
    return [today - timedelta(days=back) for back in range(1, SENT_AFTER.days + 2)]
