"""The page that says where the values of an invoice come from."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.permissions import Act, require
from invoices.models import Invoice
from invoices.services.explaining import trace_invoice
from invoices.tracing import NotTraceable


@require_safe
@require(Act.VIEW)
def invoice_origins(request: HttpRequest, pk: int) -> HttpResponse:
    """Show where each value of an invoice comes from."""
    invoice: Invoice = get_object_or_404(
        Invoice.objects.select_related("business", "connection", "rule_set", "original"), pk=pk
    )
    context: dict[str, Any] = {"invoice": invoice}
    try:
        context["traced"] = trace_invoice(invoice=invoice)
    except NotTraceable as problem:
        context["problem"] = str(problem)
    return render(request, "invoices/origins.html", context)
