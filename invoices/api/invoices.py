"""Invoices in the API, to be read: they are made from deals and sales, and signed by the authority."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers, viewsets
from rest_framework.serializers import BaseSerializer

from accounts.api import NewestFirstPagination, TenantAPI
from invoices.models import Invoice, InvoiceLine, Status, Submission

AMOUNTS = (
    "line_extension_amount", "allowance_amount", "tax_exclusive_amount", "tax_amount", "tax_inclusive_amount",
    "payable_amount",
)  # fmt: skip


class InvoiceFilter(filters.FilterSet):
    """What the list of invoices can be narrowed to."""

    status = filters.ChoiceFilter(
        choices=Status.choices,
        label="Where the invoice stands",
        error_messages={
            "invalid_choice": f"status must be one of {', '.join(Status.values)}; %(value)s was given.",
        },
    )

    class Meta:
        model = Invoice
        fields: tuple[str, ...] = ()


class MissingSerializer(serializers.Serializer[Any]):
    """A fact that holds an invoice back."""

    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    where = serializers.CharField()


class InvoiceLineSerializer(serializers.ModelSerializer[InvoiceLine]):
    """One line."""

    quantity = serializers.DecimalField(max_digits=20, decimal_places=6, normalize_output=True, read_only=True)

    class Meta:
        model = InvoiceLine
        fields = (
            "position", "name", "description", "sku", "quantity", "unit_price", "discount_amount", "fee_amount",
            "net_amount", "tax_category", "tax_rate", "hsn_code", "product_category", "isic_code", "service_category",
        )  # fmt: skip


class SubmissionSerializer(serializers.ModelSerializer[Submission]):
    """One call to the authority about the invoice."""

    class Meta:
        model = Submission
        fields = ("attempt", "step", "started_at", "finished_at", "http_status", "outcome", "sentence")


class InvoiceSerializer(serializers.ModelSerializer[Invoice]):
    """One invoice of a list; amounts are strings in its currency."""

    organization = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    status_label = serializers.CharField(source="get_status_display", read_only=True)
    missing = MissingSerializer(many=True, read_only=True)

    class Meta:
        model = Invoice
        fields: tuple[str, ...] = (
            "id", "organization", "number", "irn", "status", "status_label", "problem", "missing", "kind",
            "issue_date", "due_date", "currency", "buyer_name", "buyer_tin", *AMOUNTS, "connection", "source_kind",
            "source_external_id", "source_part", "source_label", "source_url", "created_at", "ready_at", "signed_at",
        )  # fmt: skip


class InvoiceDetailSerializer(InvoiceSerializer):
    """One invoice with its lines, its QR code's content and every call made for it."""

    lines = InvoiceLineSerializer(many=True, read_only=True)
    submissions = SubmissionSerializer(many=True, read_only=True)

    class Meta(InvoiceSerializer.Meta):
        fields = (
            *InvoiceSerializer.Meta.fields, "supply_date", "type_code", "document_sha256", "qr_payload", "attempts",
            "next_attempt_at", "lines", "submissions",
        )  # fmt: skip


class InvoiceViewSet(TenantAPI, viewsets.ReadOnlyModelViewSet[Invoice]):
    """Invoices of your organizations."""

    queryset = Invoice.objects.none()
    serializer_class = InvoiceSerializer
    pagination_class = NewestFirstPagination
    filter_backends = (filters.DjangoFilterBackend,)
    filterset_class = InvoiceFilter

    def rows(self) -> QuerySet[Invoice]:
        """Return the caller's invoices, newest first, without what only a detail shows."""
        invoices: QuerySet[Invoice] = Invoice.objects.select_related("organization").order_by("-pk")
        if self.action == "retrieve":
            return invoices.defer("draft", "snapshot", "document").prefetch_related("lines", "submissions")
        return invoices.defer("draft", "snapshot", "document", "qr_payload")

    def get_serializer_class(self) -> type[BaseSerializer[Invoice]]:
        """Return the short form for the list, the whole one for the detail."""
        return InvoiceDetailSerializer if self.action == "retrieve" else InvoiceSerializer
