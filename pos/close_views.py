"""The close of shops' days: how each stands, and one with every difference named."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.lists import read_page
from accounts.permissions import Act, require
from invoices.irn import in_lagos
from pos.models import DayClose, Location
from pos.tasks import ring_close

STEPS = {
    "stored": gettext_lazy("Between the till and the sales here"),
    "invoiced": gettext_lazy("Between the sales and their invoices"),
    "reported": gettext_lazy("Between the invoices and the authority"),
}


@require_safe
@require(Act.VIEW)
def closes(request: HttpRequest) -> HttpResponse:
    """List closed and open days, the latest first."""
    rows = DayClose.objects.filter(side="sold").select_related("location").defer("differences")
    page = read_page(rows.order_by("-day", "location", "currency"), request.GET.get("page", ""))
    context = {"page": page, "shops": Location.objects.filter(is_chosen=True).order_by("name", "pk"), "day": _today()}
    return render(request, "pos/closes.html", context)


@require_safe
@require(Act.VIEW)
def close(request: HttpRequest, pk: int, day: str) -> HttpResponse:
    """Show one shop's day: four figures of what was sold and of what was given back, and all that lies between them."""
    shop, wanted = _shop(pk), _day(day)
    rows = list(DayClose.objects.filter(location=shop, day=wanted).order_by("-side", "currency"))
    shown = [(row, _by_step(row)) for row in rows if row.side == "sold" or row.till_count or row.stored_count]
    context = {
        "shop": shop, "day": wanted, "rows": shown, "read_at": rows[0].read_at if rows else None,
        "open_count": sum(row.open_count for row in rows), "is_over": wanted < _today(),
        "was_closed_at": max((row.first_closed_at for row in rows if row.first_closed_at), default=None),
        "fetched": sum(row.fetched_count for row in rows),
    }  # fmt: skip
    return render(request, "pos/close.html", context)


@require_POST
@require(Act.SYNC)
def close_now(request: HttpRequest, pk: int, day: str) -> HttpResponse:
    """Ask a worker to read the till again and compare."""
    shop, wanted = _shop(pk), _day(day)
    if shop.connection.is_active:
        ring_close(shop, wanted)
        messages.success(request, _("The till is being read again. This page shows what came of it in a minute."))
    else:
        messages.error(request, _("This till is not connected now, so it cannot be asked. Connect it again first."))
    return redirect("close", pk=pk, day=day)


def _by_step(row: DayClose) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return a day's differences by where they stand, each with its amount and, for a document, its page."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in row.differences:
        link = reverse("invoice", args=[each["document"]]) if each["document"] else ""
        shown = each | {"shown": Decimal(each["amount"]), "link": link}
        found.setdefault(each["step"], []).append(shown)
    return [(str(words), found[step]) for step, words in STEPS.items() if step in found]


def _shop(pk: int) -> Location:
    shop: Location = get_object_or_404(Location.objects.select_related("connection"), pk=pk)
    return shop


def _today() -> date:
    return in_lagos(timezone.now()).date()


def _day(text: str) -> date:
    """Return the day of an address; raises Http404 for one that is none, or has not begun."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Http404("This is no day.") from None
    if day > _today() or day.year < 2009:
        raise Http404("There is nothing to close on this day.")
    return day
