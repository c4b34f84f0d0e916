"""The reconciliation: what is asked for, what the authority has, and every difference with an owner."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.lists import read_page
from accounts.models import Membership
from accounts.permissions import Act, require
from invoices.models import Difference, DifferenceState, Reconciliation, RunState
from invoices.models.reconciliation import CAUSES
from invoices.services.numbering import number_report
from invoices.services.reconciling import explain_difference
from invoices.tasks import ring_reconciliation


@dataclass(frozen=True, slots=True)
class Equation:
    """asked = acknowledged + the causes, in one currency; `causes` has (cause, words, count, amount)."""

    currency: str
    asked: Decimal
    acknowledged: Decimal
    causes: list[tuple[str, Any, int, Decimal]]


@require_safe
@require(Act.VIEW)
def reconciliation(request: HttpRequest) -> HttpResponse:
    """Show the newest run's equation and the differences that are not settled."""
    run = Reconciliation.objects.exclude(state=RunState.RUNNING).first()
    chosen = request.GET.get("state", DifferenceState.OPEN)
    cause = request.GET.get("cause", "")
    found = Difference.objects.select_related("invoice", "owner", "decided_by")
    if chosen in DifferenceState.values:
        found = found.filter(state=chosen)
    if cause in dict(Difference._meta.get_field("cause").flatchoices):
        found = found.filter(cause=cause)
    context = {
        "run": run,
        "running": Reconciliation.objects.filter(state=RunState.RUNNING).first(),
        "equations": _equations(run) if run else [],
        "page": read_page(found, request.GET.get("page", "")),
        "chosen": chosen,
        "cause": cause,
        "states": DifferenceState.choices,
        "series": number_report(),
        "people": Membership.objects.filter(organization=request.organization).select_related("user"),  # type: ignore[attr-defined]
    }
    return render(request, "invoices/reconciliation.html", context)


def _equations(run: Reconciliation) -> list[Equation]:
    return [
        Equation(
            currency,
            Decimal(row["asked"]),
            Decimal(row["acknowledged"]),
            [
                (cause, words, row["causes"][cause][0], Decimal(row["causes"][cause][1]))
                for cause, words in CAUSES.items()
                if cause in row["causes"]
            ],
        )
        for currency, row in sorted(run.figures.items(), reverse=True)
        if currency
    ]


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
    return redirect(f"{request.POST.get('back') or ''}" if _is_own(request.POST.get("back", "")) else "reconciliation")


def _is_own(path: str) -> bool:
    return path.startswith("?") and len(path) < 200


@require_safe
@require(Act.VIEW)
def number_report_csv(request: HttpRequest) -> HttpResponse:
    """Return the report on numbers as CSV."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="numbers.csv"'
    writer = csv.writer(response)
    writer.writerow(["business", "series", "last number", "used", "number", "what", "reason"])
    for series in number_report():
        facts = [series.business, series.prefix, series.last, series.used]
        writer.writerow([*facts, "", "summary", ""])
        writer.writerows([*facts, number, "voided", reason] for number, reason in series.voided)
        writer.writerows([*facts, number, "missing", ""] for number in series.gaps)
    return response
