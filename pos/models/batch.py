"""Sales to consumers that are handed in together."""

from __future__ import annotations

from django.db import models
from django_scopes import ScopedManager

from accounts.models import Organization
from integrations.models import Connection
from pos.models.location import Location


class SaleBatch(models.Model):
    """The sales of a location's day that go on one invoice, made when no sale can join any more; its sales stay.

    `invoice_due` asks for its invoice to be made, or made again while it is held.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="sale_batches")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    currency = models.CharField(max_length=3)
    sequence = models.PositiveIntegerField()
    total_amount = models.DecimalField(max_digits=20, decimal_places=2)
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField()
    invoice_due = models.BooleanField(default=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        verbose_name_plural = "sale batches"
        ordering = ["-day", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["location", "day", "currency", "sequence"], name="one_batch_per_sequence")
        ]
        indexes = [
            models.Index(fields=["connection"], condition=models.Q(invoice_due=True), name="batch_due"),
            models.Index(fields=["-day", "-id"], name="batch_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.location}, {self.day}, {self.sequence}"

    @property
    def source_id(self) -> str:
        """Return the external id that its invoice names as its source; the sequence is the part."""
        return f"{self.location.external_id}:{self.day}:{self.currency}"
