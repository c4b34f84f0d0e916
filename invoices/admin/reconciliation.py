"""The reconciliation in the admin: runs and differences, over all organizations."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import BigAdmin, SearchedAdmin, badge, folded, organizations
from accounts.searching import holds
from invoices.models import Difference, DifferenceState, Reconciliation, RunState
from invoices.models.reconciliation import DIFFERENCE_SEARCHED

RUN_COLOURS = {RunState.RUNNING: "info", RunState.COMPLETE: "success", RunState.PARTIAL: "warning"}
COLOURS = {DifferenceState.OPEN: "warning", DifferenceState.EXPLAINED: "info", DifferenceState.SETTLED: "success"}


@admin.register(Reconciliation)
class ReconciliationAdmin(BigAdmin):
    """Each run with its figures."""

    list_display = ("__str__", "organization", "show_state", "sources", "started_at", "finished_at", "problem")
    list_filter = (organizations(), "state")
    list_select_related = ("organization",)
    fields = (
        "organization", "since", "until", "show_state", "sources", "registered", "compared", "show_figures",
        "show_numbers", "problem", "by", "started_at", "finished_at",
    )  # fmt: skip
    readonly_fields = fields

    @badge(description=_("State"), ordering="state", colours=RUN_COLOURS)
    def show_state(self, row: Reconciliation) -> tuple[str, str]:
        """Return how it ended."""
        return row.state, row.get_state_display()

    @display(description=_("Figures"))
    def show_figures(self, row: Reconciliation) -> str | SafeString:
        """Return the figures, folded."""
        return folded(row.figures)

    @display(description=_("Numbers"))
    def show_numbers(self, row: Reconciliation) -> str | SafeString:
        """Return the report on the series, folded."""
        return folded(row.numbers)


@admin.register(Difference)
class DifferenceAdmin(SearchedAdmin):
    """Each difference; owners and notes are given on the organization's own page."""

    list_display = ("label", "organization", "cause", "amount", "currency", "show_state", "owner", "deadline")
    list_filter = (organizations(), "state")
    list_select_related = ("organization", "owner")
    search_fields = ("label",)  # shows the box
    search_help_text = _("The deal's or invoice's name, or its id.")
    fields = (
        "organization", "subject", "label", "cause", "invoice", "amount", "currency", "day", "show_state", "owner",
        "deadline", "note", "decided_by", "decided_at", "first_seen_at", "settled_at", "found_in",
    )  # fmt: skip
    readonly_fields = fields

    def found(self, rows: QuerySet[Difference], text: str) -> QuerySet[Difference]:
        """Return the differences that have the text, by the index that the page's search has."""
        return rows.filter(holds(DIFFERENCE_SEARCHED, text))

    @badge(description=_("State"), colours=COLOURS)
    def show_state(self, row: Difference) -> tuple[str, str]:
        """Return what people made of it."""
        return row.state, row.get_state_display()
