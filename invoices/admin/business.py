"""The seller's profile in the admin: secrets go in and never come out."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget

from accounts.admin_base import EvidenceAdmin, TenantAdmin, badge, folded, organizations
from invoices.approval import KINDS
from invoices.key_forms import read_upload
from invoices.models import Business, Invoice, NumberSeries, Status
from invoices.qr import KeyFileInvalid, parse_key_file
from invoices.services.issuing import reissue_held
from invoices.services.service_ids import read_service_id, take_service_id
from invoices.services.submitting import resume_submissions
from invoices.tasks import ring_recount, ring_submissions

SECRETS = ("certificate", "api_key", "api_secret")
KEEP = _("Leave empty to keep what is stored. It is stored encrypted and never shown again.")


class WriteOnlyTextarea(UnfoldAdminTextareaWidget):
    """A text field that never shows its content again, not even beside an error."""

    def format_value(self, value: Any) -> None:
        """Return nothing."""
        return


class BusinessForm(forms.ModelForm):
    """The profile, with write-only inputs for what must stay secret."""

    new_api_key = forms.CharField(
        label=_("API key"),
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=KEEP,
    )
    new_api_secret = forms.CharField(
        label=_("API secret"),
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=KEEP,
    )
    key_upload = forms.FileField(
        label=_("Key file, uploaded"),
        required=False,
        help_text=_("crypto_keys.txt as it was downloaded, in either of its forms."),
    )
    key_file = forms.CharField(
        label=_("Key file, pasted"),
        required=False,
        max_length=20_000,
        widget=WriteOnlyTextarea(attrs={"rows": 4, "autocomplete": "off"}),
        help_text=_(
            "The whole content of crypto_keys.txt from the authority's dashboard: public key and certificate. "
            "Leave empty to keep what is stored."
        ),
    )

    approval_kinds = forms.MultipleChoiceField(
        required=False,
        choices=[(kind, kind.capitalize() if kind.islower() else kind) for kind in KINDS],
        widget=forms.CheckboxSelectMultiple,
        label=_("Always approved by a second person"),
    )

    class Meta:
        model = Business
        fields = (
            "organization", "legal_name", "tin", "rc_number", "description", "email", "telephone", "street", "city",
            "postal_zone", "state", "lga", "country", "entity_id", "business_id", "service_id", "number_prefix",
            "payment_terms_days", "payment_means_code", "default_tax_category", "hsn_code", "product_category",
            "isic_code", "service_category", "approval_above", "approval_kinds", "target_hours",
        )  # fmt: skip

    def clean_key_file(self) -> str:
        """Read the key file; the profile takes both of its parts."""
        text = read_upload(self.cleaned_data.get("key_upload")) or str(self.cleaned_data["key_file"])
        if text.strip():
            try:
                keys = parse_key_file(text)
            except KeyFileInvalid as problem:
                raise forms.ValidationError(str(problem)) from problem
            self.instance.public_key = keys.public_key
            self.instance.certificate = keys.certificate
        return ""

    def clean(self) -> dict[str, Any]:
        """Take the new key pair; one half alone would be used with a half of another pair."""
        cleaned = super().clean() or self.cleaned_data
        key, secret = cleaned.get("new_api_key"), cleaned.get("new_api_secret")
        if bool(key) != bool(secret):
            lacking = "new_api_secret" if key else "new_api_key"
            self.add_error(lacking, _("Give the API key and its secret together: they are one pair."))
        elif key and secret:
            self.instance.api_key, self.instance.api_secret = key, secret
        return cleaned


@admin.register(Business)
class BusinessAdmin(TenantAdmin):
    """Business profiles. What is empty here holds the organization's invoices back."""

    form = BusinessForm
    list_display = (
        "legal_name", "organization", "tin", "service_id", "show_standing", "show_keys", "show_key_file",
        "updated_at",
    )  # fmt: skip
    list_filter = (
        organizations(),
        ("submissions_paused_reason", admin.EmptyFieldListFilter),
        "default_tax_category",
        "country",
    )
    list_select_related = ("organization",)
    search_fields = ("legal_name", "tin", "rc_number", "organization__name", "organization__slug", "service_id")
    autocomplete_fields = ("organization",)
    actions = ("resume_now", "try_held_again", "read_service_ids")
    readonly_fields = (
        "show_standing", "submissions_paused_reason", "show_keys", "show_key_file", "show_public_key",
        "email_buyers_since", "created_at", "updated_at",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("organization", "legal_name", "tin", "rc_number", "description")}),
        (_("Submissions"), {"fields": ("show_standing", "submissions_paused_reason")}),
        (
            _("Address and contact"),
            {
                "fields": (
                    "email", "telephone", "street", "city", "postal_zone", "state", "lga", "country",
                )
            },
        ),
        (_("At the authority"), {"fields": ("entity_id", "business_id", "service_id")}),
        (
            _("Keys"),
            {
                "fields": (
                    "show_keys", "new_api_key", "new_api_secret", "show_key_file", "key_upload", "key_file",
                    "show_public_key",
                )
            },
        ),
        (
            _("Invoices"),
            {
                "fields": (
                    "number_prefix", "payment_terms_days", "payment_means_code", "default_tax_category", "hsn_code",
                    "product_category", "isic_code", "service_category", "email_buyers_since",
                )
            },
        ),
        (_("Deadlines"), {"fields": ("target_hours",)}),
        (_("A second person"), {"fields": ("approval_above", "approval_kinds")}),
        (_("Since when"), {"fields": ("created_at", "updated_at")}),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Business]:
        """Return profiles without their secrets, which need not be read to be shown as present."""
        rows: QuerySet[Business] = super().get_queryset(request)
        return rows.defer(*SECRETS).annotate(
            has_keys=_present("api_key", "api_secret"), has_certificate=_present("certificate")
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: the seller's invoices name it."""
        return False

    def has_resume_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may make invoices go out."""
        return bool(request.user.has_perm("invoices.change_business"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the tenant of a profile as it was made: its invoices carry both."""
        return (*self.readonly_fields, "organization") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Business, form: Any, change: bool) -> None:
        """Save, and say what now may be worth another try."""
        super().save_model(request, obj, form, change)
        if "target_hours" in form.changed_data:
            ring_recount()
        held = Invoice.objects.filter(organization=obj.organization).open_drafts().count()
        if held:
            self.message_user(
                request,
                f"{held} of its invoices are held. Choose “Try held invoices again” in the list of profiles to check "
                "them against what you saved.",
                messages.INFO,
            )

    @badge(description=_("Submissions"), colours={"paused": "danger", "running": "success"})
    def show_standing(self, business: Business) -> tuple[str, str]:
        """Return whether its invoices go out."""
        return ("paused", str(_("Paused"))) if business.is_paused else ("running", str(_("Running")))

    @badge(description=_("API keys"), colours={"own": "success", "shared": "info"})
    def show_keys(self, business: Business) -> tuple[str, str]:
        """Return whether it has keys of its own."""
        own = getattr(business, "has_keys", False)
        return ("own", str(_("Its own"))) if own else ("shared", str(_("The operator's")))

    @badge(description=_("Key file"), colours={"loaded": "success", "lacking": "warning"})
    def show_key_file(self, business: Business) -> tuple[str, str]:
        """Return whether its key file is loaded."""
        loaded = business.public_key and getattr(business, "has_certificate", False)
        return ("loaded", str(_("Loaded"))) if loaded else ("lacking", str(_("Not loaded")))

    @display(description=_("Public key"))
    def show_public_key(self, business: Business) -> str | SafeString:
        """Return the public half, folded."""
        return folded(business.public_key)

    @action(description=_("Resume submissions"), permissions=["resume"])
    def resume_now(self, request: HttpRequest, queryset: QuerySet[Business]) -> None:
        """Let paused sellers submit again."""
        paused = list(queryset.exclude(submissions_paused_reason="").select_related("organization"))
        if not paused:
            self.message_user(request, "None of the chosen profiles is paused, so nothing changed.", messages.WARNING)
            return
        for business in paused:
            resume_submissions(business=business)
        ring_submissions()
        names = ", ".join(str(business) for business in paused)
        self.message_user(request, f"Submissions are resumed for {names}. What waited is due now.", messages.SUCCESS)

    @action(description=_("Try held invoices again"), permissions=["resume"])
    def try_held_again(self, request: HttpRequest, queryset: QuerySet[Business]) -> None:
        """Check held and rejected invoices against the profile as it is now."""
        outcome: Counter[str] = Counter()
        for business in queryset.select_related("organization"):
            outcome.update(issued.status for issued in reissue_held(organization=business.organization))
        if outcome[Status.READY]:
            ring_submissions()
        self.message_user(
            request,
            f"{outcome.total()} held invoices were checked: {outcome[Status.READY]} are ready and go out, "
            f"{outcome[Status.DRAFT]} still lack facts, {outcome[Status.REJECTED]} stay rejected. Deals that were "
            "read longer ago are read again first, and follow within minutes.",
            messages.SUCCESS if outcome[Status.READY] else messages.INFO,
        )

    @action(description=_("Read the service id from the authority"), permissions=["resume"])
    def read_service_ids(self, request: HttpRequest, queryset: QuerySet[Business]) -> None:
        """Compare each profile with the authority's IRN template; one without a service id takes it."""
        for business in queryset.select_related("organization"):
            read = read_service_id(business)
            for sentence in filter(None, (read.problem, *read.warnings)):
                self.message_user(request, f"{business}: {sentence}", messages.WARNING)
            if read.service_id and not business.service_id:
                take_service_id(business=business, service_id=read.service_id)
                ring_submissions()
                self.message_user(request, f"{business} has the service id {read.service_id} now.", messages.SUCCESS)
            elif read.service_id == business.service_id and read.service_id:
                self.message_user(request, f"{business}: the template agrees with the profile.", messages.SUCCESS)


def _present(*columns: str) -> ExpressionWrapper:
    condition = Q(*((f"{column}__isnull", False) for column in columns))
    return ExpressionWrapper(condition, output_field=BooleanField())


@admin.register(NumberSeries)
class NumberSeriesAdmin(EvidenceAdmin):
    """The last number of each series."""

    list_display = ("business", "show_organization", "prefix", "last_number", "show_state")
    list_filter = (organizations("business__organization"),)
    list_select_related = ("business__organization",)
    search_fields = ("prefix", "business__legal_name")
    fields = ("business", "prefix", "last_number", "show_state")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[NumberSeries]:
        """Return series without the secrets of their sellers."""
        rows: QuerySet[NumberSeries] = super().get_queryset(request)
        return rows.select_related("business__organization").defer(*(f"business__{name}" for name in SECRETS))

    @display(description=_("Organization"), ordering="business__organization")
    def show_organization(self, series: NumberSeries) -> str:
        """Return whose it is."""
        return str(series.business.organization)

    @badge(description=_("State"), colours={"used": "success", "past": ""})
    def show_state(self, series: NumberSeries) -> tuple[str, str]:
        """Return whether new invoices take their number here."""
        current = series.business.number_prefix == series.prefix
        return ("used", str(_("In use"))) if current else ("past", str(_("Earlier prefix")))
