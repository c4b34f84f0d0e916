"""Deals: the list with what became of each, and one deal with its lines and its invoice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.lists import Sort, read_page, read_sort
from accounts.permissions import Act, require
from crm.forms import SORTS, DealFilter
from crm.models import Company, Deal, Owner
from crm.problems import amount_contradiction, line_discount, line_net, lines_net
from crm.readback import to_record
from crm.records import LineRecord
from crm.services.explaining import explain_deal
from crm.services.writeback import switch_write_back, write_back_switch
from integrations.models import Connection
from invoices.models import Invoice

SOURCE_KIND = "deal"
COLUMNS_OF_INVOICE = ("pk", "connection_id", "source_external_id", "status", "number", "missing", "problem")


@require_safe
@require(Act.VIEW)
def deals(request: HttpRequest) -> HttpResponse:
    """List the organization's deals and, beside each, its invoice or why it has none."""
    filters = DealFilter(request.GET)
    found = filters.apply(Deal.objects.all())
    sort = read_sort(request.GET.get("sort", ""), SORTS, "-closed")
    rows = _in_order(found, sort).select_related("company").defer("payload", "company__payload")
    page = read_page(rows, request.GET.get("page", ""))
    shown: list[Deal] = list(page.object_list)
    _add_invoices(shown)
    _add_owners(shown)
    return render(request, "crm/deals.html", {"filters": filters, "page": page, "sort": sort})


def _in_order(found: QuerySet[Deal], sort: Sort) -> QuerySet[Deal]:
    if sort.value == "-closed":
        return found.order_by("-close_date", "-pk")  # as the index of this list has it
    return sort.apply(found, SORTS)


def _add_invoices(rows: Sequence[Deal]) -> None:
    """Put each deal's invoices on it as `invoices`, the first part first: one question for the whole page."""
    found: dict[tuple[int, str], list[Invoice]] = {}
    invoices = Invoice.objects.filter(
        source_kind=SOURCE_KIND,
        connection__in={deal.connection_id for deal in rows},
        source_external_id__in=[deal.external_id for deal in rows],
    )
    for each in invoices.only(*COLUMNS_OF_INVOICE).order_by("pk"):
        found.setdefault((each.connection_id, each.source_external_id), []).append(each)
    for deal in rows:
        deal.invoices = found.get((deal.connection_id, deal.external_id), [])  # type: ignore[attr-defined]


def _add_owners(rows: Sequence[Deal]) -> None:
    owners = Owner.objects.filter(
        connection__in={deal.connection_id for deal in rows},
        external_id__in={deal.owner_external_id for deal in rows},
    )
    found = {(each.connection_id, each.external_id): each for each in owners}
    for deal in rows:
        deal.owner = found.get((deal.connection_id, deal.owner_external_id))  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line as the page shows it: `net` is what the conversion invoices, None while a number of it lacks."""

    line: LineRecord
    discount: Decimal
    net: Decimal | None


@require_safe
@require(Act.VIEW)
def deal(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one deal: summary, lines, buyer, its invoices or what they lack, and what happened."""
    whole = Deal.objects.select_related("company__buyer_facts", "contact", "connection", "write_back").prefetch_related(
        "lines", "aliases"
    )
    found: Deal = get_object_or_404(whole, pk=pk)
    _add_owners([found])
    invoices = Invoice.objects.filter(
        source_kind=SOURCE_KIND, connection=found.connection, source_external_id=found.external_id
    )
    record = to_record(found)
    rows = [LineRow(line, line_discount(line), line_net(line)) for line in record.lines]
    context = {
        "contradiction": amount_contradiction(record, found.connection.name),
        "deal": found,
        "invoices": list(invoices.order_by("pk")),
        "rows": rows,
        "address": _address(found.company) if found.company else [],
        "total": lines_net(record),
        "history": explain_deal(deal=found),
    }
    return render(request, "crm/deal.html", context)


def _address(company: Company) -> list[str]:
    """Return the lines of an address, leaving out what is not known."""
    town = " ".join(part for part in (company.postal_zone, company.city) if part)
    return [part for part in (company.street, town, company.state, company.country) if part]


@require_POST
@require(Act.CONNECT)
def connection_write_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Switch the writing of invoices to a connection's deals on or off."""
    connection: Connection = get_object_or_404(Connection.objects.all(), pk=pk)
    if write_back_switch(connection) is None:
        raise Http404(f"{connection} cannot be written to.")
    on = request.POST.get("write_back") == "on"
    switch_write_back(connection=connection, on=on)
    if on:
        text = _("Invoices are written to the deals of %(name)s from now on. What failed before is tried again.")
    else:
        text = _("Nothing is written to %(name)s any more. What was written there stays.")
    messages.success(request, text % {"name": connection})
    return redirect("connection", pk=pk)
