"""What is not registered yet, the most money under the nearest deadline first."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, F, FloatField, Func, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Cast, Coalesce, Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.lists import read_page
from accounts.permissions import Act, require
from invoices.deadlines import SOON
from invoices.models import OPEN, Invoice

HEAVY = ("document", "draft", "snapshot", "qr_payload", "server_qr", "csid")


class _Hours(Func):
    """The hours of an interval."""

    template = "(EXTRACT(EPOCH FROM (%(expressions)s)) / 3600.0)::float8"
    arg_joiner = " - "
    output_field = FloatField()


@require_safe
@require(Act.VIEW)
def at_risk(request: HttpRequest) -> HttpResponse:
    """List invoices that still have a deadline, by money times urgency, with the sums of what is late and soon."""
    rows = by_risk(Invoice.objects.all()).defer(*HEAVY)
    context = {"page": read_page(rows, request.GET.get("page", "")), "sums": _sums()}
    return render(request, "invoices/at_risk.html", context)


def by_risk(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Return those that are not registered, ordered by `invoices.deadlines.urgency` times the naira to be paid."""
    left = F("hours_left")
    urgency = Case(
        When(hours_left__gt=0, then=Value(1.0) / (Value(1.0) + left / Value(12.0))),
        default=Value(1.0) - left / Value(24.0),
    )
    amount = Cast(Coalesce(F("naira_amount"), Value(Decimal(0))), FloatField())
    waiting = invoices.filter(status__in=OPEN, deadline_at__isnull=False)
    hours = waiting.annotate(hours_left=_Hours(F("deadline_at"), Now()))
    return hours.annotate(risk=amount * urgency).order_by("-risk", "deadline_at", "pk")


def _sums() -> list[dict[str, Any]]:
    """Return {currency, late, late_amount, soon, soon_amount, all} for each currency."""
    now = timezone.now()
    late, soon = Q(deadline_at__lte=now), Q(deadline_at__gt=now, deadline_at__lte=now + SOON)
    waiting = Invoice.objects.filter(status__in=OPEN, deadline_at__isnull=False).order_by()
    rows: list[Any] = list(
        waiting.values("currency")
        .annotate(
            all=Count("pk"),
            late=Count("pk", filter=late),
            soon=Count("pk", filter=soon),
            late_amount=Sum("payable_amount", filter=late),
            soon_amount=Sum("payable_amount", filter=soon),
        )
        .order_by("-all", "currency")
    )
    return rows
