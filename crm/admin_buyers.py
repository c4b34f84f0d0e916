"""What buyers were asked and what they filled in, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import EvidenceAdmin, organizations
from accounts.templatetags.show import NOTHING
from crm.models import BuyerFacts, BuyerLink


@admin.register(BuyerFacts)
class BuyerFactsAdmin(EvidenceAdmin):
    """What buyers told of themselves."""

    list_display = ("company", "show_organization", "show_names", "filled_at")
    list_filter = (organizations("company__organization"), "filled_at")
    list_select_related = ("company__organization",)
    search_fields = ("company__name",)
    fields = ("company", "show_organization", "facts", "filled_at")
    readonly_fields = fields

    @display(description=_("Organization"), ordering="company__organization")
    def show_organization(self, row: BuyerFacts) -> str:
        """Return whose buyer it is."""
        return str(row.company.organization)

    @display(description=_("Filled in"))
    def show_names(self, row: BuyerFacts) -> str:
        """Return which facts they are."""
        return ", ".join(sorted(row.facts)) or NOTHING


@admin.register(BuyerLink)
class BuyerLinkAdmin(EvidenceAdmin):
    """The links by which buyers were asked; never their addresses, which are keys."""

    list_display = ("company", "organization", "created_at", "expires_at", "used_at", "revoked_at", "mailed_to")
    list_filter = (organizations(), "created_at")
    list_select_related = ("company", "organization")
    search_fields = ("company__name", "mailed_to")
    fields = ("company", "organization", "made_by", "created_at", "expires_at", "used_at", "revoked_at", "mailed_to")
    readonly_fields = fields
