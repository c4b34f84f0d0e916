"""Sales from tills: a day's list with what became of each, one sale, and the shops that are read."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.lists import read_page
from accounts.permissions import Act, require
from integrations.models import Connection
from pos.dashboard import today as day_so_far
from pos.forms import SaleFilter
from pos.listing import add_invoices
from pos.models import Customer, Location, Refund, RefundState, Sale, SaleKey, SaleReturn, SaleState
from pos.readback import tenders_of
from pos.services.crediting import invoice_of
from pos.services.locations import ChoiceRefused, choose_locations


@require_safe
@require(Act.VIEW)
def sales(request: HttpRequest) -> HttpResponse:
    """List a day's sales and, beside each, its invoice or why it has none; the day's sums above."""
    filters = SaleFilter(request.GET)
    found = filters.apply(Sale.objects.all())
    page = read_page(found.select_related("location").defer("payload"), request.GET.get("page", ""))
    add_invoices(page.object_list)  # type: ignore[arg-type]
    completed = found.filter(state=SaleState.COMPLETED).order_by()
    sums = completed.values("currency").annotate(
        count=Count("pk", filter=Q(total_amount__gt=0)), total=Sum("total_amount"), tax=Sum("tax_amount"),
        tips=Sum("tip_amount"), back=Sum("returned_amount"),
    )  # fmt: skip
    context = {
        "filters": filters, "page": page, "day": filters.shown_day, "sums": list(sums.order_by("currency")),
        "has_locations": Location.objects.exists(),
    }  # fmt: skip
    return render(request, "pos/sales.html", context)


@never_cache
@require_safe
@require(Act.VIEW)
def today(request: HttpRequest) -> HttpResponse:
    """Show the day so far; the page asks for its figures again each second."""
    is_part = request.htmx and not request.htmx.boosted  # type: ignore[attr-defined]
    context = {"today": day_so_far(organization=request.organization)}  # type: ignore[attr-defined]
    return render(request, "pos/today_figures.html" if is_part else "pos/today.html", context)


@require_safe
@require(Act.VIEW)
def sale(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one sale: its lines, how it was paid, its invoice, and what was given back."""
    key: SaleKey = get_object_or_404(SaleKey.objects.select_related("batch__location"), pk=pk)
    found: Sale = get_object_or_404(
        Sale.objects.select_related("location", "connection"), pk=key.pk, sold_at=key.sold_at
    )
    context = {
        "sale": found,
        "key": key,
        "tenders": tenders_of(found),
        "lines": found.lines.filter(sold_at=found.sold_at),
        "invoice": invoice_of(key),
        "customer": Customer.objects.filter(
            connection=found.connection_id, external_id=found.customer_external_id
        ).first(),
        "exchanged": SaleReturn.objects.filter(sale=key).select_related("note"),
        "refunds": Refund.objects.filter(sale=key).exclude(state=RefundState.FAILED),
    }
    return render(request, "pos/sale.html", context)


@require_safe
@require(Act.VIEW)
def locations(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the shops of a till's connection, and which are read."""
    connection: Connection = get_object_or_404(Connection.objects.all(), pk=pk)
    rows = Location.objects.filter(connection=connection).order_by("-is_active", "name", "pk")
    return render(request, "pos/locations.html", {"connection": connection, "locations": rows})


@require_POST
@require(Act.CONNECT)
def choose(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep which shops are read."""
    connection: Connection = get_object_or_404(Connection.objects.all(), pk=pk)
    chosen = {int(each) for each in request.POST.getlist("location") if each.isdecimal() and len(each) < 19}
    try:
        count = choose_locations(connection=connection, chosen=chosen)
    except ChoiceRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("locations", pk=pk)
    text = _("%(count)s shops are read from now on. What was sold in newly chosen ones is read within minutes.")
    messages.success(request, text % {"count": count})
    return redirect("locations", pk=pk)
