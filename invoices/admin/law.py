"""The law and the exchange rates in the admin, where staff keep them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.admin_base import EvidenceAdmin, TenantAdmin, folded, organizations
from invoices.admin.of_invoice import OfInvoiceAdmin
from invoices.models import (
    DeadlineAlarm,
    Enforcement,
    ExchangeRate,
    LegalRule,
    SellerVersion,
    TaxRate,
    TaxRulesVersion,
)
from invoices.services.law import RatesUnreadable, enter_rates, read_rates
from invoices.tasks import ring_rates, ring_recount


@admin.register(TaxRate)
class TaxRateAdmin(TenantAdmin):
    """Rates by category and day. One that invoices were made with stays: a new rate gets a row and a day."""

    list_display = ("category", "percent", "since", "is_information", "law")
    list_filter = ("category", "is_information")
    search_fields = ("category", "law")

    def has_delete_permission(self, request: HttpRequest, obj: TaxRate | None = None) -> bool:
        """Let rates be deleted one by one, where the database says what a used one stands on."""
        return obj is not None and super().has_delete_permission(request, obj)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Say why a rate that was used cannot be changed."""
        return _or_refused(super().changeform_view, request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Say why a rate that was used cannot be deleted."""
        return _or_refused(super().delete_view, request, *args, **kwargs)


def _or_refused(view: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        with transaction.atomic():
            answer: HttpResponse = view(request, *args, **kwargs)
            return answer
    except IntegrityError as problem:
        messages.error(request, str(problem).partition("\n")[0])
        return HttpResponseRedirect(request.path)


@admin.register(TaxRulesVersion)
class TaxRulesVersionAdmin(EvidenceAdmin):
    """The rates as they stood when documents were made with them."""

    list_display = ("version", "first_used_at")
    fields = ("version", "first_used_at", "show_content")
    readonly_fields = fields

    @display(description=_("Rates"))
    def show_content(self, row: TaxRulesVersion) -> str | SafeString:
        """Return the rates, folded."""
        return folded(row.content)


@admin.register(LegalRule)
class LegalRuleAdmin(TenantAdmin):
    """Thresholds, hours and penalties, each from a day on and with its source."""

    list_display = ("key", "value", "unit", "since", "confidence", "law")
    list_filter = ("key", "confidence")
    search_fields = ("key", "law", "note")

    def save_model(self, request: HttpRequest, obj: LegalRule, form: Any, change: bool) -> None:
        """Let the deadlines of open invoices follow."""
        super().save_model(request, obj, form, change)
        ring_recount()


@admin.register(Enforcement)
class EnforcementAdmin(TenantAdmin):
    """When e-invoicing begins to be asked of whom."""

    list_display = ("turnover_class", "milestone", "begins", "until", "confidence")
    list_filter = ("turnover_class", "milestone")


class RatesForm(forms.ModelForm):  # type: ignore[type-arg]
    """One rate or many at once, as lines that can be pasted from a table."""

    lines = forms.CharField(
        label=_("Rates"),
        help_text=_("One on a line: currency, day, naira for one. For example USD 2026-11-20 1500.25"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}),
    )
    source = forms.CharField(max_length=100, label=_("Source"), widget=UnfoldAdminTextInputWidget())

    class Meta:
        model = ExchangeRate
        fields = ("source",)

    def clean_lines(self) -> list[Any]:
        """Return the rates; raises ValidationError with each line that is none."""
        try:
            return read_rates(self.cleaned_data["lines"])
        except RatesUnreadable as problem:
            raise ValidationError(problem.problems) from problem


@admin.register(ExchangeRate)
class ExchangeRateAdmin(TenantAdmin):
    """Naira for one unit, by day. An invoice keeps the rate that it was made with, whatever changes here."""

    list_display = ("currency", "day", "rate", "source", "entered_by", "created_at")
    list_filter = ("currency", "day")
    list_select_related = ("entered_by",)
    search_fields = ("currency", "source")
    date_hierarchy = "day"

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form that takes many lines for new rates."""
        if obj is None:
            kwargs["form"] = RatesForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return lines for new rates, columns for one that is there."""
        return ("lines", "source") if obj is None else ("currency", "day", "rate", "source", "entered_by", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep what a rate is of."""
        return () if obj is None else ("currency", "day", "entered_by", "created_at")

    def save_model(self, request: HttpRequest, obj: ExchangeRate, form: Any, change: bool) -> None:
        """Store the rates, and let what waits for them be tried again."""
        if change:
            super().save_model(request, obj, form, change)
        else:
            rows = form.cleaned_data["lines"]
            enter_rates(rows=rows, source=form.cleaned_data["source"], by=request.user)  # type: ignore[arg-type]
            obj.pk = ExchangeRate.objects.get(currency=rows[0][0], day=rows[0][1]).pk
            obj.refresh_from_db()
        ring_rates()


@admin.register(DeadlineAlarm)
class DeadlineAlarmAdmin(OfInvoiceAdmin):
    """What people were told of deadlines."""

    list_display = ("invoice", "show_organization", "step", "created_at", "sent_at")
    fields = ("invoice", "show_organization", "step", "created_at", "sent_at")
    readonly_fields = fields


@admin.register(SellerVersion)
class SellerVersionAdmin(EvidenceAdmin):
    """Sellers as documents were made with them."""

    list_display = ("version", "business", "first_used_at")
    list_filter = (organizations("business__organization"),)
    list_select_related = ("business",)
    fields = ("version", "business", "first_used_at", "show_content")
    readonly_fields = fields

    @display(description=_("Facts"))
    def show_content(self, row: SellerVersion) -> str | SafeString:
        """Return the facts, folded."""
        return folded(row.content)
