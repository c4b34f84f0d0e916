"""Downloads of one invoice: the PDF, UBL, the evidence; for its organization, and for staff in the admin."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.permissions import Act, require
from invoices.models import Invoice
from invoices.paper.ubl import UblNotPossible
from invoices.services.exporting import evidence_of, ubl_of_invoice
from invoices.services.papering import pdf_name, pdf_of


@require_safe
@require(Act.VIEW)
def invoice_paper(request: HttpRequest, pk: int, form: str) -> HttpResponse:
    """Return the invoice in one form; 404 where a draft has none."""
    return paper_response(get_object_or_404(Invoice.objects.select_related("business", "original"), pk=pk), form)


def paper_response(invoice: Invoice, form: str) -> HttpResponse:
    """Return one form of an invoice as a file; raises Http404 with a sentence where there is none."""
    if form not in FORMS:
        raise Http404(_("An invoice has no such form."))
    if invoice.document is None and form != "pdf":
        raise Http404(_("A held invoice has no document yet."))
    try:
        return FORMS[form](invoice)
    except UblNotPossible as problem:
        return HttpResponse(str(problem), status=409, content_type="text/plain; charset=utf-8")


def _file(body: bytes, content_type: str, name: str, *, is_shown: bool = False) -> HttpResponse:
    """Never from a cache: a status may have changed since."""
    response = HttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = f'{"inline" if is_shown else "attachment"}; filename="{name}"'
    response["Cache-Control"] = "private, no-cache"
    return response


FORMS: dict[str, Callable[[Invoice], HttpResponse]] = {
    "pdf": lambda invoice: _file(pdf_of(invoice), "application/pdf", pdf_name(invoice), is_shown=True),
    "json": lambda invoice: _file(invoice.body, "application/json", f"{invoice.number}.json"),
    "ubl": lambda invoice: _file(ubl_of_invoice(invoice), "application/xml", f"{invoice.number}.ubl.xml"),
    "evidence": lambda invoice: _file(evidence_of(invoice), "application/zip", f"{invoice.number}-evidence.zip"),
}
