"""Downloads of one invoice: the PDF and what else is made of it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from accounts.permissions import Act, require
from invoices.models import Invoice
from invoices.services.papering import pdf_name, pdf_of


@require_safe
@require(Act.VIEW)
def invoice_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the invoice as a PDF; of a draft a preview that says so."""
    found: Invoice = get_object_or_404(Invoice.objects.select_related("business"), pk=pk)
    return file_response(pdf_of(found), "application/pdf", pdf_name(found), is_shown=True)


def file_response(body: bytes, content_type: str, name: str, *, is_shown: bool = False) -> HttpResponse:
    """Return a file to be kept, or to be shown at once; never from a cache, because a status may have changed."""
    response = HttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = f'{"inline" if is_shown else "attachment"}; filename="{name}"'
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    return response
