"""What people ask of the authority about a signed invoice, and decide about a held report."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.permissions import Act, require
from invoices.models import Exchange, Invoice, Purpose
from invoices.services.exchange_requests import NotPossible, dismiss, release, request_exchange
from invoices.tasks import ring_exchanges


@require_POST
@require(Act.SUBMIT)
def exchange_request(request: HttpRequest, pk: int, purpose: str) -> HttpResponse:
    """Ask for one purpose now; a second click finds it under way."""
    invoice: Invoice = get_object_or_404(Invoice, pk=pk)
    if purpose not in Purpose.values:
        raise Http404(_("There is no such thing to ask for."))
    try:
        row = request_exchange(
            invoice=invoice,
            purpose=Purpose(purpose),
            wanted=request.POST.get("wanted", "")[:20],
            user=request.user,
        )
    except NotPossible as problem:
        messages.error(request, str(problem))
    else:
        ring_exchanges()
        asked = {"what": row.get_purpose_display()}
        messages.success(request, _("Asked: %(what)s. It is done within seconds, or when the queue is back.") % asked)
    return redirect("invoice", pk=pk)


@require_POST
@require(Act.SUBMIT)
def exchange_decide(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    """Release a held report to be sent again, or dismiss it as arrived."""
    row: Exchange = get_object_or_404(Exchange.objects.select_related("invoice"), pk=pk)
    decide = {"release": release, "dismiss": dismiss}.get(decision)
    if decide is None:
        raise Http404(_("There is no such decision."))
    try:
        decide(exchange=row, user=request.user)
    except NotPossible as problem:
        messages.error(request, str(problem))
    else:
        ring_exchanges()
        messages.success(request, _("Decided. It stands on the invoice's page."))
    return redirect("invoice", pk=row.invoice_id)
