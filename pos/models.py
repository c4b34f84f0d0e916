"""Sales from tills, as their provider has them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from accounts.models import Organization
from integrations.models import Connection


class Location(models.Model):
    """A shop or counter of a merchant."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="locations")
    external_id = models.CharField(max_length=100)
    name = models.TextField()
    time_zone = models.CharField(max_length=64, default="Africa/Lagos")
    currency = models.CharField(max_length=3)
    is_active = models.BooleanField(default=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_location_per_id")]

    def __str__(self) -> str:
        return self.name


class Sale(models.Model):
    """One completed sale; money is in its currency, taxes are the till's own and never recomputed."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="sales")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="sales")
    external_id = models.CharField(max_length=100)
    sold_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    total_amount = models.DecimalField(max_digits=20, decimal_places=2)
    tax_amount = models.DecimalField(max_digits=20, decimal_places=2)
    tip_amount = models.DecimalField(max_digits=20, decimal_places=2, default=0)
    source_updated_at = models.DateTimeField(null=True, blank=True)
    payload = models.JSONField(default=dict)
    content_hash = models.CharField(max_length=32)
    stored_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["-sold_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_sale_per_id")]
        indexes = [models.Index(fields=["organization", "-sold_at", "-id"], name="sale_list")]

    def __str__(self) -> str:
        return self.external_id


class SaleLine(models.Model):
    """One line of a sale."""

    sale = models.ForeignKey(Sale, on_delete=models.CASCADE, related_name="lines")
    external_id = models.CharField(max_length=100)
    position = models.PositiveIntegerField(default=0)
    name = models.TextField(blank=True)
    quantity = models.DecimalField(max_digits=30, decimal_places=10)
    gross_amount = models.DecimalField(max_digits=20, decimal_places=2)
    discount_amount = models.DecimalField(max_digits=20, decimal_places=2, default=0)
    tax_amount = models.DecimalField(max_digits=20, decimal_places=2, default=0)
    payload = models.JSONField(default=dict)

    objects = ScopedManager(organization="sale__organization")

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["sale", "external_id"], name="one_sale_line_per_id")]

    def __str__(self) -> str:
        return self.name or self.external_id


class Refund(models.Model):
    """Money given back for a sale."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="refunds")
    sale = models.ForeignKey(
        Sale,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="refunds",
        help_text=_("Empty until the sale it refers to has been read."),
    )
    external_id = models.CharField(max_length=100)
    refunded_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=20, decimal_places=2)
    reason = models.TextField(blank=True)
    payload = models.JSONField(default=dict)

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["-refunded_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "external_id"], name="one_refund_per_id"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="refund_amount_positive"),
        ]

    def __str__(self) -> str:
        return self.external_id
