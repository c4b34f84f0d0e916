"""Shops and counters."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from accounts.models import Organization
from integrations.models import Connection


class Location(models.Model):
    """A shop or counter of a merchant. What is not chosen is not read, and its sales make no invoices."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="locations")
    external_id = models.CharField(max_length=100)
    name = models.TextField()
    time_zone = models.CharField(max_length=64, default="Africa/Lagos")
    currency = models.CharField(max_length=3)
    is_active = models.BooleanField(default=True)
    is_chosen = models.BooleanField(default=True, help_text=_("Whether its sales are read."))

    objects = ScopedManager(organization="organization")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_location_per_id")]

    def __str__(self) -> str:
        return self.name
