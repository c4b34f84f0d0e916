"""Why invoices are held, counted by reason: one line for a thousand drafts that lack the same fact."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection as database
from django.db.models import BooleanField, F, Func, QuerySet, Value

from invoices.models import Invoice

FIELD = re.compile(r"[a-z_]+(\.[a-z_*]+)*")

# Draft labels say which line and which value; a count over many drafts needs the fact alone.
LABELS = {
    "lines.*.name": "A line's name",
    "lines.*.description": "A line's description",
    "lines.*.quantity": "A line's quantity",
    "lines.*.unit_price": "A line's price",
    "lines.*.discount": "A line's discount",
    "lines.*.fee": "A line's fee",
    "lines.*.net": "A line's amount",
    "lines.*.amount": "A line's total",
    "lines.*.currency": "One currency for the deal and its lines",
    "lines.*.tax_category": "A line's tax category",
    "lines.*.classification": "A line's classification",
    "document_discount": "The discount on the whole",
    "document_charge": "The charge on the whole",
    "total": "An amount above nothing",
    "currency": "An amount in naira",
    "document": "A document that keeps the authority's rules",
}


@dataclass(frozen=True, slots=True)
class HeldReason:
    """One missing fact: how many drafts lack it, and what those come to where they can be added up, in naira.

    `key` is the fact's field with a star for the line's number, for example lines.*.unit_price.
    """

    key: str
    label: str
    count: int
    amount: Decimal


def held_reasons(drafts: QuerySet[Invoice]) -> list[HeldReason]:
    """Return the missing facts of these drafts, the most frequent first.

    A draft that lacks two facts counts under both, so the counts may add up to more than there are drafts.
    """
    facts = (
        drafts.order_by()
        .annotate(fact=Func(F("missing"), function="jsonb_array_elements"))
        .values("pk", "fact", "currency", "payable_amount")
    )
    inner, parameters = facts.query.sql_with_params()
    # The scope's own filter is in `inner`: this only counts what it lets through.
    sql = f"""
        SELECT field, min(label), count(*), coalesce(sum(amount), 0) FROM (
            SELECT regexp_replace(fact->>'field', '^lines[.][0-9]+[.]', 'lines.*.') AS field,
                   min(fact->>'label') AS label, pk,
                   max(payable_amount) FILTER (WHERE currency = 'NGN') AS amount
            FROM ({inner}) AS facts GROUP BY 1, pk
        ) AS held GROUP BY field ORDER BY 3 DESC, 1
    """  # noqa: S608 - the inner statement comes from the ORM, its values are parameters
    with database.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    return [HeldReason(key, generic_label(key, label), number, amount) for key, label, number, amount in rows]


def held_for(drafts: QuerySet[Invoice], key: str) -> QuerySet[Invoice]:
    """Return the drafts that lack one fact, named by a HeldReason's key; none for what is no key."""
    if not FIELD.fullmatch(key):
        return drafts.none()
    pattern = "^" + key.replace(".", "[.]").replace("*", "[0-9]+") + "$"
    path = f'$[*] ? (@.field like_regex "{pattern}")'
    lacks = Func(
        F("missing"),
        Value(path),
        template="jsonb_path_exists(%(expressions)s::jsonpath)",
        output_field=BooleanField(),
    )
    return drafts.filter(lacks)


def generic_label(key: str, label: str) -> str:
    """Return the words for a reason: without the line's number and without the value that was wrong."""
    if key in LABELS:
        return LABELS[key]
    return re.sub(r"\s*\(.*\)$", "", label)
