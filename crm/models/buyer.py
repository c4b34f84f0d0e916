"""What buyers told of themselves, and the links by which they were asked."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from accounts.models import Organization
from crm.models.deal import Company


class BuyerFacts(models.Model):
    """Facts that a buyer filled in, by their name on the invoice; they fill what the CRM lacks, for every next deal."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, related_name="buyer_facts")
    facts = models.JSONField(default=dict)
    filled_at = models.DateTimeField()

    objects = ScopedManager(organization="company__organization")

    class Meta:
        verbose_name = _("facts from a buyer")
        verbose_name_plural = _("facts from buyers")
        ordering = ["-filled_at"]

    def __str__(self) -> str:
        return str(self.company)


class BuyerLink(models.Model):
    """A link for one buyer. It opens until it was used, ran out or was taken back; its secret is a signature."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="buyer_links", db_index=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="links")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    mailed_to = models.TextField(blank=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        verbose_name = _("link for a buyer")
        verbose_name_plural = _("links for buyers")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["company"], condition=Q(used_at=None, revoked_at=None), name="one_open_link_per_buyer"
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="a_link_lasts_a_while"),
        ]
        indexes = [models.Index(fields=["organization", "id"], name="link_newest")]

    def __str__(self) -> str:
        return f"{self.company}"

    @property
    def is_open(self) -> bool:
        """Tell whether it opens now."""
        return self.used_at is None and self.revoked_at is None and self.expires_at > timezone.now()
