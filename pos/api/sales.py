"""Sales in the API, to be read: a day of them, or one with all that the till told."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.exceptions import NotFound
from rest_framework.serializers import BaseSerializer

from accounts.api import BoundedPagination, TenantAPI
from invoices.irn import in_lagos
from invoices.models import Invoice
from pos.listing import add_invoices, sold_on
from pos.models import Location, Refund, Sale, SaleKey, SaleLine, SaleState
from pos.readback import tenders_of
from pos.records import plain

AMOUNTS = (
    "total_amount", "tax_amount", "discount_amount", "tip_amount", "rounding_amount", "returned_amount",
)  # fmt: skip


class SaleFilter(filters.FilterSet):
    """What the list of sales can be narrowed to; without a day and an id it is today's."""

    day = filters.DateFilter(
        method="of_day",
        label="Sold on this day of Nigeria's clock; today without it",
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": "day must be a day like 2026-11-22."},
    )
    external_id = filters.CharFilter(max_length=100, label="Id at the provider, of whichever day")
    connection = filters.NumberFilter(field_name="connection_id", min_value=1, max_value=2**63 - 1, label="Connection")
    location = filters.CharFilter(
        field_name="location__external_id", max_length=100, label="Location's id at the provider"
    )
    state = filters.ChoiceFilter(
        choices=SaleState.choices,
        label="What has become of it at the till",
        error_messages={
            "invalid_choice": f"state must be one of {', '.join(SaleState.values)}; %(value)s was given.",
        },
    )

    class Meta:
        model = Sale
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset: QuerySet[Sale]) -> QuerySet[Sale]:
        """Return what the filters let through: of one day, unless one sale is looked for."""
        sales: QuerySet[Sale] = super().filter_queryset(queryset)
        given = self.form.cleaned_data
        if given.get("day") or given.get("external_id"):
            return sales
        return sold_on(sales, in_lagos(timezone.now()).date())

    def of_day(self, sales: QuerySet[Sale], _name: str, value: Any) -> QuerySet[Sale]:
        """Return a day's sales."""
        return sold_on(sales, value)


class LocationSerializer(serializers.ModelSerializer[Location]):
    """The shop of a sale."""

    class Meta:
        model = Location
        fields = ("external_id", "name")


class SaleInvoiceSerializer(serializers.ModelSerializer[Invoice]):
    """Where the invoice of a sale, or of its day, stands."""

    class Meta:
        model = Invoice
        fields = ("id", "number", "status")


class SaleLineSerializer(serializers.ModelSerializer[SaleLine]):
    """One line; amounts are the till's own. `facts` are its taxes, modifiers and the till's words."""

    quantity = serializers.DecimalField(max_digits=30, decimal_places=10, normalize_output=True, read_only=True)

    class Meta:
        model = SaleLine
        fields = (
            "external_id", "position", "kind", "name", "sku", "quantity", "gross_amount", "discount_amount",
            "tax_amount", "total_amount", "facts",
        )  # fmt: skip


class SaleRefundSerializer(serializers.ModelSerializer[Refund]):
    """Money given back for a sale."""

    class Meta:
        model = Refund
        fields = ("id", "external_id", "state", "refunded_at", "currency", "amount", "reason", "note_problem")


class SaleSerializer(serializers.ModelSerializer[Sale]):
    """One sale of a list; amounts are strings in its currency, and its total has no tip in it."""

    organization = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    location = LocationSerializer(read_only=True)
    invoice = SaleInvoiceSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Sale
        fields: tuple[str, ...] = (
            "id", "organization", "connection", "location", "external_id", "state", "sold_at", "is_offline",
            "currency", *AMOUNTS, "problem", "stored_at", "invoice",
        )  # fmt: skip


class SaleDetailSerializer(SaleSerializer):
    """One sale with its lines, how it was paid, what it took back and what was given back for it."""

    lines = SaleLineSerializer(source="own_lines", many=True, read_only=True)
    refunds = SaleRefundSerializer(source="own_refunds", many=True, read_only=True)
    tenders = serializers.SerializerMethodField()

    class Meta(SaleSerializer.Meta):
        fields = (*SaleSerializer.Meta.fields, "lines", "tenders", "returns", "refunds")

    @extend_schema_field(list[dict[str, str]])
    def get_tenders(self, sale: Sale) -> Any:
        """Return how it was paid."""
        return plain(tenders_of(sale))


class SaleViewSet(TenantAPI, viewsets.ReadOnlyModelViewSet[Sale]):
    """Sales of your organizations' tills."""

    queryset = Sale.objects.none()
    serializer_class = SaleSerializer
    pagination_class = BoundedPagination
    filter_backends = (filters.DjangoFilterBackend,)
    filterset_class = SaleFilter

    def rows(self) -> QuerySet[Sale]:
        """Return the caller's sales, newest first, without the payloads."""
        sales: QuerySet[Sale] = Sale.objects.select_related("organization", "location")
        return sales.defer("payload").order_by("-sold_at", "-pk")

    def paginate_queryset(self, queryset: Any) -> Any:
        """Return a page with each sale's invoice."""
        page = super().paginate_queryset(queryset)
        add_invoices(page or [])
        return page

    def get_object(self) -> Sale:
        """Return one sale with what belongs to it, looked for in its month only; raises NotFound with a sentence."""
        key = SaleKey.objects.filter(pk=self.kwargs["pk"]).first()
        sale = key and self.get_queryset().filter(pk=key.pk, sold_at=key.sold_at).first()
        if not sale:
            raise NotFound(f"Your organizations have no sale {self.kwargs['pk']}.")
        add_invoices([sale])
        sale.own_lines = sale.lines.filter(sold_at=sale.sold_at)
        sale.own_refunds = Refund.objects.filter(sale_id=sale.pk)
        return sale

    def get_serializer_class(self) -> type[BaseSerializer[Sale]]:
        """Return the short form for the list, the whole one for the detail."""
        return SaleDetailSerializer if self.action == "retrieve" else SaleSerializer
