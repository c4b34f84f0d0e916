"""An invoice's paper in the admin: links on its page, and the addresses behind them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import badge
from invoices.admin.of_invoice import OfInvoiceAdmin
from invoices.models import Invoice, PaperSent, Post
from invoices.paper_views import paper_response

WORDS = {"pdf": _("PDF"), "json": _("Document as JSON"), "ubl": _("UBL"), "evidence": _("Evidence (zip)")}
COLOURS = {
    Post.WAITING: "info",
    Post.SENDING: "info",
    Post.SENT: "success",
    Post.NO_ADDRESS: "warning",
    Post.FAILED: "danger",
}


class PaperMixin:
    """Adds the downloads to an invoice's page."""

    def get_urls(self) -> list[URLPattern]:
        """Return the admin's addresses, the downloads before them."""
        admin_view = self.admin_site.admin_view  # type: ignore[attr-defined]
        mine = path("<int:pk>/paper/<str:form>/", admin_view(self.paper_view), name="invoices_invoice_paper")
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [mine, *urls]

    def paper_view(self, request: HttpRequest, pk: int, form: str) -> HttpResponse:
        """Return one form of an invoice to staff who may view invoices."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        return paper_response(get_object_or_404(Invoice.objects.select_related("business", "original"), pk=pk), form)

    @display(description=_("Downloads"))
    def show_paper(self, invoice: Invoice) -> str | SafeString:
        """Return a link to each form that the invoice has."""
        forms = WORDS if invoice.number else {"pdf": _("Preview as PDF")}
        links: Any = (
            (reverse("admin:invoices_invoice_paper", args=[invoice.pk, form]), words) for form, words in forms.items()
        )
        return format_html_join(" · ", '<a class="text-primary-600" href="{}">{}</a>', links)


@admin.register(PaperSent)
class PaperSentAdmin(OfInvoiceAdmin):
    """The e-mail of each invoice to its buyer."""

    list_display = ("invoice", "show_organization", "to", "show_outcome", "attempts", "sent_at", "problem")
    list_filter = (*OfInvoiceAdmin.list_filter, "outcome")
    fields = (
        "invoice", "show_organization", "to", "show_outcome", "by", "sent_at", "pdf_sha256", "problem", "attempts",
        "next_attempt_at", "lease_until", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = fields

    @badge(description=_("Outcome"), ordering="outcome", colours=COLOURS)
    def show_outcome(self, row: PaperSent) -> tuple[str, str]:
        """Return the outcome in words."""
        return row.outcome, row.get_outcome_display()
