"""Sales from tills and payments of terminals in the admin: the provider's data, to be looked at."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import EvidenceAdmin, EvidenceInline, badge, folded, organizations
from accounts.templatetags.show import money, quantity
from integrations.admin import ProviderOfConnectionFilter
from pos.models import (
    CatalogObject,
    Customer,
    DayClose,
    Location,
    PaymentState,
    Refund,
    RefundState,
    Sale,
    SaleBatch,
    SaleLine,
    SaleReturn,
    TerminalPayment,
)  # fmt: skip


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


@admin.register(CatalogObject)
class CatalogObjectAdmin(EvidenceAdmin):
    """What price lists say of the goods that were sold."""

    list_display = ("name", "kind", "sku", "organization", "connection")
    list_filter = (organizations(),)
    sortable_by = ()
    list_select_related = ("organization", "connection")
    search_fields = ("external_id__exact",)
    fields = (
        "organization", "connection", "external_id", "kind", "name", "sku", "parent_external_id", "source_updated_at",
    )  # fmt: skip
    readonly_fields = fields


@admin.register(Customer)
class CustomerAdmin(EvidenceAdmin):
    """Businesses that buy at tills, and what their sellers said of them."""

    list_display = ("name", "organization", "connection", "filled_at")
    list_filter = (organizations(),)
    ordering = ("-pk",)
    sortable_by = ()
    list_select_related = ("organization", "connection")
    search_fields = ("external_id__exact",)
    fields = (
        "organization", "connection", "external_id", "name", "email", "telephone", "street", "city", "postal_zone",
        "country", "source_updated_at", "facts", "filled_at", "filled_by",
    )  # fmt: skip
    readonly_fields = fields


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
    # Only what an index answers: a choice of currencies or years, another order or a provider reads every month.
    list_filter = (organizations(), "state", "sold_at")
    sortable_by = ("sold_at",)
    list_select_related = ("organization", "connection", "location")
    search_fields = ("external_id__exact",)
    inlines = (SaleLineInline,)
    fields = (
        "organization", "connection", "location", "external_id", "sold_at", "show_state", "show_total", "show_tax",
        "show_tip", "problem", "stored_at", "tenders", "returns", "show_payload",
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("Total"))
    def show_total(self, sale: Sale) -> str:
        """Return what was paid."""
        return money(sale.total_amount, sale.currency)

    @display(description=_("Tax"))
    def show_tax(self, sale: Sale) -> str:
        """Return the till's own tax."""
        return money(sale.tax_amount, sale.currency)

    @display(description=_("Tip"))
    def show_tip(self, sale: Sale) -> str:
        """Return the tip, which is no turnover."""
        return money(sale.tip_amount, sale.currency)

    @badge(description=_("State"), colours={"completed": "success", "open": "warning"})
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
    list_filter = (organizations(), "state", "note_due", "refunded_at")
    sortable_by = ("refunded_at",)
    list_select_related = ("organization", "location")
    search_fields = ("external_id__exact", "payment_external_id__exact")
    fields = (
        "organization", "connection", "location", "external_id", "payment_external_id", "return_external_id", "sale",
        "refunded_at", "show_amount", "reason", "show_state", "is_unlinked", "note_due", "note_problem", "payload",
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("Amount"))
    def show_amount(self, refund: Refund) -> str:
        """Return what was given back."""
        return money(refund.amount, refund.currency)

    @badge(description=_("State"), colours={RefundState.COMPLETED: "success", "failed": "danger"})
    def show_state(self, refund: Refund) -> tuple[str, str]:
        """Return what has become of it."""
        return refund.state, refund.get_state_display()


@admin.register(SaleBatch)
class SaleBatchAdmin(EvidenceAdmin):
    """Sales that were handed in together."""

    list_display = ("location", "organization", "day", "sequence", "show_total", "due_at", "closed_at", "invoice_due")
    list_filter = (organizations(), "day", "invoice_due")
    sortable_by = ("day",)
    list_select_related = ("organization", "location")
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

    @display(description=_("Total"))
    def show_total(self, batch: SaleBatch) -> str:
        """Return what its sales come to."""
        return money(batch.total_amount, batch.currency)


@admin.register(DayClose)
class DayCloseAdmin(EvidenceAdmin):
    """The close of shops' days."""

    list_display = ("day", "location", "organization", "side", "show_till", "show_reported", "show_state")
    list_filter = (organizations(), "day")
    sortable_by = ("day",)
    list_select_related = ("organization", "location")
    fields = (
        "organization", "location", "day", "side", "currency", "show_till", "stored_amount", "invoiced_amount",
        "show_reported", "named_amount", "open_count", "fetched_count", "read_at", "first_closed_at", "closed_at",
        "differences",
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("At the till"))
    def show_till(self, row: DayClose) -> str:
        """Return what the till took."""
        return money(row.till_amount, row.currency)

    @display(description=_("Reported"))
    def show_reported(self, row: DayClose) -> str:
        """Return what the authority has."""
        return money(row.reported_amount, row.currency)

    @badge(description=_("State"), ordering="closed_at", colours={"closed": "success", "open": "warning"})
    def show_state(self, row: DayClose) -> tuple[str, str]:
        """Return whether it is closed."""
        return ("closed", str(_("Closed"))) if row.closed_at else ("open", str(_("Open")))


@admin.register(TerminalPayment)
class TerminalPaymentAdmin(EvidenceAdmin):
    """Payments that terminals took, and the invoice that each pays."""

    list_display = (
        "reference", "organization", "connection", "made_at", "show_amount", "show_state", "invoice", "matched_by",
    )  # fmt: skip
    list_filter = (organizations(), "state", "made_at")
    sortable_by = ("made_at",)
    list_select_related = ("organization", "connection", "invoice")
    search_fields = ("reference__exact", "external_id__exact")
    fields = (
        "organization", "connection", "external_id", "reference", "terminal_id", "named", "show_state", "show_amount",
        "refunded_amount", "made_at", "paid_at", "read_at", "invoice", "matched_by", "match_reason", "matched_at",
        "is_decided", "decided_by", "is_kept", "why_not", "problem", "history",
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("Amount"), ordering="amount")
    def show_amount(self, payment: TerminalPayment) -> str:
        """Return what was paid."""
        return money(payment.amount, payment.currency)

    @badge(
        description=_("State"),
        ordering="state",
        colours={PaymentState.SUCCEEDED: "success", "reversed": "danger", "pending": "warning"},
    )
    def show_state(self, payment: TerminalPayment) -> tuple[str, str]:
        """Return what has become of it."""
        return payment.state, payment.get_state_display()


@admin.register(SaleReturn)
class SaleReturnAdmin(EvidenceAdmin):
    """What exchanges took back, and the credit note of each."""

    list_display = ("sale", "source_external_id", "organization", "show_amount", "show_state")
    list_filter = (organizations(), "note_due")
    list_select_related = ("organization", "sale", "note")
    sortable_by = ()
    search_fields = ("source_external_id__exact",)
    fields = ("organization", "connection", "sale", "source_external_id", "show_amount", "note", "note_problem")
    readonly_fields = fields

    @display(description=_("Amount"))
    def show_amount(self, row: SaleReturn) -> str:
        """Return what came back."""
        return money(row.amount, row.sale.currency)

    @badge(description=_("State"), colours={"done": "success", "due": "warning", "people": "danger"})
    def show_state(self, row: SaleReturn) -> tuple[str, str]:
        """Return whether it is credited."""
        if row.note_id:
            return ("done", str(_("Credited")))
        return ("due", str(_("Waits"))) if row.note_due else ("people", str(_("Needs somebody")))
