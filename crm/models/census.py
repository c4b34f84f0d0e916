"""Proof that what is stored is what the provider has: counts and sums a day, and each difference with its cause."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from integrations.models import Connection


class Cause(models.TextChoices):
    """Why a deal differs between the provider and here."""

    QUARANTINED = "quarantined", _("It could not be read and waits in quarantine")
    NEWER = "newer", _("It changed there while the census was taken; the next sync brings it")
    MISSING = "missing", _("It was missing here and has been read now")
    GONE = "gone", _("It is no longer there and is archived here now")
    DIFFERS = "differs", _("It differed and has been read again now")
    UNRESOLVED = "unresolved", _("It differs still after it was read again; tell support")


class Census(models.Model):
    """One comparison of all deals of a connection with the provider's own list, before anything was mended.

    `days` holds the days that differ, as [{"day", "currency", "ours": [count, sum], "theirs": [count, sum]}].
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="censuses")
    taken_at = models.DateTimeField(auto_now_add=True)
    counted_here = models.PositiveIntegerField()
    counted_there = models.PositiveIntegerField()
    days_compared = models.PositiveIntegerField()
    days = models.JSONField(default=list, blank=True)
    calls = models.PositiveIntegerField(default=0)

    objects = ScopedManager(organization="connection__organization")

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = _("censuses")

    def __str__(self) -> str:
        return f"Census of {self.connection}, {self.taken_at:%d %b %Y}"


class CensusDifference(models.Model):
    """One deal that was not the same on both sides; an amount is None where that side has no such deal or amount."""

    census = models.ForeignKey(Census, on_delete=models.CASCADE, related_name="differences")
    external_id = models.CharField(max_length=100)
    cause = models.CharField(max_length=20, choices=Cause.choices)
    day = models.DateField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    amount_here = models.DecimalField(max_digits=30, decimal_places=10, null=True, blank=True)
    amount_there = models.DecimalField(max_digits=30, decimal_places=10, null=True, blank=True)

    objects = ScopedManager(organization="census__connection__organization")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["census", "external_id"], name="one_difference_per_deal"),
            models.CheckConstraint(condition=models.Q(cause__in=Cause.values), name="census_cause_known"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id}: {self.get_cause_display()}"
