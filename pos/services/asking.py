"""What sales ask to be invoiced, for the reconciliation: by the same rules and sums as the invoices themselves.

Completed refunds are taken off: their credit notes are the authority's side of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Exists, OuterRef, QuerySet, Sum

from integrations.models import Connection, Quarantine
from invoices.drafts import InvoiceDraft
from invoices.irn import LAGOS
from invoices.models import Invoice
from invoices.reconciling import Source
from invoices.services.asked import asked_amount
from pos.models import Refund, RefundState, Sale, SaleBatch, SaleKey, SaleReturn, SaleState
from pos.records import ZERO
from pos.services.directory import wares_of
from pos.services.invoicing import Desk, records_of

CHUNK = 500
BROKEN = "An error of ours stops its conversion. Tell support."
KOBO = Decimal("0.01")


def sales_between(*, connection: Connection, since: date, until: date) -> Iterator[list[Source]]:
    """Yield, by chunks, the batches and single sales of a window of days on Nigeria's clock; then what was not read."""
    if not SaleKey.objects.filter(connection=connection).exists():
        return
    asking = _Asking(connection)
    batches = SaleBatch.objects.filter(connection=connection, day__gte=since, day__lte=until)
    ids = sorted({each.source_id for each in batches.select_related("location")})
    for start in range(0, len(ids), CHUNK):
        yield [asking.of_batches(source_id) for source_id in ids[start : start + CHUNK]]
    begin = datetime.combine(since, time(), tzinfo=LAGOS)
    mine = SaleKey.objects.filter(connection=connection, batch__isnull=True, sold_at__gte=begin)
    if until < date.max:
        mine = mine.filter(sold_at__lt=datetime.combine(until + timedelta(days=1), time(), tzinfo=LAGOS))
    wanted = mine.filter(location__is_chosen=True).select_related("location").order_by("pk")
    after = 0
    while keys := list(wanted.filter(pk__gt=after)[:CHUNK]):
        yield asking.of_sales(keys)
        after = keys[-1].pk
    yield _never_read(connection)


def _never_read(connection: Connection) -> list[Source]:
    stored = SaleKey.objects.filter(connection=connection).values("external_id")
    rows = Quarantine.objects.filter(connection=connection, resolved_at=None).exclude(external_id__in=stored)
    return [
        Source(connection.pk, "sale", external_id, external_id, "", None, problem=reason)
        for external_id, reason in rows.order_by("external_id").values_list("external_id", "reason")
    ]


Asked = tuple[str, Decimal | None] | None  # a currency and an amount; None where our converter broke


class _Asking:
    """Adds up one connection's sales as their invoices are."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.desk = Desk(connection)

    def of_sales(self, keys: Sequence[SaleKey]) -> list[Source]:
        """Return what single sales ask for; those without lines or not completed ask for nothing."""
        ids = [key.external_id for key in keys]
        months = {"sold_at__gte": min(key.sold_at for key in keys), "sold_at__lte": max(key.sold_at for key in keys)}
        completed = Sale.objects.filter(pk__in=[key.pk for key in keys], state=SaleState.COMPLETED, **months)
        wanted = set(completed.values_list("pk", flat=True))
        invoices = {each.source_external_id: each for each in self._invoices("sale").filter(source_external_id__in=ids)}
        refunds = _taken_back(self.connection, keys)
        found = []
        records = list(records_of([key for key in keys if key.pk in wanted]))
        wares = wares_of(connection=self.connection, sales=[record for _key, record in records])
        for key, record in records:
            if record.lines:
                draft = self.desk.convert(key, record, wares)
                amount = self._asked([draft], {"1": invoices.get(key.external_id)}, refunds.get(key.pk, ZERO))
                found.append(
                    self._source("sale", key.external_id, str(key), key.currency, amount, record.sold_at.date())
                )
        return found

    def of_batches(self, source_id: str) -> Source:
        """Return what a location's day asks for, all its batches together."""
        location, day, currency = source_id.rsplit(":", 2)
        batches = list(
            SaleBatch.objects.filter(
                connection=self.connection, location__external_id=location, day=day, currency=currency
            )
            .select_related("location")
            .order_by("sequence")
        )
        invoices = {each.source_part: each for each in self._invoices("sales").filter(source_external_id=source_id)}
        together = list(SaleKey.objects.filter(batch__in=batches))
        refunded = sum(_taken_back(self.connection, together).values(), ZERO)
        drafts = [self.desk.convert_batch(batch) for batch in batches]
        label = f"{batches[0].location}, sales of {day}"
        amount = self._asked(drafts, invoices, refunded)
        return self._source("sales", source_id, label, currency, amount, batches[0].day)

    def _asked(
        self, drafts: Sequence[InvoiceDraft | None], invoices: Mapping[str, Invoice | None], refunded: Decimal
    ) -> Asked:
        """Return (currency, amount less refunds) of drafts, None where our converter broke on one."""
        found: list[tuple[str, Decimal | None]] = []
        for draft in drafts:
            if draft is None:
                return None
            found.append(asked_amount(draft, self.desk.seller, self.desk.law, invoices.get(draft.source.part)))
        amounts = [amount for _currency, amount in found if amount is not None]
        total = sum(amounts, ZERO) if len(amounts) == len(found) else None
        return found[0][0], None if total is None else total - refunded

    def _source(
        self,
        kind: str,
        external_id: str,
        label: str,
        currency: str,
        asked: tuple[str, Decimal | None] | None,
        day: date,
    ) -> Source:
        problem = BROKEN if asked is None else ""
        currency, amount = asked or (currency, None)
        return Source(self.connection.pk, kind, external_id, label, currency, amount, day, problem=problem)

    def _invoices(self, kind: str) -> QuerySet[Invoice]:
        rows = Invoice.objects.filter(connection=self.connection, source_kind=kind, number__isnull=False)
        return rows.select_related("tax_rules").defer("document", "draft", "snapshot")


def _taken_back(connection: Connection, keys: Sequence[SaleKey]) -> dict[int, Decimal]:
    """Return what came back of sales, by their ids: for money, or for other goods, whose own money is not counted."""
    exchange = SaleReturn.objects.filter(
        connection=OuterRef("connection"), sale__external_id=OuterRef("return_external_id"),
        source_external_id=OuterRef("sale__external_id"),
    )  # fmt: skip
    refunds = Refund.objects.filter(sale__in=[key.pk for key in keys], state=RefundState.COMPLETED).order_by()
    found = dict(refunds.exclude(Exists(exchange)).values_list("sale_id").annotate(Sum("amount")))
    ids = {key.external_id: key.pk for key in keys}
    goods = SaleReturn.objects.filter(connection=connection, source_external_id__in=list(ids)).order_by()
    for source, amount in goods.values_list("source_external_id").annotate(Sum("amount")):
        found[ids[source]] = found.get(ids[source], ZERO) + amount
    return found
