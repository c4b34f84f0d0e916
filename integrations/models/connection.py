"""One organization's link to one outside account, and its tokens."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from integrations.fields import EncryptedTextField


class ConnectionStatus(models.TextChoices):
    """What a connection can do now."""

    ACTIVE = "active", _("Connected")
    NEEDS_REAUTHORIZATION = "needs_reauthorization", _("Connect again")
    PAUSED = "paused", _("Paused")
    DISCONNECTED = "disconnected", _("Disconnected")


class Connection(models.Model):
    """An organization's account at a provider.

    `provider` is a connector's slug (no choices: a new provider needs no migration). `options` holds the
    organization's choices for reading it, for example which company property holds the TIN.
    """

    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="connections")
    provider = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=30, choices=ConnectionStatus.choices, default=ConnectionStatus.ACTIVE)
    problem = models.TextField(blank=True, help_text=_("What is wrong and what to do, for people; empty when well."))
    external_account_id = models.CharField(max_length=100)
    time_zone = models.CharField(max_length=64, default="Africa/Lagos")
    currency = models.CharField(max_length=3, default="NGN")
    account_facts = models.JSONField(default=dict, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    options = models.JSONField(default=dict, blank=True)
    sync_requested_at = models.DateTimeField(
        null=True, blank=True, help_text=_("Somebody or something wants a sync; cleared when one starts.")
    )
    last_good_call_at = models.DateTimeField(null=True, blank=True)
    last_webhook_at = models.DateTimeField(null=True, blank=True)
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["pk"]
        constraints = [
            # Two links to one account, at once or one after the other, would invoice each of its deals twice.
            models.UniqueConstraint(fields=["provider", "external_account_id"], name="one_connection_per_account"),
            models.CheckConstraint(
                condition=models.Q(status__in=ConnectionStatus.values), name="connection_status_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["sync_requested_at"],
                condition=models.Q(sync_requested_at__isnull=False),
                name="connection_sync_requested",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        """Tell whether it may be read from."""
        return self.status == ConnectionStatus.ACTIVE


class Credential(models.Model):
    """A connection's tokens, encrypted at rest; reached through CredentialManager only."""

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="credential")
    access_token = EncryptedTextField()
    refresh_token = EncryptedTextField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Credential of connection {self.connection_id}"
