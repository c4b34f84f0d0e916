"""Each change of an invoice's status, written by the database itself."""

from __future__ import annotations

from django.db import models
from django_scopes import ScopedManager

from invoices.models.status import Status


class InvoiceMove(models.Model):
    """One step of an invoice's life. A trigger writes it with the step, so that none can be missing."""

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.CASCADE, related_name="moves")
    from_status = models.CharField(max_length=20, choices=Status.choices)
    to_status = models.CharField(max_length=20, choices=Status.choices)
    at = models.DateTimeField()
    sentence = models.TextField(blank=True)

    objects = ScopedManager(organization="invoice__organization")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"
