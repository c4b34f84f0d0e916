"""Lists on pages: sorted by a header, fifty to a page, with the whole state in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import F, QuerySet

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Sort:
    """Which header sorts, and which way."""

    key: str
    is_descending: bool

    @property
    def value(self) -> str:
        """Return it as it stands in the address."""
        return f"-{self.key}" if self.is_descending else self.key

    def apply(self, rows: QuerySet[Any], columns: Mapping[str, str]) -> QuerySet[Any]:
        """Return the rows in this order, rows without a value last, and never in a different order on a reload."""
        column = F(columns[self.key])
        if self.is_descending:
            return rows.order_by(column.desc(nulls_last=True), "-pk")
        return rows.order_by(column.asc(nulls_last=True), "pk")


def read_sort(text: str, columns: Mapping[str, str], default: str) -> Sort:
    """Return the order that an address asks for; the default for one that no header stands for."""
    key = text.removeprefix("-")
    if key not in columns:
        text, key = default, default.removeprefix("-")
    return Sort(key, text.startswith("-"))


def read_page(rows: QuerySet[Any], number: str) -> Page[Any]:
    """Return a page of rows; the last one for a number past the end, the first for what is no number."""
    page = Paginator(rows, PAGE_SIZE).get_page(number)
    page.object_list = list(page.object_list)
    return page
