"""Sales from tills in the admin: the provider's data, to be looked at."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import EvidenceAdmin, EvidenceInline, badge, folded, organizations
from accounts.templatetags.show import money, quantity
from integrations.admin import ProviderOfConnectionFilter
from pos.models import Location, Refund, RefundState, Sale, SaleBatch, SaleLine


@admin.register(Location)
class LocationAdmin(EvidenceAdmin):
    """Shops and counters."""

    list_display = ("name", "organization", "connection", "currency", "time_zone", "show_state")
    list_filter = (organizations(), ProviderOfConnectionFilter, "is_active")
    list_select_related = ("organization", "connection")
    search_fields = ("name", "external_id", "organization__name")
    fields = ("organization", "connection", "external_id", "name", "time_zone", "currency", "is_chosen", "show_state")
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


@admin.register(Sale)
class SaleAdmin(EvidenceAdmin):
    """Sales of every organization."""

    list_display = (
        "external_id", "organization", "connection", "location", "sold_at", "show_total", "show_tax", "show_state",
    )  # fmt: skip
    list_filter = (organizations(), ProviderOfConnectionFilter, "state", "currency", "sold_at")
    list_select_related = ("organization", "connection", "location")
    search_fields = ("external_id__exact",)
    date_hierarchy = "sold_at"
    inlines = (SaleLineInline,)
    fields = (
        "organization", "connection", "location", "external_id", "sold_at", "show_state", "show_total", "show_tax",
        "show_tip", "problem", "stored_at", "tenders", "returns", "show_payload",
    )  # fmt: skip
    readonly_fields = fields

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

    @badge(description=_("State"), ordering="state", colours={"completed": "success", "open": "warning"})
    def show_state(self, sale: Sale) -> tuple[str, str]:
        """Return what has become of it."""
        return sale.state, sale.get_state_display()

    @display(description=_("As the provider sent it"))
    def show_payload(self, sale: Sale) -> str | SafeString:
        """Return the payload, folded."""
        return folded(sale.payload)


@admin.register(Refund)
class RefundAdmin(EvidenceAdmin):
    """Money given back, and its credit note."""

    list_display = (
        "external_id",
        "organization",
        "location",
        "refunded_at",
        "show_amount",
        "show_state",
        "note_problem",
    )
    list_filter = (organizations(), ProviderOfConnectionFilter, "state", "note_due", "refunded_at")
    list_select_related = ("organization", "location")
    search_fields = ("external_id__exact", "payment_external_id__exact")
    fields = (
        "organization", "connection", "location", "external_id", "payment_external_id", "return_external_id", "sale",
        "refunded_at", "show_amount", "reason", "show_state", "is_unlinked", "note_due", "note_problem", "payload",
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("Amount"), ordering="amount")
    def show_amount(self, refund: Refund) -> str:
        """Return what was given back."""
        return money(refund.amount, refund.currency)

    @badge(description=_("State"), ordering="state", colours={RefundState.COMPLETED: "success", "failed": "danger"})
    def show_state(self, refund: Refund) -> tuple[str, str]:
        """Return what has become of it."""
        return refund.state, refund.get_state_display()


@admin.register(SaleBatch)
class SaleBatchAdmin(EvidenceAdmin):
    """Sales that were handed in together."""

    list_display = ("location", "organization", "day", "sequence", "show_total", "due_at", "closed_at", "invoice_due")
    list_filter = (organizations(), "day", "invoice_due")
    list_select_related = ("organization", "location")
    date_hierarchy = "day"
    fields = (
        "organization",
        "connection",
        "location",
        "day",
        "currency",
        "sequence",
        "show_total",
        "due_at",
        "closed_at",
    )
    readonly_fields = fields

    @display(description=_("Total"), ordering="total_amount")
    def show_total(self, batch: SaleBatch) -> str:
        """Return what its sales come to."""
        return money(batch.total_amount, batch.currency)
