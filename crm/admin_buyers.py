"""What buyers were asked and what they filled in, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import SearchedAdmin, of_newest, organizations
from accounts.templatetags.show import NOTHING
from crm.models import BuyerFacts, BuyerLink, Company


class OfCompanyAdmin(SearchedAdmin):
    """Rows of a company, found by what the company is found by."""

    search_fields = ("company__name",)  # shows the box
    search_help_text = _("The company's name, TIN, e-mail address or id.")

    def found(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the rows of the newest companies that have the text."""
        return of_newest(rows, "company", Company.objects.matching(text))


@admin.register(BuyerFacts)
class BuyerFactsAdmin(OfCompanyAdmin):
    """What buyers told of themselves."""

    list_display = ("company", "show_organization", "show_names", "filled_at")
    list_filter = (organizations("company__organization"),)
    list_select_related = ("company__organization",)
    fields = ("company", "show_organization", "facts", "filled_at")
    readonly_fields = fields

    @display(description=_("Organization"))
    def show_organization(self, row: BuyerFacts) -> str:
        """Return whose buyer it is."""
        return str(row.company.organization)

    @display(description=_("Filled in"))
    def show_names(self, row: BuyerFacts) -> str:
        """Return which facts they are."""
        return ", ".join(sorted(row.facts)) or NOTHING


@admin.register(BuyerLink)
class BuyerLinkAdmin(OfCompanyAdmin):
    """The links by which buyers were asked; never their addresses, which are keys."""

    list_display = ("company", "organization", "created_at", "expires_at", "used_at", "revoked_at", "mailed_to")
    list_filter = (organizations(),)
    list_select_related = ("company", "organization")
    fields = ("company", "organization", "made_by", "created_at", "expires_at", "used_at", "revoked_at", "mailed_to")
    readonly_fields = fields
