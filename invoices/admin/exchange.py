"""What is done with the authority about signed invoices, and its notices, in the admin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_scopes import scope
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from accounts.admin_base import BigAdmin, EvidenceInline, badge, folded
from invoices.admin.of_invoice import OfInvoiceAdmin
from invoices.models import AuthorityNotice, Exchange, ExchangeCall, Invoice, Purpose, Stage
from invoices.services.exchange_requests import NotPossible, dismiss, release, request_exchange
from invoices.services.payments import PAID
from invoices.tasks import ring_exchanges

COLOURS = {
    Stage.WAITING: "info",
    Stage.WORKING: "info",
    Stage.HANDED_ON: "info",
    Stage.DONE: "success",
    Stage.REFUSED: "danger",
    Stage.HELD: "warning",
    Stage.DISMISSED: "",
}


class InvoiceExchangeActions:
    """The actions on signed invoices, for the invoices' admin."""

    exchange_actions = ("transmit_now", "mark_paid", "report_vat", "compare_copy")

    @action(description=_("Transmit now"), permissions=["submit"])
    def transmit_now(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        """Pass them on to their buyers."""
        _ask_for(self, request, queryset, Purpose.TRANSMIT)

    @action(description=_("Mark paid at the authority"), permissions=["submit"])
    def mark_paid(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        """Tell the authority that they are paid."""
        _ask_for(self, request, queryset, Purpose.PAYMENT, PAID)

    @action(description=_("Report VAT"), permissions=["submit"])
    def report_vat(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        """Report the VAT of paid invoices."""
        _ask_for(self, request, queryset, Purpose.VAT)

    @action(description=_("Compare with the authority's copy"), permissions=["submit"])
    def compare_copy(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        """Fetch the authority's copies and compare them."""
        _ask_for(self, request, queryset, Purpose.COMPARE)


def _ask_for(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Invoice], purpose: Purpose, wanted: str = ""
) -> None:
    def ask(invoice: Invoice) -> None:
        with scope(organization=invoice.organization_id):
            request_exchange(invoice=invoice, purpose=purpose, wanted=wanted, user=request.user)

    _each(model_admin, request, queryset, ask, "handed to the queue")


def _each(model_admin: Any, request: HttpRequest, rows: Any, act: Callable[[Any], None], words: str) -> None:
    """Do it to each row; say how many it was done to, and why not to the others."""
    done, refused = 0, Counter[str]()
    for row in rows:
        try:
            act(row)
        except NotPossible as problem:
            refused[str(problem)] += 1
        else:
            done += 1
    if done:
        ring_exchanges()
        model_admin.message_user(request, f"{done} {words}.", messages.SUCCESS)
    for sentence, number in refused.items():
        model_admin.message_user(request, f"Nothing was done for {number}: {sentence}", messages.WARNING)


class CallInline(EvidenceInline):
    """Every call that was made for it."""

    model = ExchangeCall
    fields = (
        "attempt", "step", "request", "started_at", "finished_at", "http_status", "outcome", "sentence", "response",
    )  # fmt: skip
    readonly_fields = fields


@admin.register(Exchange)
class ExchangeAdmin(OfInvoiceAdmin):
    """Passing on, payment, VAT and comparison, one row an invoice and purpose."""

    list_display = (
        "invoice", "show_organization", "purpose", "show_stage", "wanted", "attempts", "next_attempt_at", "problem",
        "updated_at",
    )  # fmt: skip
    list_filter = (
        *OfInvoiceAdmin.list_filter,
        ("purpose", ChoicesDropdownFilter),
        ("stage", ChoicesDropdownFilter),
    )
    actions = ("release_held", "dismiss_held")
    inlines = (CallInline,)
    fields = (
        "invoice", "show_organization", "purpose", "show_stage", "wanted", "is_sent", "attempts", "setbacks",
        "next_attempt_at", "lease_until", "problem", "show_result", "requested_by", "decision", "decided_by", "done_at",
        "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = fields

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may decide about what is held."""
        return bool(request.user.has_perm("invoices.change_invoice"))

    @badge(description=_("Stage"), ordering="stage", colours=COLOURS)
    def show_stage(self, row: Exchange) -> tuple[str, str]:
        """Return the stage in words."""
        return row.stage, row.get_stage_display()

    @display(description=_("Result"))
    def show_result(self, row: Exchange) -> str | SafeString:
        """Return what came of it, folded."""
        return folded(row.result)

    @action(description=_("Release: the authority does not have it, send it again"), permissions=["decide"])
    def release_held(self, request: HttpRequest, queryset: QuerySet[Exchange]) -> None:
        """Let held reports go out again."""
        _each(self, request, queryset, lambda row: release(exchange=row, user=request.user), "released")

    @action(description=_("Dismiss: the authority has it"), permissions=["decide"])
    def dismiss_held(self, request: HttpRequest, queryset: QuerySet[Exchange]) -> None:
        """Take held reports as arrived."""
        _each(self, request, queryset, lambda row: dismiss(exchange=row, user=request.user), "dismissed")


@admin.register(AuthorityNotice)
class AuthorityNoticeAdmin(BigAdmin):
    """What the authority's webhook said; hints only."""

    list_display = ("irn", "message", "received_at")
    search_fields = ("irn__exact",)
    search_help_text = _("The IRN, whole.")
    fields = list_display
    readonly_fields = list_display
