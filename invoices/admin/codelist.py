"""The authority's code lists, version by version, in the admin."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.admin_base import EvidenceAdmin, folded
from invoices.models import CodeList
from invoices.services.codelists import refresh_code_lists


@admin.register(CodeList)
class CodeListAdmin(EvidenceAdmin):
    """Each version of each of the authority's code lists."""

    list_display = ("kind", "show_version", "show_size", "show_changes", "fetched_at", "confirmed_at")
    list_filter = ("kind", "fetched_at")
    ordering = ("kind", "-fetched_at")
    actions = ("fetch_now",)
    fields = ("kind", "version", "show_size", "show_changes", "fetched_at", "confirmed_at", "show_change_list",
              "show_items")  # fmt: skip
    readonly_fields = fields

    def has_fetch_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may fetch the lists."""
        return bool(request.user.has_perm("invoices.view_codelist"))

    @display(description=_("Version"))
    def show_version(self, row: CodeList) -> str:
        """Return the beginning of the version's hash."""
        return row.version[:12]

    @display(description=_("Items"))
    def show_size(self, row: CodeList) -> int:
        """Return how many items it has."""
        return len(row.items)

    @display(description=_("Against the version before"))
    def show_changes(self, row: CodeList) -> str:
        """Return how many were added, removed and changed."""
        return ", ".join(f"{len(codes)} {name}" for name, codes in row.changes.items() if codes) or "the same"

    @display(description=_("Changes"))
    def show_change_list(self, row: CodeList) -> str | SafeString:
        """Return the changes, folded."""
        return folded(row.changes)

    @display(description=_("Items"))
    def show_items(self, row: CodeList) -> str | SafeString:
        """Return the items, folded."""
        return folded(row.items)

    @action(description=_("Fetch all lists now"), permissions=["fetch"])
    def fetch_now(self, request: HttpRequest, queryset: QuerySet[CodeList]) -> None:
        """Fetch every list, whatever was chosen."""
        for kind, said in refresh_code_lists().items():
            level = messages.SUCCESS if said in ("changed", "unchanged") else messages.WARNING
            self.message_user(request, f"{kind}: {said}", level)
