"""Every single question and hand-in to the authority, kept as evidence."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager


class Step(models.TextChoices):
    """What was asked of the authority."""

    VALIDATE = "validate", _("Validate")
    SIGN = "sign", _("Sign")
    CONFIRM = "confirm", _("Confirm")
    SEARCH = "search", _("Search")


class Submission(models.Model):
    """One call of one attempt. A hand-in without `finished_at` was under way when its worker died."""

    invoice = models.ForeignKey(
        "invoices.Invoice", on_delete=models.PROTECT, related_name="submissions", db_index=False
    )
    attempt = models.PositiveIntegerField()
    step = models.CharField(max_length=10, choices=Step.choices)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    request_sha256 = models.CharField(max_length=64, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=30, blank=True)
    sentence = models.TextField(blank=True)
    response = models.TextField(blank=True, help_text=_("The authority's answer, cut to 16 kB."))

    objects = ScopedManager(organization="invoice__organization")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "attempt", "step"], name="one_call_per_step"),
            models.CheckConstraint(condition=models.Q(step__in=Step.values), name="submission_step_known"),
        ]
        indexes = [
            models.Index(fields=["outcome", "id"], condition=~models.Q(outcome="accepted"), name="submission_odd"),
        ]

    def __str__(self) -> str:
        return f"{self.step} · attempt {self.attempt}"
