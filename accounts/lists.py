"""Lists on pages: sorted by a header, fifty to a page, with the whole state in the address, and counted so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import F, Func, Model, QuerySet
from django.utils.functional import cached_property

PAGE_SIZE = 50
# How far a list is counted and paged by number: counting a million rows takes longer than anybody reads.
COUNTED = 10_000


class BoundedPaginator(Paginator):
    """Counts to COUNTED and no further; what lies beyond is reached by a filter."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most COUNTED."""
        return min(COUNTED, self.counted)

    @cached_property
    def counted(self) -> int:
        """Return the number of rows, one above COUNTED when there are more."""
        rows: Any = self.object_list
        return int(rows.order_by()[: COUNTED + 1].count())

    @property
    def is_cut(self) -> bool:
        """Tell whether there are more rows than are counted."""
        return self.counted > COUNTED


@dataclass(frozen=True, slots=True)
class Sort:
    """Which header sorts, and which way."""

    key: str
    is_descending: bool

    @property
    def value(self) -> str:
        """Return it as it stands in the address."""
        return f"-{self.key}" if self.is_descending else self.key

    def apply(self, rows: QuerySet[Any], columns: Mapping[str, str | Func]) -> QuerySet[Any]:
        """Return the rows in this order, rows without a value last, and never in a different order on a reload."""
        given = columns[self.key]
        column = F(given) if isinstance(given, str) else given
        # An order with its empty rows last is read from an index of that order only, so it is asked for where needed.
        last = True if _may_be_empty(rows.model, given) else None
        if self.is_descending:
            return rows.order_by(column.desc(nulls_last=last), "-pk")
        return rows.order_by(column.asc(nulls_last=last), "pk")


def _may_be_empty(model: type[Model], column: str | Func) -> bool:
    if not isinstance(column, str) or column == "pk":
        return False
    return "__" in column or bool(model._meta.get_field(column).null)


def read_sort(text: str, columns: Mapping[str, str | Func], default: str) -> Sort:
    """Return the order that an address asks for; the default for one that no header stands for."""
    key = text.removeprefix("-")
    if key not in columns:
        text, key = default, default.removeprefix("-")
    return Sort(key, text.startswith("-"))


def read_page(rows: QuerySet[Any], number: str, *, counted: int | None = None) -> Page[Any]:
    """Return a page of rows; the last one for a number past the end, the first for what is no number.

    `counted`: how many there are, for whoever knows it already; one above COUNTED for more.
    """
    paginator = BoundedPaginator(rows, PAGE_SIZE)
    if counted is not None:
        paginator.counted = counted
    page = paginator.get_page(number)
    page.object_list = list(page.object_list)
    return page
