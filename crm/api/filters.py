"""The filters of the deals list. A value that means nothing is refused, never ignored."""

from __future__ import annotations

from django.db.models import Func, QuerySet
from django_filters import rest_framework as filters

from accounts.lists import Sort
from crm.models import Deal, DealQuerySet
from crm.models.deal import NAME_SORT

TIMES = ("close_date", "source_updated_at")
COLUMNS: dict[str, str | Func] = {"amount": "amount", "name": NAME_SORT}
ORDERINGS = ("close_date", "amount", "name", "source_updated_at")
ORDERING_CHOICES = [(sign + name, sign + name) for name in ORDERINGS for sign in ("", "-")]


class DealFilter(filters.FilterSet):
    """What the list of deals can be narrowed to."""

    stage = filters.CharFilter(field_name="stage_external_id", max_length=100, label="Stage id at the provider")
    pipeline = filters.CharFilter(
        field_name="pipeline_external_id", max_length=100, label="Pipeline id at the provider"
    )
    won = filters.ChoiceFilter(
        method="only_won",
        choices=[("true", "Won"), ("false", "Not won")],
        label="true for won deals, false for all others",
        error_messages={"invalid_choice": "won must be true or false; %(value)s was given."},
    )
    owner = filters.CharFilter(field_name="owner_external_id", max_length=100, label="Owner id at the provider")
    closed_from = filters.DateFilter(
        field_name="close_date",
        lookup_expr="gte",
        label="Closed on this day or later",
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": "closed_from must be a day like 2026-11-22."},
    )
    closed_to = filters.DateFilter(
        field_name="close_date",
        lookup_expr="lte",
        label="Closed on this day or earlier",
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": "closed_to must be a day like 2026-11-22."},
    )
    search = filters.CharFilter(
        method="find",
        max_length=200,
        label="Part of the deal's name or id, or of its company's name, TIN, e-mail address or id",
    )
    ordering = filters.ChoiceFilter(
        method="order",
        choices=ORDERING_CHOICES,
        label="Order; a minus sign turns it round. What has no value is last, by a falling time first",
        error_messages={
            "invalid_choice": f"ordering must be one of {', '.join(name for name, _ in ORDERING_CHOICES)}; "
            "%(value)s was given."
        },
    )

    class Meta:
        model = Deal
        fields: tuple[str, ...] = ()

    def only_won(self, deals: DealQuerySet, _name: str, value: str) -> DealQuerySet:
        """Return deals on a won stage, or those that are not."""
        return deals.filter(is_won=value == "true")

    def find(self, deals: DealQuerySet, _name: str, value: str) -> DealQuerySet:
        """Return deals that have the text in name or id, or whose company has it."""
        return deals.matching(value)

    def order(self, deals: DealQuerySet, _name: str, value: str) -> QuerySet[Deal]:
        """Return deals in the order asked for, and in one fixed order where they tie.

        Empty values are last, but for the falling order of times: there they are first, as in the list that nobody
        sorted.
        """
        name, is_falling = value.removeprefix("-"), value.startswith("-")
        if name in TIMES:
            return deals.order_by(value, "-pk") if is_falling else deals.order_by(name, "pk")
        return Sort(name, is_falling).apply(deals, COLUMNS)
