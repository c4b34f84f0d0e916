"""What the admins of all apps share: rows that are looked at and not edited, tenant filters, folded payloads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from accounts.lists import BoundedPaginator
from accounts.templatetags.show import NOTHING

FOUND = 1_000  # so many owners of rows a search takes, the newest


class TenantAdmin(ModelAdmin):
    """Rows of every organization, counted only when somebody asks: some of the tables are big."""

    show_full_result_count = False
    paginator = BoundedPaginator
    list_filter_submit = True
    list_per_page = 50
    compressed_fields = True
    warn_unsaved_form = True


class EvidenceAdmin(TenantAdmin):
    """Rows that are evidence or a provider's own data: everybody looks, nobody edits or deletes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: these rows are made by the work itself."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: what is shown here is what happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: evidence stays."""
        return False


class BigAdmin(EvidenceAdmin):
    """Evidence without end: newest first, offering no filter, order or search that an index does not answer."""

    ordering = ("-pk",)
    sortable_by: tuple[str, ...] = ()


class SearchedAdmin(BigAdmin):
    """Evidence without end whose search is not Django's: `search_fields` only shows the box."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows that have the text, none of them twice."""
        text = search_term.strip()
        return (self.found(queryset, text) if text else queryset), False

    def found(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return those of the rows that have the text, by an index."""
        raise NotImplementedError


class EvidenceInline(TabularInline):
    """Rows of a parent, looked at and not edited."""

    extra = 0
    can_delete = False
    tab = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: these rows are made by the work itself."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: what is shown here is what happened."""
        return False


def of_newest(rows: QuerySet[Any], owner: str, found: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows whose `owner` is one of the newest of these; the others are too many to look through."""
    return rows.filter(**{f"{owner}__in": list(found.order_by("-pk").values_list("pk", flat=True)[:FOUND])})


def organizations(path: str = "organization") -> tuple[str, Any]:
    """Return the list filter of organizations for a model that reaches its own by `path`."""
    return (path, RelatedDropdownFilter)


def badge(
    *, description: Any, colours: Mapping[Any, str], ordering: str | None = None
) -> Callable[[Callable[[Any, Any], tuple[str, str]]], Callable[[Any, Any], str]]:
    """Return a decorator that shows a status as a badge, in lists and on pages alike.

    The decorated method returns (meaning, words), and `colours` names the colour of each meaning. The theme's own
    label works in lists only.
    """

    def decorate(method: Callable[[Any, Any], tuple[str, str]]) -> Callable[[Any, Any], str]:
        @wraps(method)
        def show(model_admin: Any, row: Any) -> str:
            meaning, words = method(model_admin, row)
            if words == NOTHING:
                return words
            return render_to_string("unfold/helpers/label.html", {"text": words, "type": colours.get(meaning, "")})

        return display(description=description, ordering=ordering)(show)

    return decorate


def folded(value: Any, label: str = "Show") -> str | SafeString:
    """Return a value folded away under its size: text as it is, anything else as indented JSON."""
    if not value:
        return NOTHING
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return format_html(
        '<details><summary class="cursor-pointer">{} ({} characters)</summary>'
        '<pre class="mt-2 overflow-x-auto whitespace-pre-wrap break-all text-xs">{}</pre></details>',
        label,
        f"{len(text):,}",
        text,
    )
