"""What the lists of an invoice's own rows share: calls, exchanges, letters, alarms and proposals."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import SearchedAdmin, of_newest, organizations
from invoices.models import Invoice

BIG = ("draft", "snapshot", "document", "qr_payload")  # what no list of invoices shows
SEARCHED = _("Number, IRN, buyer, TIN, or the deal's name or id.")


class OfInvoiceAdmin(SearchedAdmin):
    """Rows of an invoice, found by what the invoice is found by."""

    list_filter: tuple[Any, ...] = (organizations("invoice__organization"),)
    search_fields = ("invoice__number",)  # shows the box
    search_help_text = SEARCHED

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return rows with the few facts of their invoice that a list shows."""
        rows = super().get_queryset(request)
        return rows.select_related("invoice__organization").defer(*(f"invoice__{name}" for name in BIG))

    def found(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the rows of the newest invoices that have the text."""
        return of_newest(rows, "invoice", Invoice.objects.matching(text))

    @display(description=_("Organization"))
    def show_organization(self, row: Any) -> str:
        """Return whose it is."""
        return str(row.invoice.organization)
