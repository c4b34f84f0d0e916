"""Invoices and the attempts to hand them in, in the admin: all of it evidence, nothing of it editable."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from accounts.admin_base import EvidenceInline, SearchedAdmin, badge, folded, organizations
from accounts.models import Organization
from accounts.templatetags.show import NOTHING, ago, money, quantity
from integrations.admin import ProviderOfConnectionFilter
from invoices.admin.exchange import InvoiceExchangeActions
from invoices.admin.of_invoice import BIG, SEARCHED, OfInvoiceAdmin
from invoices.admin.paper import PaperMixin
from invoices.approval import KINDS
from invoices.models import Invoice, InvoiceLine, InvoiceMove, Status, Submission
from invoices.services.approving import NotToApprove, approve
from invoices.tasks import ring_submissions

COLOURS = {
    Status.DRAFT: "warning",
    Status.READY: "info",
    Status.APPROVED: "info",
    Status.TRANSMITTED: "success",
    Status.DELIVERED: "success",
    Status.CONFIG_ERROR: "danger",
    Status.CREDITED: "",
    Status.VOIDED: "",
    Status.SUBMITTING: "info",
    Status.SIGNED: "success",
    Status.REJECTED: "danger",
    Status.UNKNOWN: "warning",
}
OUTCOME_COLOURS = {
    "accepted": "success",
    "found": "success",
    "rejected": "danger",
    "credentials_refused": "danger",
    "unclear": "warning",
    "absent": "warning",
    "lookup_failed": "warning",
}


class LineInline(EvidenceInline):
    """The lines, as they were counted."""

    model = InvoiceLine
    fields = (
        "position", "name", "sku", "show_quantity", "show_price", "show_discount", "show_net", "tax_category",
        "tax_rate", "show_code",
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("Quantity"))
    def show_quantity(self, line: InvoiceLine) -> str:
        """Return the quantity without needless zeros."""
        return quantity(line.quantity)

    @display(description=_("Price"))
    def show_price(self, line: InvoiceLine) -> str:
        """Return the price of one."""
        return money(line.unit_price, line.invoice.currency)

    @display(description=_("Discount"))
    def show_discount(self, line: InvoiceLine) -> str:
        """Return the money off the line."""
        return money(line.discount_amount, line.invoice.currency)

    @display(description=_("Net"))
    def show_net(self, line: InvoiceLine) -> str:
        """Return the line's net."""
        return money(line.net_amount, line.invoice.currency)

    @display(description=_("Classification"))
    def show_code(self, line: InvoiceLine) -> str:
        """Return the goods or service code."""
        return line.hsn_code or line.isic_code or NOTHING


class SubmissionInline(EvidenceInline):
    """Every call that was made for the invoice."""

    model = Submission
    fields = ("attempt", "step", "started_at", "finished_at", "http_status", "outcome", "sentence")
    readonly_fields = fields
    show_change_link = True


class MoveInline(EvidenceInline):
    """Each change of status, as the database wrote it."""

    model = InvoiceMove
    fields = ("at", "from_status", "to_status", "sentence")
    readonly_fields = fields


class KindFilter(admin.SimpleListFilter):
    """Filters by kind, of those there are: asking the table which it has would read all of it."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds."""
        return [(kind, kind) for kind in KINDS if kind.startswith("B2")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """Return the invoices of the chosen kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Invoice)
class InvoiceAdmin(PaperMixin, InvoiceExchangeActions, SearchedAdmin):
    """Invoices of every organization."""

    list_display = (
        "show_title", "organization", "show_status", "buyer_name", "show_payable", "issue_date", "show_trouble",
        "attempts", "show_age",
    )  # fmt: skip
    list_filter = (
        organizations(),
        ("status", ChoicesDropdownFilter),
        "needs_approval",
        KindFilter,
        ProviderOfConnectionFilter,
        "issue_date",
        "created_at",
    )
    list_select_related = ("organization",)
    search_fields = ("number",)  # shows the box; what is looked through is InvoiceQuerySet.matching's to say
    search_help_text = SEARCHED
    sortable_by = ("show_age",)  # of a million rows only this order is kept for all organizations together
    actions = ("submit_now", *InvoiceExchangeActions.exchange_actions, "approve_now")
    inlines = (LineInline, SubmissionInline, MoveInline)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "organization", "business", "show_status", "problem", "problem_field", "show_missing",
                    "needs_approval", "approval_reason", "approved_by", "approved_at", "void_reason", "number",
                    "irn", "kind", "type_code", "issue_date", "issue_time", "due_date", "supply_date",
                )
            },
        ),
        (
            _("Buyer and amounts"),
            {
                "fields": (
                    "buyer_name", "buyer_tin", "currency", "line_extension_amount", "allowance_amount",
                    "tax_exclusive_amount", "tax_amount", "tax_inclusive_amount", "payable_amount",
                )
            },
        ),
        (
            _("Submission"),
            {
                "fields": (
                    "attempts", "setbacks", "seen_absent", "next_attempt_at", "lease_until", "ready_at", "signed_at",
                    "csid", "server_qr",
                )
            },
        ),
        (
            _("What it was made from"),
            {
                "fields": (
                    "connection", "source_kind", "source_external_id", "source_part", "source_label", "show_source",
                    "show_draft", "show_snapshot",
                )
            },
        ),
        (_("Document"), {"fields": ("show_paper", "document_sha256", "show_document", "show_qr_payload")}),
        (_("Since when"), {"fields": ("created_at", "updated_at")}),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """Return invoices without what only the detail shows."""
        rows: QuerySet[Invoice] = super().get_queryset(request)
        return rows.defer(*BIG)

    def found(self, rows: QuerySet[Invoice], text: str) -> QuerySet[Invoice]:
        """Return the invoices that have the text, by the index that the pages' search has."""
        return rows.matching(text)  # type: ignore[attr-defined,no-any-return]

    def has_submit_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may make invoices go out."""
        return bool(request.user.has_perm("invoices.change_invoice"))

    @display(description=_("Invoice"), ordering="number")
    def show_title(self, invoice: Invoice) -> str:
        """Return the number, or what it will be made from."""
        return str(invoice)

    @badge(description=_("Status"), ordering="status", colours=COLOURS)
    def show_status(self, invoice: Invoice) -> tuple[str, str]:
        """Return the status in words."""
        return invoice.status, invoice.get_status_display()

    @display(description=_("Payable"), ordering="payable_amount")
    def show_payable(self, invoice: Invoice) -> str:
        """Return what is to be paid."""
        return money(invoice.payable_amount, invoice.currency)

    @display(description=_("Needs"))
    def show_trouble(self, invoice: Invoice) -> str:
        """Return what is missing or wrong, shortened."""
        text = ", ".join(invoice.missing_labels) or invoice.problem or NOTHING
        return text if len(text) <= 90 else f"{text[:89]}…"

    @display(description=_("Made"), ordering="pk")
    def show_age(self, invoice: Invoice) -> str | SafeString:
        """Return its age."""
        return ago(invoice.created_at)

    @display(description=_("Missing facts"))
    def show_missing(self, invoice: Invoice) -> str | SafeString:
        """Return each missing fact and where to fill it in."""
        if not invoice.missing:
            return NOTHING
        facts = ((fact["label"], fact["where"]) for fact in invoice.missing)
        return format_html("<ul>{}</ul>", format_html_join("", "<li><strong>{}</strong>. {}</li>", facts))

    @display(description=_("At its source"))
    def show_source(self, invoice: Invoice) -> str | SafeString:
        """Return a link; only web addresses become one."""
        url = invoice.source_url
        if not url.startswith(("https://", "http://")):
            return NOTHING
        return format_html('<a href="{}" rel="noopener noreferrer" target="_blank">{}</a>', url, url)

    @display(description=_("Draft"))
    def show_draft(self, invoice: Invoice) -> str | SafeString:
        """Return the facts it was made with, folded."""
        return folded(invoice.draft)

    @display(description=_("Copy of its source"))
    def show_snapshot(self, invoice: Invoice) -> str | SafeString:
        """Return the provider's data of that moment, folded."""
        return folded(invoice.snapshot)

    @display(description=_("Document, byte for byte"))
    def show_document(self, invoice: Invoice) -> str | SafeString:
        """Return the frozen text, folded and unchanged."""
        return folded(invoice.document)

    @display(description=_("Content of the QR code"))
    def show_qr_payload(self, invoice: Invoice) -> str | SafeString:
        """Return what the authority's app reads, folded."""
        return folded(invoice.qr_payload)

    @action(description=_("Submit"), permissions=["submit"])
    def submit_now(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> TemplateResponse | None:
        """Show what would go out, then ring the workers once it is confirmed."""
        if request.POST.get("confirmed") != "yes":
            return self._confirmation(request, queryset)
        due = queryset.due(timezone.now()).count()  # type: ignore[attr-defined]
        ring_submissions()
        verb = "is" if due == 1 else "are"
        self.message_user(
            request,
            f"{due} of {queryset.count()} chosen invoices {verb} due. The workers are asked to submit all that is due, "
            "the longest waiting first; if the queue is away now, they start when it is back.",
            messages.SUCCESS if due else messages.WARNING,
        )
        return None

    @action(description=_("Approve"), permissions=["submit"])
    def approve_now(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        """Approve what waits for a second person; all of an organization's or none of them."""
        by_organization: dict[Organization, list[int]] = {}
        for invoice in queryset.select_related("organization").only("organization"):
            by_organization.setdefault(invoice.organization, []).append(invoice.pk)
        for organization, ids in by_organization.items():
            try:
                approve(organization=organization, invoice_ids=ids, by=request.user)  # type: ignore[arg-type]
            except NotToApprove as problem:
                self.message_user(request, f"{organization}: {problem}", messages.ERROR)
            else:
                noun = "invoice is" if len(ids) == 1 else "invoices are"
                self.message_user(request, f"{organization}: {len(ids)} {noun} approved.", messages.SUCCESS)
        ring_submissions()

    def _confirmation(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> TemplateResponse:
        counted = Counter(queryset.order_by().values_list("status", flat=True))
        paused = queryset.exclude(business__submissions_paused_reason="").exclude(business=None)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Submit to the tax authority"),
            "opts": self.opts,
            "ready": counted[Status.READY] + counted[Status.APPROVED],
            "unknown": counted[Status.UNKNOWN],
            "due": queryset.due(timezone.now()).count(),  # type: ignore[attr-defined]
            "counts": [(Status(status).label, number) for status, number in sorted(counted.items())],
            "paused": paused.values_list("business__legal_name", "business__submissions_paused_reason").distinct(),
            "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "across": request.POST.get("select_across", "0"),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/invoices/submit_confirmation.html", context)


class OutcomeFilter(admin.SimpleListFilter):
    """Filters by outcome, of those there are: asking the table which it has would read all of it."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the outcomes."""
        return [(outcome, outcome.replace("_", " ")) for outcome in OUTCOME_COLOURS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Submission]) -> QuerySet[Submission]:
        """Return the calls of the chosen outcome."""
        return queryset.filter(outcome=self.value()) if self.value() else queryset


@admin.register(Submission)
class SubmissionAdmin(OfInvoiceAdmin):
    """Every question and hand-in to the authority."""

    list_display = (
        "id", "invoice", "show_organization", "attempt", "step", "show_outcome", "http_status", "started_at",
        "show_seconds", "sentence",
    )  # fmt: skip
    list_filter = (*OfInvoiceAdmin.list_filter, OutcomeFilter)
    fields = (
        "invoice", "show_organization", "attempt", "step", "started_at", "finished_at", "show_seconds",
        "show_outcome", "http_status", "sentence", "request_sha256", "show_response",
    )  # fmt: skip
    readonly_fields = fields

    @badge(description=_("Outcome"), ordering="outcome", colours=OUTCOME_COLOURS)
    def show_outcome(self, submission: Submission) -> tuple[str, str]:
        """Return what came out; a call that never ended is under way or lost its worker."""
        if submission.finished_at is None:
            return "unclear", str(_("No end recorded"))
        return submission.outcome, submission.outcome.replace("_", " ")

    @display(description=_("Seconds"))
    def show_seconds(self, submission: Submission) -> str:
        """Return how long it took."""
        if submission.finished_at is None:
            return NOTHING
        return f"{(submission.finished_at - submission.started_at).total_seconds():,.2f}"

    @display(description=_("The authority's answer"))
    def show_response(self, submission: Submission) -> str | SafeString:
        """Return the answer, folded."""
        return folded(submission.response)
