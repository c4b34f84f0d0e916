"""What the lists of big tables ask of the database: a text inside several columns, and an order both ways.

Each function stands for an expression that an index has, so that the list and the index cannot drift apart.
"""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, OrderBy, Q, Value
from django.db.models.functions import Concat, Left, Upper
from django.db.models.lookups import IContains

SHORTEST_INSIDE = 3  # letters; the index knows places inside a word by three of them
SORTED_LETTERS = 80  # a text may be longer than an index takes


def searched(*columns: str) -> Concat:
    """Return what a search looks through: each value on a line of its own, the first line left empty."""
    parts = [part for column in columns for part in (Value("\n"), column)]
    return Concat(*parts, output_field=models.TextField())


def holds(within: Concat, text: str) -> Q:
    """Return the condition that one of the values has this text, whatever the case.

    One or two letters have to begin one of them.
    """
    return Q(IContains(within, text if len(text) >= SHORTEST_INSIDE else f"\n{text}"))


def search_index(within: Concat, name: str) -> GinIndex:
    """Return the index by which `holds` finds rows; it needs the extension pg_trgm."""
    return GinIndex(OpClass(Upper(within), name="gin_trgm_ops"), name=name)


def by_letters(column: str) -> Left:
    """Return the order of a text that may be long."""
    return Left(column, SORTED_LETTERS)


def both_ways(column: str, name: str) -> list[models.Index]:
    """Return the indexes for an organization's rows in the order of a column, empty ones last whichever way."""
    first = OrderBy(F(column), descending=True, nulls_last=True)
    return [
        models.Index(fields=["organization", column, "id"], name=name),
        models.Index(F("organization"), first, OrderBy(F("id"), descending=True), name=f"{name}_falling"),
    ]
