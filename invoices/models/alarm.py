"""What people were told of deadlines that come near."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager


class AlarmStep(models.TextChoices):
    """How near the deadline was."""

    HALF = "half", _("Half of the time is gone")
    SOON = "soon", _("Four hours or less are left")
    LATE = "late", _("The deadline has passed")


class DeadlineAlarm(models.Model):
    """One step of one invoice's deadline, told once. Without `sent_at` the mail is still to go out."""

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.CASCADE, related_name="alarms", db_index=False)
    step = models.CharField(max_length=10, choices=AlarmStep.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(organization="invoice__organization")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "step"], name="one_alarm_per_invoice_and_step"),
            models.CheckConstraint(condition=models.Q(step__in=AlarmStep.values), name="alarm_step_known"),
        ]
        indexes = [models.Index(fields=["created_at"], condition=models.Q(sent_at=None), name="alarm_to_send")]

    def __str__(self) -> str:
        return f"{self.invoice}: {self.get_step_display()}"
