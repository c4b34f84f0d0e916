"""E-mail to buyers: send one invoice now, and the switch that sends each once it is signed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.permissions import Act, require
from invoices.models import Business, Invoice
from invoices.services.mailing import NotToSend, send_to_buyer, switch_letters
from invoices.tasks import ring_letters


@require_POST
@require(Act.SUBMIT)
def invoice_send(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a signed invoice to its buyer; a second click finds it sent or under way."""
    invoice: Invoice = get_object_or_404(Invoice, pk=pk)
    try:
        row = send_to_buyer(invoice=invoice, by=request.user)  # type: ignore[arg-type]
    except NotToSend as problem:
        messages.error(request, str(problem))
    else:
        ring_letters()
        asked = {"name": invoice, "to": row.to}
        messages.success(request, _("%(name)s goes to %(to)s within seconds, or when the queue is back.") % asked)
    return redirect("invoice", pk=pk)


@require_POST
@require(Act.SUBMIT)
def letters_switch(request: HttpRequest) -> HttpResponse:
    """Let what is signed from now on go to its buyers by itself, or stop that."""
    business: Business = get_object_or_404(Business)
    is_on = request.POST.get("is_on") == "yes"
    switch_letters(business=business, is_on=is_on)
    if is_on:
        messages.success(request, _("Each invoice that is signed from now on goes to its buyer by e-mail."))
    else:
        messages.success(
            request, _("Invoices no longer go to buyers by themselves. What is listed already still goes.")
        )
    return redirect("settings")
