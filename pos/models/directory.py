"""What sales only point to: the goods of a price list, and the businesses among a merchant's customers."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from accounts.models import Organization
from integrations.models import Connection


class CatalogKind(models.TextChoices):
    """What an entry of a price list is: goods come in variations, which are what is sold."""

    VARIATION = "variation", _("Variation")
    ITEM = "item", _("Item")
    CATEGORY = "category", _("Category")


class CatalogObject(models.Model):
    """An entry of a merchant's price list. It stays when the merchant deletes it: sales still name it.

    One that its provider does not show has no name; it is kept, so that it is not asked for again.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="catalog")
    external_id = models.CharField(max_length=192)
    kind = models.CharField(max_length=20, choices=CatalogKind.choices)
    name = models.TextField(blank=True)
    sku = models.TextField(_("SKU"), blank=True)
    parent_external_id = models.CharField(
        max_length=192, blank=True, help_text=_("A variation's item, an item's category.")
    )
    source_updated_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        verbose_name = _("price list entry")
        verbose_name_plural = _("price list entries")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["external_id", "connection"], name="one_catalog_object_per_id"),
            models.CheckConstraint(condition=Q(kind__in=CatalogKind.values), name="catalog_kind_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.external_id


class Customer(models.Model):
    """A business that buys at the till. Persons are not kept: nothing here needs them.

    `facts` are what the merchant says of it, by their names on an invoice; the till's provider knows no Nigerian TIN.
    With a TIN its sales go out on invoices of their own, made out to it.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="customers")
    external_id = models.CharField(max_length=192)
    name = models.TextField()
    email = models.TextField(blank=True)
    telephone = models.TextField(blank=True)
    street = models.TextField(blank=True)
    city = models.TextField(blank=True)
    postal_zone = models.TextField(blank=True)
    country = models.CharField(max_length=2, blank=True)
    source_updated_at = models.DateTimeField(null=True, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    filled_at = models.DateTimeField(null=True, blank=True)
    filled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["external_id", "connection"], name="one_customer_per_id")]
        indexes = [
            models.Index(fields=["organization", "name", "id"], name="customer_list"),
            models.Index(fields=["connection"], condition=Q(filled_at__isnull=False), name="customer_with_tin"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def told(self) -> dict[str, Any]:
        """Return what is known of it, by names on an invoice; what the merchant said stands over the till's."""
        names = ("name", "email", "telephone", "street", "city", "postal_zone", "country")
        return {name: getattr(self, name) for name in names} | self.facts
