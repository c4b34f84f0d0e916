"""Money given back."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from accounts.models import Organization
from integrations.models import Connection
from invoices.models import Invoice
from pos.models.location import Location
from pos.models.sale import SaleKey


class RefundState(models.TextChoices):
    """What has become of a refund; only a completed one is credited."""

    PENDING = "pending", _("Pending")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")


class Refund(models.Model):
    """Money given back for a payment. `sale` is empty until the sale of that payment has been read.

    `note_due` asks for its credit note, `note` is that; `note_problem` says why there is none, for people.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="refunds")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+")
    sale = models.ForeignKey(SaleKey, on_delete=models.PROTECT, null=True, blank=True, related_name="refunds")
    external_id = models.CharField(max_length=200)
    payment_external_id = models.CharField(max_length=200)
    return_external_id = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=20, choices=RefundState.choices)
    is_unlinked = models.BooleanField(default=False, help_text=_("Given back without naming a payment."))
    refunded_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=20, decimal_places=2)
    reason = models.TextField(blank=True)
    source_updated_at = models.DateTimeField(null=True, blank=True)
    payload = models.JSONField(default=dict)
    stored_at = models.DateTimeField()
    note_due = models.BooleanField(default=False)
    note_problem = models.TextField(blank=True)
    note = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["-refunded_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "external_id"], name="one_refund_per_id"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(condition=Q(state__in=RefundState.values), name="refund_state_known"),
            models.CheckConstraint(
                condition=Q(note_due=False) | Q(state=RefundState.COMPLETED), name="only_a_completed_refund_is_credited"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-refunded_at", "-id"], name="refund_list"),
            models.Index(fields=["-refunded_at", "-id"], name="refund_newest"),
            models.Index(
                fields=["state", "-refunded_at", "-id"], condition=~Q(state="completed"), name="refund_not_completed"
            ),
            models.Index(fields=["external_id"], name="refund_by_external_id"),
            models.Index(fields=["payment_external_id"], name="refund_by_payment"),
            models.Index(fields=["connection"], condition=Q(note_due=True), name="refund_due"),
            models.Index(
                fields=["connection", "payment_external_id"], condition=Q(sale__isnull=True), name="refund_without_sale"
            ),
        ]

    def __str__(self) -> str:
        return self.external_id


class SaleReturn(models.Model):
    """What an exchange took back of an earlier sale. Goods pay for goods, so no refund of money need tell of it.

    It is credited once, whatever money was given back beside it; that money's refund has the same note.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    sale = models.ForeignKey(SaleKey, on_delete=models.PROTECT, related_name="exchanged", help_text=_("The exchange."))
    source_external_id = models.CharField(max_length=100, blank=True, help_text=_("The sale that the goods are of."))
    amount = models.DecimalField(max_digits=20, decimal_places=2, help_text=_("With tax, without a tip."))
    note_due = models.BooleanField(default=True)
    note_problem = models.TextField(blank=True)
    note = models.OneToOneField(Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = ScopedManager(organization="organization")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sale", "source_external_id"], name="one_return_per_exchange_and_sale"),
            models.CheckConstraint(
                condition=Q(note_due=False) | Q(note__isnull=True), name="a_credited_return_is_not_due"
            ),
        ]
        indexes = [
            models.Index(fields=["connection"], condition=Q(note_due=True), name="return_due"),
            models.Index(fields=["source_external_id"], name="return_of_sale"),
        ]

    def __str__(self) -> str:
        return f"{self.sale} ← {self.source_external_id}"
