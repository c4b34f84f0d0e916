"""The filters of the deals list. A value that means nothing is refused, never ignored."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet
from django_filters import rest_framework as filters

from crm.models import Deal

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
        method="find", max_length=200, label="Part of the deal's or the company's name, or an id"
    )
    ordering = filters.ChoiceFilter(
        method="order",
        choices=ORDERING_CHOICES,
        label="Order; a minus sign turns it round",
        error_messages={
            "invalid_choice": f"ordering must be one of {', '.join(name for name, _ in ORDERING_CHOICES)}; "
            "%(value)s was given."
        },
    )

    class Meta:
        model = Deal
        fields: tuple[str, ...] = ()

    def only_won(self, deals: QuerySet[Deal], _name: str, value: str) -> QuerySet[Deal]:
        """Return deals on a won stage, or those that are not."""
        return deals.filter(is_won=value == "true")

    def find(self, deals: QuerySet[Deal], _name: str, value: str) -> QuerySet[Deal]:
        """Return deals whose own or company's name contains the text, or whose id is the text."""
        return deals.filter(Q(name__icontains=value) | Q(company__name__icontains=value) | Q(external_id=value))

    def order(self, deals: QuerySet[Deal], _name: str, value: str) -> QuerySet[Deal]:
        """Return deals in the order asked for, empty values last, and in one fixed order where they tie."""
        field = F(value.removeprefix("-"))
        order = field.desc(nulls_last=True) if value.startswith("-") else field.asc(nulls_last=True)
        return deals.order_by(order, "-pk")
