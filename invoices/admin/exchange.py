"""What is still to be done with the authority about signed invoices, in the admin; people decide on the pages."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin_base import EvidenceAdmin, EvidenceInline, badge, folded, organizations
from invoices.models import AuthorityNotice, Exchange, ExchangeCall, Stage

COLOURS = {
    Stage.DONE: "success",
    Stage.HANDED_ON: "info",
    Stage.WAITING: "info",
    Stage.WORKING: "info",
    Stage.REFUSED: "danger",
    Stage.HELD: "warning",
    Stage.DISMISSED: "",
}


class CallInline(EvidenceInline):
    """Every call that was made for it."""

    model = ExchangeCall
    fields = (
        "attempt",
        "step",
        "request",
        "started_at",
        "finished_at",
        "http_status",
        "outcome",
        "sentence",
        "response",
    )
    readonly_fields = fields


@admin.register(Exchange)
class ExchangeAdmin(EvidenceAdmin):
    """One purpose of one signed invoice."""

    list_display = ("invoice", "show_organization", "purpose", "show_stage", "problem", "next_attempt_at", "updated_at")
    list_filter = (
        organizations("invoice__organization"),
        ("purpose", ChoicesDropdownFilter),
        ("stage", ChoicesDropdownFilter),
        "created_at",
    )
    list_select_related = ("invoice__organization",)
    search_fields = ("invoice__number", "invoice__irn", "problem")
    fields = (
        "invoice", "show_organization", "purpose", "wanted", "show_stage", "problem", "is_sent", "attempts", "setbacks",
        "next_attempt_at", "lease_until", "requested_by", "decided_by", "decision", "done_at", "show_result",
        "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = fields
    inlines = (CallInline,)

    @display(description=_("Organization"), ordering="invoice__organization")
    def show_organization(self, exchange: Exchange) -> str:
        """Return whose it is."""
        return str(exchange.invoice.organization)

    @badge(description=_("Stage"), ordering="stage", colours=COLOURS)
    def show_stage(self, exchange: Exchange) -> tuple[str, str]:
        """Return where it stands."""
        return exchange.stage, exchange.get_stage_display()

    @display(description=_("Result"))
    def show_result(self, exchange: Exchange) -> str:
        """Return what came out, folded."""
        return folded(exchange.result)


@admin.register(AuthorityNotice)
class AuthorityNoticeAdmin(EvidenceAdmin):
    """What the authority's webhook said; a hint, never a fact."""

    list_display = ("irn", "message", "received_at")
    list_filter = ("message", "received_at")
    search_fields = ("irn",)
    date_hierarchy = "received_at"
    fields = list_display
    readonly_fields = list_display
