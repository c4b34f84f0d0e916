"""Deals as the API shows them: each field by name, amounts as strings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crm.models import Company, Contact, Deal, DealLine
from invoices.models import Invoice


class AmountField(serializers.DecimalField):
    """An amount as a string with two decimals, or as many as it has."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=30, decimal_places=10, read_only=True, **options)

    def to_representation(self, value: Decimal) -> str:
        """Return 1250.00 for 1250, and 0.125 as it is."""
        cents = value.quantize(Decimal("0.01")) if value.adjusted() < 24 else value
        return f"{cents if cents == value else value.normalize():f}"


class CompanyNameSerializer(serializers.ModelSerializer[Company]):
    """The company of a deal, by name."""

    class Meta:
        model = Company
        fields = ("external_id", "name")


class CompanySerializer(serializers.ModelSerializer[Company]):
    """The company of a deal, with what an invoice to it takes."""

    class Meta:
        model = Company
        fields = (
            "external_id", "name", "tin", "email", "phone", "street", "city", "state", "postal_zone", "country",
        )  # fmt: skip


class ContactSerializer(serializers.ModelSerializer[Contact]):
    """The person of a deal."""

    class Meta:
        model = Contact
        fields = ("external_id", "first_name", "last_name", "email", "phone")


class DealLineSerializer(serializers.ModelSerializer[DealLine]):
    """One line item; money is in the deal's currency, `amount` is the provider's own net total."""

    quantity = serializers.DecimalField(max_digits=30, decimal_places=10, normalize_output=True, read_only=True)
    unit_price = AmountField()
    unit_discount = AmountField()
    discount_percent = serializers.DecimalField(max_digits=30, decimal_places=10, normalize_output=True, read_only=True)
    amount = AmountField()

    class Meta:
        model = DealLine
        fields = (
            "external_id", "position", "name", "description", "sku", "quantity", "unit_price", "unit_discount",
            "discount_percent", "amount", "tax_category", "hsn_code", "product_category", "isic_code",
        )  # fmt: skip


class DealSerializer(serializers.ModelSerializer[Deal]):
    """One deal of a list."""

    amount = AmountField()
    pipeline = serializers.CharField(source="pipeline_external_id", read_only=True)
    stage = serializers.CharField(source="stage_external_id", read_only=True)
    owner = serializers.CharField(source="owner_external_id", read_only=True)
    company = CompanyNameSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Deal
        fields: tuple[str, ...] = (
            "id", "external_id", "name", "amount", "currency", "pipeline", "stage", "stage_label", "is_won",
            "is_closed", "is_archived", "close_date", "owner", "company", "url", "source_updated_at",
        )  # fmt: skip


class DealInvoiceSerializer(serializers.ModelSerializer[Invoice]):
    """What became of the deal."""

    class Meta:
        model = Invoice
        fields = ("id", "number", "status", "problem")


class DealDetailSerializer(DealSerializer):
    """One deal with its lines, parties and what became of it."""

    document_discount = AmountField()
    company = CompanySerializer(read_only=True, allow_null=True)  # type: ignore[assignment]
    contact = ContactSerializer(read_only=True, allow_null=True)
    lines = DealLineSerializer(many=True, read_only=True)
    invoices = serializers.SerializerMethodField()

    class Meta(DealSerializer.Meta):
        fields = (*DealSerializer.Meta.fields, "document_discount", "contact", "lines", "invoices")

    @extend_schema_field(DealInvoiceSerializer(many=True))
    def get_invoices(self, deal: Deal) -> Any:
        """Return the invoices and held drafts made from the deal."""
        made = Invoice.objects.filter(
            connection=deal.connection_id, source_kind="deal", source_external_id=deal.external_id
        )
        return DealInvoiceSerializer(made.order_by("pk"), many=True).data
