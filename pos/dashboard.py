"""Today at the tills, in figures: what was sold where and when, how far its invoices are, and how late we hear of it.

One statement gives all that is told of sales, so that the figures are of one instant and agree with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection as database
from django.db import models
from django.db.models import Count, F, Min
from django.utils import timezone

from accounts.models import Organization
from integrations.base.registry import providers_of
from integrations.health import in_words
from integrations.models import Connection, ConnectionStatus, WebhookEvent
from integrations.models.webhook import WAITING as EVENT_WAITING
from integrations.queues import HIGH
from integrations.services.queues import served_until
from invoices.deadlines import SOON
from invoices.irn import LAGOS, in_lagos
from invoices.law import B2C_REPORT_HOURS
from invoices.models import Invoice
from invoices.models.status import OPEN, REGISTERED, STUCK, Status
from invoices.services.law import law_in_force
from pos.models import Location, Refund, RefundState, Sale, SaleKey, SaleState
from pos.services.invoicing import HOURS_WITHOUT_LAW
from pos.sums import ZERO, Sum

REPORTED, WAITING, HELD = "reported", "waiting", "held"
LOOKED_AT = 100  # sales, for how late we hear of them
SERVED_LATELY = timedelta(seconds=30)

# A sale's invoice is that of its batch, where it has one. What has none, is in no batch and is not due, needs people.
# Before there is an invoice the clock of its batch counts, or the law's own from the sale. Shops that are not chosen
# are not ours to report.
_CELLS = """
SELECT sale.location_id, extract(hour FROM sale.sold_at AT TIME ZONE 'Africa/Lagos')::int, sale.currency,
       CASE WHEN invoice.status = ANY(%(registered)s) THEN 'reported'
            WHEN sale.problem <> '' OR invoice.status = ANY(%(stuck)s) THEN 'held'
            WHEN invoice.id IS NULL AND key.batch_id IS NULL AND NOT key.invoice_due THEN 'held'
            ELSE 'waiting' END,
       coalesce(CASE WHEN invoice.id IS NULL THEN coalesce(batch.due_at, sale.sold_at + %(hours)s)
                     WHEN invoice.status = ANY(%(open)s) THEN invoice.deadline_at END <= %(soon)s, false),
       count(*), sum(sale.total_amount)
FROM pos_sale AS sale
JOIN pos_salekey AS key ON key.id = sale.id
JOIN pos_location AS place ON place.id = sale.location_id AND place.is_chosen
LEFT JOIN pos_salebatch AS batch ON batch.id = key.batch_id
LEFT JOIN pos_location AS shop ON shop.id = batch.location_id
LEFT JOIN invoices_invoice AS invoice ON invoice.connection_id = sale.connection_id
      AND invoice.source_kind = CASE WHEN batch.id IS NULL THEN 'sale' ELSE 'sales' END
      AND invoice.source_external_id = CASE WHEN batch.id IS NULL THEN sale.external_id
          ELSE shop.external_id || ':' || batch.day || ':' || batch.currency END
      AND invoice.source_part = CASE WHEN batch.id IS NULL THEN '1' ELSE batch.sequence::text END
WHERE sale.organization_id = %(organization)s AND sale.sold_at >= %(begin)s AND sale.sold_at < %(end)s
      AND sale.state = 'completed' AND sale.total_amount > 0
GROUP BY 1, 2, 3, 4, 5
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """The sales of one shop, hour of Nigeria's clock and currency that stand alike."""

    location: int
    hour: int
    currency: str
    standing: str
    is_at_risk: bool
    sum: Sum


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour's sales, and the height of its bar: the day's best hour has 1."""

    hour: int
    sum: Sum
    share: Decimal

    @property
    def label(self) -> str:
        """Return it as people say it."""
        return f"{self.hour:02}–{self.hour + 1:02}"

    @property
    def x(self) -> int:
        """Return where its bar begins, on a chart 240 wide."""
        return self.hour * 10 + 1

    @property
    def height(self) -> int:
        """Return the height of its bar, on a chart 100 high; what was sold at all is seen."""
        return max(1, int(self.share * 100)) if self.sum.count else 0

    @property
    def y(self) -> int:
        """Return where its bar begins from above."""
        return 100 - self.height


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop's sales."""

    name: str
    all: Sum
    reported: Sum
    waiting: Sum
    held: Sum


@dataclass(frozen=True, slots=True)
class Takings:
    """A day's sales in one currency, and what was given back."""

    currency: str
    all: Sum
    reported: Sum
    waiting: Sum
    held: Sum
    at_risk: Sum
    hours: list[Hour]
    shops: list[Shop]
    refunded: Sum
    refunds_pending: Sum


@dataclass(frozen=True, slots=True)
class Hearing:
    """How we hear of sales: since when nobody takes them in, what waits, and how late the last ones were."""

    has_till: bool
    is_served: bool
    served_until: datetime | None
    waiting: int
    oldest_at: datetime | None
    last_notice_at: datetime | None
    usual_lag: timedelta | None
    longest_lag: timedelta | None
    broken: list[Connection]

    @property
    def usual_words(self) -> str:
        """Return the usual lag as people say it."""
        return _words(self.usual_lag)

    @property
    def longest_words(self) -> str:
        """Return the longest lag as people say it."""
        return _words(self.longest_lag)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is left of the days before: invoices of sales that are not reported, and sales that are on none."""

    invoices: int
    naira: Decimal
    sales: int


@dataclass(frozen=True, slots=True)
class Today:
    """All of the page, of one instant."""

    at: datetime
    day: date
    takings: list[Takings]
    hearing: Hearing
    earlier: Earlier


def today(*, organization: Organization, now: datetime | None = None) -> Today:
    """Return how an organization's day at the tills stands; its scope has to be open."""
    now = now or timezone.now()
    day = in_lagos(now).date()
    begin = datetime.combine(day, time(), tzinfo=LAGOS)
    cells = _cells(organization, begin, now)
    refunds = _refunds(begin)
    names = dict(Location.objects.values_list("pk", "name"))
    currencies = sorted({cell.currency for cell in cells} | {currency for currency, _state in refunds})
    takings = [_takings(each, [cell for cell in cells if cell.currency == each], refunds, names) for each in currencies]
    return Today(now, day, takings, _hearing(begin, now), _earlier(day, begin))


def _cells(organization: Organization, begin: datetime, now: datetime) -> list[Cell]:
    facts: dict[str, Any] = {
        "organization": organization.pk, "begin": begin, "end": begin + timedelta(days=1), "soon": now + SOON,
        "registered": list(REGISTERED), "stuck": [*STUCK, Status.VOIDED], "open": list(OPEN),
        "hours": _hours_of_law(begin),
    }  # fmt: skip
    with database.cursor() as cursor:
        cursor.execute(_CELLS, facts)
        rows = cursor.fetchall()
    return [
        Cell(location, hour, currency, standing, is_at_risk, Sum(count, amount))
        for location, hour, currency, standing, is_at_risk, count, amount in rows
    ]


def _hours_of_law(at: datetime) -> timedelta:
    rule = law_in_force().rule(B2C_REPORT_HOURS, in_lagos(at).date())
    return timedelta(hours=float(rule.value if rule is not None and rule.value else HOURS_WITHOUT_LAW))


def _refunds(begin: datetime) -> dict[tuple[str, str], Sum]:
    """Return what was given back today, by (currency, state)."""
    rows = Refund.objects.filter(refunded_at__gte=begin, refunded_at__lt=begin + timedelta(days=1))
    rows = rows.exclude(state=RefundState.FAILED).order_by()
    found = rows.values_list("currency", "state").annotate(Count("pk"), models.Sum("amount"))
    return {(currency, state): Sum(count, amount) for currency, state, count, amount in found}


def _earlier(day: date, begin: datetime) -> Earlier:
    left = Invoice.objects.filter(source_kind__in=("sale", "sales"), status__in=OPEN, supply_date__lt=day)
    found = left.order_by().aggregate(count=Count("pk"), naira=models.Sum("naira_amount"))
    none = SaleKey.objects.filter(invoice_due=True, sold_at__lt=begin, location__is_chosen=True)
    return Earlier(found["count"], found["naira"] or ZERO, none.count())


def _takings(currency: str, cells: list[Cell], refunds: dict[tuple[str, str], Sum], names: dict[int, str]) -> Takings:
    shops = sorted({cell.location for cell in cells}, key=lambda each: (names[each], each))
    return Takings(
        currency=currency,
        **_by_standing(cells),
        at_risk=_total(cells, lambda cell: cell.is_at_risk),
        hours=_hours(cells),
        shops=[
            Shop(name=names[each], **_by_standing([cell for cell in cells if cell.location == each])) for each in shops
        ],
        refunded=refunds.get((currency, RefundState.COMPLETED), Sum()),
        refunds_pending=refunds.get((currency, RefundState.PENDING), Sum()),
    )


def _by_standing(cells: list[Cell]) -> dict[str, Sum]:
    found = {name: _total(cells, lambda cell, name=name: cell.standing == name) for name in (REPORTED, WAITING, HELD)}
    return {"all": _total(cells, lambda _cell: True), **found}


def _hours(cells: list[Cell]) -> list[Hour]:
    """Return every hour of the day."""
    sums = [_total(cells, lambda cell, hour=hour: cell.hour == hour) for hour in range(24)]
    best = max(each.amount for each in sums) or Decimal(1)
    return [Hour(hour, each, each.amount / best) for hour, each in enumerate(sums)]


def _total(cells: Iterable[Cell], counts: Callable[..., bool]) -> Sum:
    return sum((cell.sum for cell in cells if counts(cell)), Sum())


def _hearing(begin: datetime, now: datetime) -> Hearing:
    known = Connection.objects.filter(provider__in=providers_of("pos", stream="sales"))
    tills = list(known.exclude(status=ConnectionStatus.DISCONNECTED))
    due = WebhookEvent.objects.filter(connection__in=tills, status__in=EVENT_WAITING, next_attempt_at__lte=now)
    waits = due.order_by().aggregate(count=Count("pk"), oldest=Min("received_at"))
    until = served_until(HIGH)
    usual, longest = _lags(begin)
    return Hearing(
        has_till=bool(tills),
        is_served=until is not None and now - until <= SERVED_LATELY,
        served_until=until,
        waiting=waits["count"],
        oldest_at=waits["oldest"],
        last_notice_at=max((each.last_webhook_at for each in tills if each.last_webhook_at), default=None),
        usual_lag=usual,
        longest_lag=longest,
        broken=[each for each in tills if not each.is_active],
    )


def _words(lag: timedelta | None) -> str:
    lag = lag or timedelta()
    return f"{lag.total_seconds():.1f} s" if lag < timedelta(minutes=2) else in_words(lag)


def _lags(begin: datetime) -> tuple[timedelta | None, timedelta | None]:
    """Return how long after their sale today's last sales were stored, (the median, the longest).

    Those from before their till was connected, and those that a till kept back without a network, are left out: that
    is no lateness of ours.
    """
    today = {"sold_at__gte": begin, "sold_at__lt": begin + timedelta(days=1)}
    heard = {"state": SaleState.COMPLETED, "is_offline": False, "sold_at__gte": F("connection__created_at")}
    last = Sale.objects.filter(**today).filter(**heard).order_by("-sold_at", "-pk")[:LOOKED_AT]
    lags = sorted(stored - sold for sold, stored in last.values_list("sold_at", "stored_at"))
    return (lags[len(lags) // 2], lags[-1]) if lags else (None, None)
