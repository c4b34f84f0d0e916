"""Deals and the parties around them in the admin: the provider's data, to be looked at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import BigAdmin, EvidenceAdmin, EvidenceInline, SearchedAdmin, badge, folded, organizations
from accounts.templatetags.show import NOTHING, ago, money, quantity
from crm.models import (
    Cause,
    Census,
    CensusDifference,
    Company,
    Contact,
    Deal,
    DealAlias,
    DealLine,
    DealVersion,
    Owner,
    Pipeline,
    WriteBack,
)
from integrations.admin import ProviderOfConnectionFilter

PROVENANCE = (
    _("Where it comes from"),
    {
        "fields": (
            "organization", "connection", "external_id", "source_updated_at", "stored_at", "content_hash",
            "show_payload",
        )
    },
)  # fmt: skip


class RecordAdmin(SearchedAdmin):
    """A provider's record, with the payload it was made from."""

    search_fields = ("external_id",)  # shows the box; what is looked through is the model's `matching` to say
    list_filter: tuple[Any, ...] = (organizations(), ProviderOfConnectionFilter)
    list_select_related: tuple[str, ...] = ("organization", "connection")

    def found(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the records that have the text, by the index that the pages' search has."""
        return rows.matching(text)  # type: ignore[attr-defined,no-any-return]

    @display(description=_("As the provider sent it"))
    def show_payload(self, record: Any) -> str | SafeString:
        """Return the payload, folded."""
        return folded(record.payload)


class DealLineInline(EvidenceInline):
    """What was sold."""

    model = DealLine
    fields = (
        "position", "name", "sku", "show_quantity", "show_price", "show_discount", "show_amount", "tax_category",
        "show_code",
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("Quantity"))
    def show_quantity(self, line: DealLine) -> str:
        """Return the quantity without needless zeros."""
        return quantity(line.quantity)

    @display(description=_("Price"))
    def show_price(self, line: DealLine) -> str:
        """Return the price of one."""
        return money(line.unit_price, line.currency or line.deal.currency)

    @display(description=_("Discount"))
    def show_discount(self, line: DealLine) -> str:
        """Return the discount as it was given: a percentage, or money off each."""
        if line.discount_percent:
            return f"{quantity(line.discount_percent)} %"
        return money(line.unit_discount, line.currency or line.deal.currency) if line.unit_discount else NOTHING

    @display(description=_("Net, by the provider"))
    def show_amount(self, line: DealLine) -> str:
        """Return the provider's own sum."""
        return money(line.amount, line.currency or line.deal.currency)

    @display(description=_("Classification"))
    def show_code(self, line: DealLine) -> str:
        """Return the goods or service code."""
        return line.hsn_code or line.isic_code or NOTHING


class DealVersionInline(EvidenceInline):
    """Each content in which the deal was received."""

    model = DealVersion
    fields = ("stored_at", "source_updated_at", "content_hash", "show_payload", "show_lines")
    readonly_fields = fields
    ordering = ("-pk",)
    per_page = 10

    @display(description=_("The deal"))
    def show_payload(self, version: DealVersion) -> str | SafeString:
        """Return the deal as it was sent, folded."""
        return folded(version.payload)

    @display(description=_("Its lines"))
    def show_lines(self, version: DealVersion) -> str | SafeString:
        """Return the lines as they were sent, folded."""
        return folded(version.lines)


class DealAliasInline(EvidenceInline):
    """The deals that were merged into this one."""

    model = DealAlias
    fields = ("external_id", "created_at")
    readonly_fields = fields


class WriteBackInline(EvidenceInline):
    """What the provider was told about the deal's invoice."""

    model = WriteBack
    fields = ("state", "number", "status", "written", "written_at", "attempts", "next_attempt_at", "problem")
    readonly_fields = fields


@admin.register(Deal)
class DealAdmin(RecordAdmin):
    """Deals of every organization."""

    list_display = (
        "show_name", "organization", "connection", "show_amount", "show_stage", "close_date", "company",
        "show_invoicing", "show_changed",
    )  # fmt: skip
    list_filter = (organizations(), ProviderOfConnectionFilter, "invoice_due", "is_archived")
    list_select_related = ("organization", "connection", "company")
    search_help_text = _("The deal's name or id, or its company's name, TIN, e-mail address or id.")
    inlines = (DealLineInline, WriteBackInline, DealVersionInline, DealAliasInline)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name", "show_amount", "show_discount", "show_stage", "pipeline_external_id", "stage_external_id",
                    "close_date", "company", "contact", "company_question", "owner_external_id", "is_archived",
                    "show_invoicing", "show_url",
                )
            },
        ),
        PROVENANCE,
    )  # fmt: skip

    @display(description=_("Deal"), ordering="name")
    def show_name(self, deal: Deal) -> str:
        """Return the name, or the id of a deal that has none."""
        return str(deal)

    @display(description=_("Amount"), ordering="amount")
    def show_amount(self, deal: Deal) -> str:
        """Return what somebody typed or the provider summed."""
        return money(deal.amount, deal.currency)

    @display(description=_("Discount on the whole"))
    def show_discount(self, deal: Deal) -> str:
        """Return the document discount."""
        return money(deal.document_discount, deal.currency)

    @badge(description=_("Stage"), ordering="stage_label", colours={"won": "success", "lost": "danger", "open": "info"})
    def show_stage(self, deal: Deal) -> tuple[str, str]:
        """Return the stage in the account's own words, coloured by what it means."""
        meaning = "won" if deal.is_won else "lost" if deal.is_closed else "open"
        return meaning, deal.stage_label or deal.stage_external_id or NOTHING

    @badge(description=_("Invoicing"), ordering="invoice_due", colours={"due": "warning", "seen": "success"})
    def show_invoicing(self, deal: Deal) -> tuple[str, str]:
        """Return whether it waits to be looked at for an invoice."""
        if deal.invoice_due:
            return "due", str(_("Waits"))
        return ("seen", str(_("Looked at"))) if deal.is_won else ("", NOTHING)

    @display(description=_("Changed"), ordering="source_updated_at")
    def show_changed(self, deal: Deal) -> str | SafeString:
        """Return how long ago it changed at the provider."""
        return ago(deal.source_updated_at)

    @display(description=_("At the provider"))
    def show_url(self, deal: Deal) -> str | SafeString:
        """Return a link; only web addresses become one."""
        if not deal.url.startswith(("https://", "http://")):
            return NOTHING
        return format_html('<a href="{}" rel="noopener noreferrer" target="_blank">{}</a>', deal.url, deal.url)


@admin.register(Company)
class CompanyAdmin(RecordAdmin):
    """Buying companies."""

    list_display = ("show_name", "organization", "connection", "show_tin", "city", "state", "country", "show_changed")
    search_help_text = _("Name, TIN, e-mail address or id.")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name", "tin", "email", "phone", "description", "street", "city", "state", "postal_zone",
                    "country",
                )
            },
        ),
        PROVENANCE,
    )  # fmt: skip

    @display(description=_("Company"), ordering="name")
    def show_name(self, company: Company) -> str:
        """Return the name, or the id of one that has none."""
        return str(company)

    @badge(description=_("TIN"), ordering="tin", colours={"lacking": "warning", "there": "success"})
    def show_tin(self, company: Company) -> tuple[str, str]:
        """Return the TIN, or that it lacks: its invoices are held without one."""
        return ("there", company.tin) if company.tin else ("lacking", str(_("No TIN")))

    @display(description=_("Changed"), ordering="source_updated_at")
    def show_changed(self, company: Company) -> str | SafeString:
        """Return how long ago it changed at the provider."""
        return ago(company.source_updated_at)


@admin.register(Contact)
class ContactAdmin(RecordAdmin):
    """People at buyers."""

    list_display = ("show_name", "organization", "connection", "email", "phone", "source_updated_at")
    search_help_text = _("First or last name, e-mail address or id.")
    fieldsets = ((None, {"fields": ("first_name", "last_name", "email", "phone")}), PROVENANCE)

    @display(description=_("Contact"), ordering="last_name")
    def show_name(self, contact: Contact) -> str:
        """Return the name, or what there is instead."""
        return str(contact)


@admin.register(Pipeline)
class PipelineAdmin(EvidenceAdmin):
    """Pipelines and their stages."""

    list_display = ("label", "organization", "connection", "external_id", "show_count", "updated_at")
    list_filter = (organizations(), ProviderOfConnectionFilter)
    list_select_related = ("organization", "connection")
    search_fields = ("label", "external_id", "organization__name")
    fields = ("organization", "connection", "external_id", "label", "show_count", "show_stages", "updated_at")
    readonly_fields = fields

    @display(description=_("Stages"))
    def show_count(self, pipeline: Pipeline) -> int:
        """Return how many stages it has."""
        return len(pipeline.stages)

    @display(description=_("Stages in full"))
    def show_stages(self, pipeline: Pipeline) -> str | SafeString:
        """Return the stages, folded."""
        return folded(pipeline.stages)


@admin.register(Owner)
class OwnerAdmin(EvidenceAdmin):
    """Salespeople at the provider."""

    list_display = ("show_name", "organization", "connection", "email", "show_state", "updated_at")
    list_filter = (organizations(), ProviderOfConnectionFilter, "is_archived")
    list_select_related = ("organization", "connection")
    search_fields = ("name", "email", "external_id")
    fields = ("organization", "connection", "external_id", "name", "email", "show_state", "updated_at")
    readonly_fields = fields

    @display(description=_("Owner"), ordering="name")
    def show_name(self, owner: Owner) -> str:
        """Return the name, or what there is instead."""
        return str(owner)

    @badge(description=_("State"), ordering="is_archived", colours={"left": "warning", "there": "success"})
    def show_state(self, owner: Owner) -> tuple[str, str]:
        """Return whether the person still works there."""
        return ("left", str(_("Archived"))) if owner.is_archived else ("there", str(_("Active")))


CAUSE_COLOURS = {
    Cause.QUARANTINED: "warning",
    Cause.NEWER: "info",
    Cause.MISSING: "success",
    Cause.GONE: "success",
    Cause.DIFFERS: "success",
    Cause.UNRESOLVED: "danger",
}


class CensusDifferenceInline(EvidenceInline):
    """The deals that were not the same on both sides."""

    model = CensusDifference
    fields = ("external_id", "show_cause", "day", "show_here", "show_there")
    readonly_fields = fields
    per_page = 50

    @badge(description=_("Cause"), colours=CAUSE_COLOURS)
    def show_cause(self, difference: CensusDifference) -> tuple[str, str]:
        """Return why it differs."""
        return difference.cause, difference.get_cause_display()

    @display(description=_("Here"))
    def show_here(self, difference: CensusDifference) -> str:
        """Return our amount."""
        return money(difference.amount_here, difference.currency)

    @display(description=_("At the provider"))
    def show_there(self, difference: CensusDifference) -> str:
        """Return theirs."""
        return money(difference.amount_there, difference.currency)


@admin.register(Census)
class CensusAdmin(BigAdmin):
    """What is stored against what the provider has."""

    list_display = (
        "taken_at", "connection", "show_organization", "counted_there", "counted_here", "days_compared", "show_state",
    )  # fmt: skip
    list_filter = (organizations("connection__organization"), ProviderOfConnectionFilter)
    list_select_related = ("connection__organization",)
    fields = (
        "connection", "show_organization", "taken_at", "counted_there", "counted_here", "days_compared", "show_days",
        "calls",
    )  # fmt: skip
    readonly_fields = fields
    inlines = (CensusDifferenceInline,)

    @display(description=_("Organization"), ordering="connection__organization")
    def show_organization(self, census: Census) -> str:
        """Return whose it is."""
        return str(census.connection.organization)

    @badge(description=_("Outcome"), colours={"same": "success", "differs": "warning"})
    def show_state(self, census: Census) -> tuple[str, str]:
        """Return whether both sides had the same."""
        if not census.days and census.counted_here == census.counted_there:
            return "same", str(_("The same on both sides"))
        return "differs", str(_("Differences, each with its cause"))

    @display(description=_("Days that differ"))
    def show_days(self, census: Census) -> str | SafeString:
        """Return the days, folded."""
        return folded(census.days) if census.days else NOTHING


# Last, because Django finds no admin module but this one.
from crm import admin_buyers, admin_rules  # noqa: E402, F401
