"""Sales in months, their lines, and the keys by which each is known in whichever month."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from accounts.models import Organization
from integrations.models import Connection
from pos.models.batch import SaleBatch
from pos.models.location import Location


class SaleState(models.TextChoices):
    """What has become of a sale at the till."""

    OPEN = "open", _("Open")
    COMPLETED = "completed", _("Completed")
    CANCELED = "canceled", _("Canceled")


class SaleKey(models.Model):
    """Says that a sale is stored, in which version, and how far its invoice is.

    The sales themselves are partitioned by month, and a partitioned table can hold no key of its own across months. A
    sale has its key's id. Whoever changes a sale holds its key's lock. `batch` is the one batch that it was handed in
    by; a sale of its own has none.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="sale_keys")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=100)
    sold_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    total_amount = models.DecimalField(max_digits=20, decimal_places=2)
    version = models.BigIntegerField(null=True, blank=True)
    source_updated_at = models.DateTimeField(null=True, blank=True)
    content_hash = models.CharField(max_length=32, blank=True)
    invoice_due = models.BooleanField(default=False)
    batch = models.ForeignKey(SaleBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="sales")

    objects = ScopedManager(organization="organization")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "external_id"], name="one_sale_per_id"),
            models.CheckConstraint(
                condition=Q(invoice_due=False) | Q(batch__isnull=True), name="a_batched_sale_is_not_due"
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "sold_at"], condition=Q(invoice_due=True), name="sale_due"),
            models.Index(fields=["location", "sold_at"], name="sale_of_location"),
        ]

    def __str__(self) -> str:
        return self.external_id


class Sale(models.Model):
    """One sale as the till has it; money is in its currency, taxes are the till's own and never recomputed.

    In PostgreSQL the table is partitioned by the month of `sold_at`, which is part of its primary key there. A sale
    with a `problem` contradicts itself and is not invoiced.
    """

    id = models.BigIntegerField(primary_key=True, help_text=_("The id of its key."))
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="sales", db_index=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="sales", db_index=False)
    external_id = models.CharField(max_length=100)
    state = models.CharField(max_length=20, choices=SaleState.choices)
    sold_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    total_amount = models.DecimalField(max_digits=20, decimal_places=2)
    tax_amount = models.DecimalField(max_digits=20, decimal_places=2)
    discount_amount = models.DecimalField(max_digits=20, decimal_places=2)
    tip_amount = models.DecimalField(max_digits=20, decimal_places=2)
    rounding_amount = models.DecimalField(max_digits=20, decimal_places=2)
    returned_amount = models.DecimalField(
        max_digits=20, decimal_places=2, help_text=_("What it took back, where it is an exchange or a return.")
    )
    customer_external_id = models.CharField(max_length=100, blank=True)
    is_offline = models.BooleanField()
    problem = models.TextField(blank=True)
    tenders = models.JSONField()
    returns = models.JSONField()
    payload = models.JSONField()
    stored_at = models.DateTimeField()

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["-sold_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=SaleState.values), name="sale_state_known"),
        ]
        indexes = [
            models.Index(fields=["organization", "-sold_at", "-id"], name="sale_list"),
            models.Index(fields=["external_id"], name="sale_by_external_id"),
            models.Index(fields=["-sold_at", "-id"], name="sale_newest"),
            models.Index(
                fields=["state", "-sold_at", "-id"], condition=~Q(state="completed"), name="sale_not_completed"
            ),
        ]

    def __str__(self) -> str:
        return self.external_id


class SaleLine(models.Model):
    """One line of a sale, in the month of its sale. `facts` are its taxes, modifiers and the till's own words."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    # The database holds no foreign key to a table of months; both are written by whoever holds the sale's key.
    sale = models.ForeignKey(Sale, on_delete=models.DO_NOTHING, related_name="lines", db_constraint=False)
    sold_at = models.DateTimeField()
    external_id = models.CharField(max_length=100)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)
    name = models.TextField()
    sku = models.CharField(max_length=200, blank=True)
    quantity = models.DecimalField(max_digits=30, decimal_places=10)
    gross_amount = models.DecimalField(max_digits=20, decimal_places=2)
    discount_amount = models.DecimalField(max_digits=20, decimal_places=2)
    tax_amount = models.DecimalField(max_digits=20, decimal_places=2)
    total_amount = models.DecimalField(max_digits=20, decimal_places=2)
    facts = models.JSONField()

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name or self.external_id


class SalePayment(models.Model):
    """Which sale a payment belongs to: refunds name the payment."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=200)
    sale = models.ForeignKey(SaleKey, on_delete=models.CASCADE, related_name="payments")

    objects = ScopedManager(organization="organization")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_sale_per_payment")]

    def __str__(self) -> str:
        return self.external_id
