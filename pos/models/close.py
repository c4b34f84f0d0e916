"""The close of a shop's day."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from accounts.models import Organization
from integrations.models import Connection
from pos.models.location import Location


class Side(models.TextChoices):
    """What is closed: what was sold, or what was given back."""

    SOLD = "sold", _("Sold")
    BACK = "back", _("Given back")


class DayClose(models.Model):
    """A shop's day in one currency: four figures, and every difference between them, as `differences` tells them.

    `closed_at` is when nothing was left for anybody; it is empty again once something comes late, and
    `first_closed_at` stays.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="closes")
    day = models.DateField()
    side = models.CharField(max_length=4, choices=Side.choices)
    currency = models.CharField(max_length=3)
    till_count = models.PositiveIntegerField()
    till_amount = models.DecimalField(max_digits=20, decimal_places=2)
    stored_count = models.PositiveIntegerField()
    stored_amount = models.DecimalField(max_digits=20, decimal_places=2)
    invoiced_count = models.PositiveIntegerField()
    invoiced_amount = models.DecimalField(max_digits=20, decimal_places=2)
    reported_count = models.PositiveIntegerField()
    reported_amount = models.DecimalField(max_digits=20, decimal_places=2)
    named_amount = models.DecimalField(max_digits=20, decimal_places=2, help_text=_("What all differences come to."))
    differences = models.JSONField(default=list)
    open_count = models.PositiveIntegerField(help_text=_("Differences that somebody or something has to settle."))
    fetched_count = models.PositiveIntegerField(help_text=_("Were not here, or otherwise, until the till was read."))
    read_at = models.DateTimeField(help_text=_("When the till was asked."))
    first_closed_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["-day", "location", "-side", "currency"]
        constraints = [
            models.UniqueConstraint(fields=["location", "day", "side", "currency"], name="one_close_per_day"),
            models.CheckConstraint(
                condition=Q(reported_amount=F("till_amount") - F("named_amount")), name="close_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(open_count=0, first_closed_at__isnull=False),
                name="a_closed_day_has_nothing_open",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "-day", "location", "currency"], condition=Q(side="sold"), name="close_list"
            ),
            models.Index(fields=["-day", "location", "-side", "currency"], name="close_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.location}, {self.day}"
