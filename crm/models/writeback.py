"""What was told to the provider about a deal's invoice, so that nothing is written twice."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from crm.models.deal import Deal


class WriteState(models.TextChoices):
    """Where a write-back stands."""

    WAITING = "waiting", _("To be written")
    WRITTEN = "written", _("Written")
    SKIPPED = "skipped", _("Not written: the deal is archived or merged")
    GIVEN_UP = "given_up", _("Not written: too many refusals")


class WriteBack(models.Model):
    """What a deal's provider should say about its invoice, and whether it does; one row a deal.

    `invoice`, `number` and `status` (the invoice's own, "" for none) are what was wanted last. While
    WAITING, nobody takes it before `next_attempt_at`: that is a worker's lease and the wait after a failure alike.
    """

    deal = models.OneToOneField(Deal, on_delete=models.CASCADE, related_name="write_back")
    state = models.CharField(max_length=20, choices=WriteState.choices, default=WriteState.WAITING)
    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    number = models.CharField(max_length=32, blank=True)
    status = models.CharField(max_length=20, blank=True)
    written = models.JSONField(default=dict, blank=True, help_text=_("The values of the last write that succeeded."))
    written_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True, help_text=_("Why it was not written, for people."))
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(organization="deal__organization")

    class Meta:
        verbose_name = _("write-back")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=WriteState.values), name="write_back_state_known"),
            models.CheckConstraint(
                condition=~Q(state=WriteState.WAITING) | Q(next_attempt_at__isnull=False),
                name="a_waiting_write_back_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deal}: {self.get_state_display()}"
