"""Sales from tills in the admin: the provider's data, to be looked at."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import EvidenceAdmin, EvidenceInline, badge, folded, organizations
from accounts.templatetags.show import money, quantity
from integrations.admin import ProviderOfConnectionFilter
from pos.models import Location, Refund, Sale, SaleLine


@admin.register(Location)
class LocationAdmin(EvidenceAdmin):
    """Shops and counters."""

    list_display = ("name", "organization", "connection", "currency", "time_zone", "show_state")
    list_filter = (organizations(), ProviderOfConnectionFilter, "is_active")
    list_select_related = ("organization", "connection")
    search_fields = ("name", "external_id", "organization__name")
    fields = ("organization", "connection", "external_id", "name", "time_zone", "currency", "show_state")
    readonly_fields = fields

    @badge(description=_("State"), ordering="is_active", colours={"open": "success", "closed": "warning"})
    def show_state(self, location: Location) -> tuple[str, str]:
        """Return whether it still sells."""
        return ("open", str(_("Active"))) if location.is_active else ("closed", str(_("Closed")))


class SaleLineInline(EvidenceInline):
    """What was sold."""

    model = SaleLine
    fields = ("position", "name", "show_quantity", "show_gross", "show_discount", "show_tax")
    readonly_fields = fields

    @display(description=_("Quantity"))
    def show_quantity(self, line: SaleLine) -> str:
        """Return the quantity without needless zeros."""
        return quantity(line.quantity)

    @display(description=_("Gross"))
    def show_gross(self, line: SaleLine) -> str:
        """Return the line before its discount."""
        return money(line.gross_amount, line.sale.currency)

    @display(description=_("Discount"))
    def show_discount(self, line: SaleLine) -> str:
        """Return the discount."""
        return money(line.discount_amount, line.sale.currency)

    @display(description=_("Tax"))
    def show_tax(self, line: SaleLine) -> str:
        """Return the till's own tax."""
        return money(line.tax_amount, line.sale.currency)


class RefundInline(EvidenceInline):
    """What was given back."""

    model = Refund
    fields = ("external_id", "refunded_at", "currency", "amount", "reason")
    readonly_fields = fields


@admin.register(Sale)
class SaleAdmin(EvidenceAdmin):
    """Sales of every organization."""

    list_display = (
        "external_id", "organization", "connection", "location", "sold_at", "show_total", "show_tax", "show_state",
    )  # fmt: skip
    list_filter = (organizations(), ProviderOfConnectionFilter, "currency", "sold_at")
    list_select_related = ("organization", "connection", "location")
    search_fields = ("external_id", "location__name", "organization__name")
    date_hierarchy = "sold_at"
    inlines = (SaleLineInline, RefundInline)
    fields = (
        "organization", "connection", "location", "external_id", "sold_at", "show_total", "show_tax", "show_tip",
        "source_updated_at", "stored_at", "content_hash", "show_payload",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sale]:
        """Return sales and whether each has a refund."""
        rows: QuerySet[Sale] = super().get_queryset(request)
        return rows.annotate(has_refund=Exists(Refund.objects.filter(sale=OuterRef("pk"))))

    @display(description=_("Total"), ordering="total_amount")
    def show_total(self, sale: Sale) -> str:
        """Return what was paid."""
        return money(sale.total_amount, sale.currency)

    @display(description=_("Tax"), ordering="tax_amount")
    def show_tax(self, sale: Sale) -> str:
        """Return the till's own tax."""
        return money(sale.tax_amount, sale.currency)

    @display(description=_("Tip"))
    def show_tip(self, sale: Sale) -> str:
        """Return the tip, which is no turnover."""
        return money(sale.tip_amount, sale.currency)

    @badge(description=_("State"), colours={"sold": "success", "refunded": "warning"})
    def show_state(self, sale: Sale) -> tuple[str, str]:
        """Return whether something was given back."""
        refunded = bool(sale.has_refund)  # type: ignore[attr-defined]
        return ("refunded", str(_("With a refund"))) if refunded else ("sold", str(_("Sold")))

    @display(description=_("As the provider sent it"))
    def show_payload(self, sale: Sale) -> str | SafeString:
        """Return the payload, folded."""
        return folded(sale.payload)


@admin.register(Refund)
class RefundAdmin(EvidenceAdmin):
    """Money given back."""

    list_display = ("external_id", "organization", "connection", "sale", "refunded_at", "show_amount", "show_state")
    list_filter = (organizations(), ProviderOfConnectionFilter, "currency", "refunded_at")
    list_select_related = ("organization", "connection", "sale")
    search_fields = ("external_id", "sale__external_id", "organization__name", "reason")
    date_hierarchy = "refunded_at"
    fields = (
        "organization", "connection", "sale", "external_id", "refunded_at", "show_amount", "reason", "show_payload",
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("Amount"), ordering="amount")
    def show_amount(self, refund: Refund) -> str:
        """Return what was given back."""
        return money(refund.amount, refund.currency)

    @badge(description=_("State"), colours={"placed": "success", "orphan": "warning"})
    def show_state(self, refund: Refund) -> tuple[str, str]:
        """Return whether its sale has been read."""
        return ("placed", str(_("With its sale"))) if refund.sale_id else ("orphan", str(_("Sale not read yet")))

    @display(description=_("As the provider sent it"))
    def show_payload(self, refund: Refund) -> str | SafeString:
        """Return the payload, folded."""
        return folded(refund.payload)
