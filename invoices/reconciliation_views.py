"""The reconciliation: what is asked for, what the authority has, and every difference with an owner."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.lists import read_page
from accounts.models import Membership
from accounts.permissions import Act, require
from invoices.models import Difference, DifferenceState, Reconciliation, RunState
from invoices.models.reconciliation import CAUSES, IN_ORDER
from invoices.reconciliation_form import DifferenceFilter
from invoices.reconciling import Cause
from invoices.services.differences import explain_difference
from invoices.services.numbering import number_report, rows_of
from invoices.tasks import ring_reconciliation

# How a cause is marked: what needs somebody, what went wrong, and what comes by itself.
MARKS: dict[str, str] = {
    **dict.fromkeys(IN_ORDER, "waiting"),
    Cause.HELD: "needs",
    Cause.NOT_INVOICED: "needs",
    Cause.CHANGED: "needs",
    Cause.NOT_DUE: "needs",
    Cause.VOIDED: "needs",
    Cause.UNREADABLE: "needs",
}
NAIRA = "NGN"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
ICONS = {"waiting": "clock", "needs": "hand", "failed": "cross"}


@dataclass(frozen=True, slots=True)
class Term:
    """One cause of an equation; `mark` and `icon` say at a glance whether somebody has to do something."""

    cause: str
    words: Any
    count: int
    amount: Decimal
    mark: str
    icon: str

    @property
    def sign(self) -> str:
        """Return how it joins the terms before it."""
        return "−" if self.amount < 0 else "+"

    @property
    def size(self) -> Decimal:
        """Return the amount without its sign."""
        return abs(self.amount)


@dataclass(frozen=True, slots=True)
class Equation:
    """asked = acknowledged + the terms, in one currency."""

    currency: str
    asked: Decimal
    acknowledged: Decimal
    terms: list[Term]


@require_safe
@require(Act.VIEW)
def reconciliation(request: HttpRequest) -> HttpResponse:
    """Show the newest run's equation and the differences that are not settled."""
    run = Reconciliation.objects.exclude(state=RunState.RUNNING).first()
    filters = DifferenceFilter(request.GET)
    found = filters.apply(Difference.objects.select_related("owner", "decided_by"), request.user)
    people = Membership.objects.filter(organization=request.organization).select_related("user")  # type: ignore[attr-defined]
    context = {
        "run": run,
        "running": Reconciliation.objects.filter(state=RunState.RUNNING).first(),
        "equations": _equations(run) if run else [],
        "page": read_page(found, request.GET.get("page", "")),
        "filters": filters,
        "chosen": filters.state_chosen,
        "states": DifferenceState.choices,
        "people": list(people.order_by("pk")),
    }
    return render(request, "invoices/reconciliation.html", context)


def _equations(run: Reconciliation) -> list[Equation]:
    return [
        Equation(
            currency,
            Decimal(row["asked"]),
            Decimal(row["acknowledged"]),
            [_term(cause, *row["causes"][cause]) for cause in CAUSES if cause in row["causes"]],
        )
        for currency, row in sorted(run.figures.items(), key=lambda item: (item[0] != NAIRA, item[0]))
        if currency
    ]


def _term(cause: Cause, count: int, amount: str) -> Term:
    mark = MARKS.get(cause, "failed")
    return Term(cause, CAUSES[cause], count, Decimal(amount), mark, ICONS[mark])


@require_POST
@require(Act.SYNC)
def reconcile_now(request: HttpRequest) -> HttpResponse:
    """Ask a worker to reconcile now."""
    ring_reconciliation(request.organization.pk, request.user.pk or 0)  # type: ignore[attr-defined]
    messages.success(request, _("It is being reconciled. This page shows what came of it in a minute."))
    return redirect("reconciliation")


@require_POST
@require(Act.SUBMIT)
def difference_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a difference an owner and, with a note, explain it."""
    difference: Difference = get_object_or_404(Difference, pk=pk)
    owner_id = request.POST.get("owner", "")
    organization = request.organization  # type: ignore[attr-defined]
    owner = None
    if owner_id.isascii() and owner_id.isdecimal() and len(owner_id) < 19:
        member = Membership.objects.filter(organization=organization, user=int(owner_id)).select_related("user").first()
        owner = member.user if member else None
    explain_difference(difference=difference, note=request.POST.get("note", ""), owner=owner, by=request.user)  # type: ignore[arg-type]
    messages.success(request, _("It is written down."))
    back = QueryDict(request.POST.get("back", "")[:500]).urlencode()
    return redirect(f"{reverse('reconciliation')}?{back}" if back else "reconciliation")


@require_safe
@require(Act.VIEW)
def number_report_csv(request: HttpRequest) -> HttpResponse:
    """Return the report on numbers as CSV."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="numbers.csv"'
    csv.writer(response).writerows([_inert(cell) for cell in row] for row in rows_of(number_report()))
    return response


def _inert(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula: a reason is what somebody typed."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
