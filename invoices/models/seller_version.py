"""Sellers as documents were made with them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager


class SellerVersion(models.Model):
    """A business profile's facts as documents were made with them, whole but for its keys; never changed."""

    business = models.ForeignKey("invoices.Business", on_delete=models.PROTECT, related_name="versions")
    version = models.CharField(max_length=16, help_text=_("Short hash of the content."))
    content = models.JSONField()
    first_used_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager(organization="business__organization")

    class Meta:
        verbose_name = _("version of a business profile")
        verbose_name_plural = _("versions of business profiles")
        ordering = ["-first_used_at"]
        constraints = [
            models.UniqueConstraint(fields=["business", "version"], name="one_seller_version_per_content"),
        ]

    def __str__(self) -> str:
        return self.version
