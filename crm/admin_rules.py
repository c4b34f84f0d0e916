"""The rules of organizations in the admin: written as JSON, activated when their examples pass, and rolled back."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_scopes import scope
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.admin_base import EvidenceInline, TenantAdmin, badge, folded, organizations
from crm.services.activating import activate, in_force, roll_back
from crm.services.trying import check_examples
from invoices.models import RuleEvent, RuleExample, RuleSet, RuleStatus
from invoices.rules import RulesInvalid, default_rules, read_rules_text, write_rules
from invoices.services.ruling import RulesRefused, save_draft

COLOURS = {RuleStatus.DRAFT: "info", RuleStatus.ACTIVE: "success", RuleStatus.RETIRED: ""}


class RuleSetForm(forms.ModelForm):  # type: ignore[type-arg]
    """A draft's content as JSON text, checked field by field."""

    text = forms.CharField(
        label=_("Rules"), widget=UnfoldAdminTextareaWidget(attrs={"rows": 30, "spellcheck": "false"})
    )

    class Meta:
        model = RuleSet
        fields = ("organization", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        content = self.instance.content if self.instance.pk else write_rules(default_rules())
        self.fields["text"].initial = json.dumps(content, indent=2, ensure_ascii=False)

    def clean_text(self) -> str:
        """Return the text; raises ValidationError with a line for each place that is wrong."""
        text: str = self.cleaned_data["text"]
        try:
            read_rules_text(text)
        except RulesInvalid as problem:
            found = [f"{each.path}: {each.sentence}" if each.path else each.sentence for each in problem.problems]
            raise ValidationError(found) from problem
        return text


class RuleEventInline(EvidenceInline):
    """Who did what to a version."""

    model = RuleEvent
    fields = ("what", "by", "at", "applied_at")
    readonly_fields = fields


@admin.register(RuleSet)
class RuleSetAdmin(TenantAdmin):
    """Versions of the rules. Only a draft is changed; what was active stays as it was."""

    form = RuleSetForm
    list_display = ("__str__", "organization", "show_status", "note", "created_by", "activated_at", "updated_at")
    list_filter = (organizations(), "status")
    list_select_related = ("organization", "created_by")
    search_fields = ("organization__name", "note")
    actions = ("activate_version", "roll_back_versions")
    inlines = (RuleEventInline,)

    def get_fields(self, request: HttpRequest, obj: RuleSet | None = None) -> tuple[str, ...]:
        """Return the editable text for a draft, and the content to look at for any other."""
        shown = ("organization", "note", "text")
        if obj is None:
            return shown
        rest = ("show_status", "show_examples", "created_by", "activated_at")
        return (
            (*shown, *rest)
            if self.has_change_permission(request, obj)
            else ("organization", "note", "show_content", *rest)
        )

    def get_readonly_fields(self, request: HttpRequest, obj: RuleSet | None = None) -> tuple[str, ...]:
        """Keep a version with its organization."""
        rest = ("show_status", "show_examples", "created_by", "activated_at", "show_content")
        return rest if obj is None else ("organization", *rest)

    def has_change_permission(self, request: HttpRequest, obj: RuleSet | None = None) -> bool:
        """Let only drafts be changed."""
        return super().has_change_permission(request, obj) and (obj is None or obj.status == RuleStatus.DRAFT)

    def has_delete_permission(self, request: HttpRequest, obj: RuleSet | None = None) -> bool:
        """Let only drafts be deleted, one by one."""
        return obj is not None and obj.status == RuleStatus.DRAFT and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: RuleSet, form: RuleSetForm, change: bool) -> None:
        """Save as a draft, with who did it."""
        with scope(organization=obj.organization):
            saved = save_draft(
                organization=obj.organization,
                content=json.loads(form.cleaned_data["text"]),
                note=obj.note,
                by=request.user,  # type: ignore[arg-type]
                rule_set=obj if change else None,
            )
        obj.pk, obj.version, obj.content = saved.pk, saved.version, saved.content

    @badge(description=_("Status"), ordering="status", colours=COLOURS)
    def show_status(self, row: RuleSet) -> tuple[str, str]:
        """Return the status in words."""
        return row.status, row.get_status_display()

    @display(description=_("Rules"))
    def show_content(self, row: RuleSet) -> str | SafeString:
        """Return the content, folded."""
        return folded(row.content)

    @display(description=_("Examples"))
    def show_examples(self, row: RuleSet) -> str:
        """Return how many of the organization's examples pass."""
        try:
            checked = check_examples(organization=row.organization, in_force=in_force(row))
        except RulesInvalid:
            return str(_("This program does not understand the version any more."))
        failing = [str(each.example) for each in checked if not each.passes]
        return f"{len(checked) - len(failing)} of {len(checked)} pass" + (
            f"; not: {', '.join(failing)}" if failing else ""
        )

    @action(description=_("Activate this draft"), permissions=["change"])
    def activate_version(self, request: HttpRequest, queryset: QuerySet[RuleSet]) -> None:
        """Activate each chosen draft whose examples pass."""
        for rule_set in queryset.select_related("organization"):
            try:
                activate(rule_set=rule_set, by=request.user)  # type: ignore[arg-type]
            except RulesRefused as problem:
                messages.error(request, f"{rule_set} of {rule_set.organization}: {problem}")
            else:
                messages.success(request, f"{rule_set} of {rule_set.organization} holds from now on.")

    @action(description=_("Roll the organization back by one version"), permissions=["change"])
    def roll_back_versions(self, request: HttpRequest, queryset: QuerySet[RuleSet]) -> None:
        """Roll the organization of each chosen version back, once each."""
        for organization in {each.organization for each in queryset.select_related("organization")}:
            try:
                before = roll_back(organization=organization, by=request.user)  # type: ignore[arg-type]
            except RulesRefused as problem:
                messages.error(request, f"{organization}: {problem}")
            else:
                messages.success(request, f"{organization}: {before or _('The built-in rules')} holds again.")


@admin.register(RuleExample)
class RuleExampleAdmin(TenantAdmin):
    """Examples that a version must pass; they are kept from deals on the rules page."""

    list_display = ("name", "organization", "created_by", "created_at")
    list_filter = (organizations(),)
    list_select_related = ("organization", "created_by")
    search_fields = ("name", "organization__name")
    fields = ("organization", "name", "show_expected", "show_snapshot", "created_by", "created_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: an example is kept from a deal."""
        return False

    @display(description=_("Expected"))
    def show_expected(self, row: RuleExample) -> str | SafeString:
        """Return what it expects, folded."""
        return folded(row.expected)

    @display(description=_("The deal"))
    def show_snapshot(self, row: RuleExample) -> str | SafeString:
        """Return the deal, folded."""
        return folded(row.snapshot)
