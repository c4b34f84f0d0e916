"""Turning due sales into invoices, each alone or with those of its shop's day, as the organization's rules say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

import structlog
from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from integrations.base.records import Unreadable
from integrations.base.registry import get_connector_class
from integrations.models import Connection, Quarantine
from integrations.services.quarantine import release, set_aside
from invoices.drafts import InvoiceDraft, missing_facts
from invoices.irn import LAGOS, in_lagos
from invoices.law import B2C_REPORT_HOURS
from invoices.models import Business, Invoice, Status
from invoices.services.issuing import Issued, issue_drafts, lock_issuing
from invoices.services.law import law_in_force
from invoices.services.ruling import RulesInForce, active_rules
from pos.batching import Batch, BatchRule, ConsumerSale, Place, batches_of
from pos.converters import Shop, batch_to_draft, sale_to_draft
from pos.models import Location, Sale, SaleBatch, SaleKey, SaleLine
from pos.readback import to_record
from pos.records import SaleRecord, Ware
from pos.services.directory import buyers_of, wares_of

logger = structlog.get_logger(__name__)

SALES_A_TRANSACTION = 100
CONVERSION = "sale-conversion"  # the quarantine of sales that were read and that our own converter broke on
# Where the law names no hours a batch still ends with its day.
HOURS_WITHOUT_LAW = Decimal(24)


def invoice_due_sales(*, connection: Connection) -> list[Issued]:
    """Turn this connection's due sales into invoices and drafts; return what became of each.

    A sale is alone on its invoice, or on one batch for ever, which the database sees to. Batches are made when no sale
    can join them any more; a sale that comes later is on a batch of its own number.
    """
    desk = Desk(connection)
    issued = desk.singles()
    desk.close_batches()
    return [*issued, *desk.batches()]


def connections_with_due_sales() -> set[int]:
    """Return the connections that have sales or batches to invoice."""
    due = SaleKey.objects.filter(invoice_due=True), SaleBatch.objects.filter(invoice_due=True)
    return {pk for rows in due for pk in rows.order_by().values_list("connection_id", flat=True).distinct()}


def retry_conversions(*, connection: Connection, external_ids: Sequence[str]) -> int:
    """Make those of these sales and batches due again that our converter broke on, and return how many there are."""
    broken = Quarantine.objects.filter(
        connection=connection, stream=CONVERSION, resolved_at=None, external_id__in=external_ids
    )
    names = set(broken.values_list("external_id", flat=True))
    sales = SaleKey.objects.filter(connection=connection, batch__isnull=True, external_id__in=names)
    batches = SaleBatch.objects.filter(connection=connection).select_related("location") if names else []
    again = [batch.pk for batch in batches if _name_of(batch) in names]
    return sales.update(invoice_due=True) + SaleBatch.objects.filter(pk__in=again).update(invoice_due=True)


def _name_of(batch: SaleBatch) -> str:
    return f"{batch.source_id}:{batch.sequence}"


def retry_held_sales(*, keys: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Make these sales due again, so that their drafts are made anew from what is stored, and return them."""
    found = {
        (key.connection_id, key.external_id): key.pk
        for key in SaleKey.objects.filter(
            connection_id__in={connection_id for connection_id, _ in keys},
            external_id__in={external_id for _, external_id in keys},
            batch__isnull=True,
        )
    }
    SaleKey.objects.filter(pk__in=[pk for key, pk in found.items() if key in keys]).update(invoice_due=True)
    return keys & found.keys()


def retry_held_batches(*, keys: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Make these batches' invoices anew, from the sales that they have, and return them; what is issued stays."""
    mine = {"connection_id__in": {connection_id for connection_id, _ in keys}}
    drafts = Invoice.objects.filter(**mine, source_kind="sales", status=Status.DRAFT)
    held = set(drafts.values_list("connection_id", "source_external_id", "source_part"))
    chosen = {
        batch.pk: (batch.connection_id, batch.source_id)
        for batch in SaleBatch.objects.filter(**mine).select_related("location")
        if (batch.connection_id, batch.source_id) in keys
        and (batch.connection_id, batch.source_id, str(batch.sequence)) in held
    }
    SaleBatch.objects.filter(pk__in=chosen).update(invoice_due=True)
    return set(chosen.values())


class Desk:
    """Works through one connection's due sales by the rules and the law as they stand now."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.organization = connection.organization
        self.provider = get_connector_class(connection.provider).info.name
        self.in_force: RulesInForce = active_rules(connection.organization_id)
        self.law, self.now = law_in_force(), timezone.now()
        business = Business.objects.filter(organization=self.organization).first()
        self.seller = business.as_seller() if business else None
        self.default_category = self.seller.default_tax_category if self.seller else ""
        rule = self.law.rule(B2C_REPORT_HOURS, in_lagos(self.now).date())
        sales = self.in_force.rules.sales
        self.buyers = buyers_of(connection=connection)
        self.rule = BatchRule(
            is_batched=sales.by_day,
            hours=rule.value if rule is not None and rule.value else HOURS_WITHOUT_LAW,
            single_above=sales.single_above,
        )

    def singles(self) -> list[Issued]:
        """Invoice what goes alone, a hundred a transaction."""
        issued: list[Issued] = []
        while True:
            with transaction.atomic():
                lock_issuing(self.organization)
                keys = list(self._locked(self._due().filter(self._alone()))[:SALES_A_TRANSACTION])
                if not keys:
                    return issued
                found = list(records_of(keys))
                wares = wares_of(connection=self.connection, sales=[record for _key, record in found])
                drafts = [draft for key, record in found if (draft := self.convert(key, record, wares))]
                issued += issue_drafts(organization=self.organization, drafts=drafts)
                self._release([draft.source.external_id for draft in drafts])
                SaleKey.objects.filter(pk__in=[key.pk for key in keys]).update(invoice_due=False)

    def close_batches(self) -> None:
        """Make the batches that no sale can join any more."""
        if not self.rule.is_batched:
            return
        days = self._due().order_by().annotate(day=TruncDate("sold_at", tzinfo=LAGOS))
        places = days.values("location_id", "day", "currency").annotate(first=Min("sold_at")).order_by("first")
        lasts = self.rule.whole - self.rule.margin
        for place in list(places):
            if in_lagos(self.now).date() > place["day"] or self.now >= place["first"] + lasts:
                self._close(place["location_id"], place["day"], place["currency"])

    def batches(self) -> list[Issued]:
        """Make the invoices of batches that have none, or whose is held and asked for again."""
        issued: list[Issued] = []
        due = SaleBatch.objects.filter(connection=self.connection, invoice_due=True).order_by("due_at", "pk")
        for pk in due.values_list("pk", flat=True):
            with transaction.atomic():
                lock_issuing(self.organization)
                batch = due.select_related("location").select_for_update(of=("self",)).filter(pk=pk).first()
                if batch is None:
                    continue
                draft = self.convert_batch(batch)
                issued += issue_drafts(organization=self.organization, drafts=[draft] if draft else [])
                self._release([_name_of(batch)] if draft else [])
                SaleBatch.objects.filter(pk=pk).update(invoice_due=False)
        return issued

    def _close(self, location_id: int, day: date, currency: str) -> None:
        with transaction.atomic():
            lock_issuing(self.organization)
            location = Location.objects.get(pk=location_id)
            mine = self._due().filter(~self._alone(), location=location, currency=currency)
            keys = list(self._locked(mine.annotate(day=TruncDate("sold_at", tzinfo=LAGOS)).filter(day=day)))
            before = SaleBatch.objects.filter(location=location, day=day, currency=currency)
            used = before.aggregate(Max("sequence"))["sequence__max"] or 0
            by_id = {key.external_id: key for key in keys}
            place = Place(self.connection.pk, location.external_id, day, currency)
            for batch in batches_of((_consumer(key, location) for key in keys), self.rule, used={place: used}):
                if batch.is_complete(self.now):
                    for together in self._apart([by_id[sale.external_id] for sale in batch.sales]):
                        used += 1
                        self._store(batch, used, location, together)

    def _apart(self, keys: Sequence[SaleKey]) -> list[list[SaleKey]]:
        """Return the sales that can go and those that lack something of their own, each together where there are any.

        Otherwise one dish without a tax category would hold its whole day beyond the law's hours.
        """
        found = list(records_of(keys))
        wares = wares_of(connection=self.connection, sales=[record for _key, record in found])
        sound: list[SaleKey] = []
        lacking: list[SaleKey] = []
        for key, record in found:
            (lacking if self._lacks(record, self._shop(key.location, wares)) else sound).append(key)
        return [each for each in (sound, lacking) if each]

    def _lacks(self, record: SaleRecord, shop: Shop) -> bool:
        try:
            missing = missing_facts(sale_to_draft(record, shop), self.seller)
        except Exception:  # what breaks our converter must not hold back the others; its batch says so
            return True
        return any(not fact.field.startswith("seller") for fact in missing)

    def _store(self, batch: Batch, sequence: int, location: Location, keys: Sequence[SaleKey]) -> None:
        row = SaleBatch.objects.create(
            organization=self.organization, connection=self.connection, location=location, day=batch.place.day,
            currency=batch.place.currency, sequence=sequence, total_amount=sum(key.total_amount for key in keys),
            due_at=batch.due_at, closed_at=self.now,
        )  # fmt: skip
        SaleKey.objects.filter(pk__in=[key.pk for key in keys]).update(batch=row, invoice_due=False)

    def convert_batch(self, batch: SaleBatch) -> InvoiceDraft | None:
        """Return the draft of a batch, None when it broke us; it is set aside then."""
        keys = list(SaleKey.objects.filter(batch=batch).order_by("sold_at", "external_id").select_related("location"))
        sales = [record for _key, record in records_of(keys)]
        wares = wares_of(connection=self.connection, sales=sales)
        shop, part = self._shop(batch.location, wares), str(batch.sequence)
        try:
            return batch_to_draft(sales, shop, source_id=batch.source_id, part=part, day=batch.day)
        except Exception as problem:  # one batch that breaks our converter must not hold back the others
            logger.exception("batch_not_converted", batch=batch.pk)
            self._set_aside(_name_of(batch), problem)
            return None

    def convert(self, key: SaleKey, record: SaleRecord, wares: Mapping[str, Ware]) -> InvoiceDraft | None:
        """Return the draft of a sale of its own, None when it broke us; it is set aside then."""
        try:
            buyer = self.buyers.get(record.customer_external_id)
            return sale_to_draft(record, self._shop(key.location, wares), buyer)
        except Exception as problem:  # nor must one sale
            logger.exception("sale_not_converted", sale=key.external_id)
            self._set_aside(key.external_id, problem)
            return None

    def _set_aside(self, external_id: str, problem: Exception) -> None:
        reason = f"An error of ours stopped its conversion ({type(problem).__name__}). Tell support."
        unreadable = [Unreadable(external_id, reason, {})]
        set_aside(connection=self.connection, stream=CONVERSION, unreadable=unreadable)

    def _release(self, external_ids: Sequence[str]) -> None:
        release(connection=self.connection, stream=CONVERSION, external_ids=external_ids)

    def _shop(self, location: Location, wares: Mapping[str, Ware]) -> Shop:
        ours, tax, default = self.in_force, self.law.tax, self.default_category
        return Shop(self.connection.pk, self.provider, location.name, ours.rules, ours.rule_set_id, tax, default, wares)

    def _due(self) -> QuerySet[SaleKey]:
        due: QuerySet[SaleKey] = SaleKey.objects.filter(
            connection=self.connection, invoice_due=True, location__is_chosen=True
        )
        return due

    def _alone(self) -> Q:
        """Return what goes alone: everything, or what a business buys, is above the rules' amount or holds a batch."""
        if not self.rule.is_batched:
            return Q()
        above, itself = self.rule.single_above, Sale.objects.filter(pk=OuterRef("pk"), sold_at=OuterRef("sold_at"))
        alone = Q(Exists(itself.exclude(problem="")))
        if self.buyers:
            alone |= Q(Exists(itself.filter(customer_external_id__in=list(self.buyers))))
        return alone if above is None else alone | Q(total_amount__gt=above)

    def _locked(self, keys: QuerySet[SaleKey]) -> QuerySet[SaleKey]:
        return keys.order_by("pk").select_related("location").select_for_update(of=("self",))


def records_of(keys: Sequence[SaleKey]) -> Iterable[tuple[SaleKey, SaleRecord]]:
    """Yield each key with its sale as it is stored; the months of the sales are named, so that others are not read."""
    if not keys:
        return
    first, last = min(key.sold_at for key in keys), max(key.sold_at for key in keys)
    ids = [key.pk for key in keys]
    sales = {sale.pk: sale for sale in Sale.objects.filter(pk__in=ids, sold_at__gte=first, sold_at__lte=last)}
    lines: dict[int, list[SaleLine]] = {}
    for line in SaleLine.objects.filter(sale_id__in=ids, sold_at__gte=first, sold_at__lte=last):
        lines.setdefault(line.sale_id, []).append(line)
    for key in keys:
        yield key, to_record(sales[key.pk], key, lines.get(key.pk, []))


def _consumer(key: SaleKey, location: Location) -> ConsumerSale:
    return ConsumerSale(
        key.connection_id, location.external_id, key.external_id, key.sold_at, key.currency, key.total_amount
    )
