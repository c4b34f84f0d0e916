"""One organization's link to one outside account, and its tokens."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from integrations.fields import EncryptedTextField


class ConnectionStatus(models.TextChoices):
    """What a connection can do now."""

    ACTIVE = "active", _("Connected")
    NEEDS_REAUTHORIZATION = "needs_reauthorization", _("Connect again")
    PAUSED = "paused", _("Paused")
    DISCONNECTED = "disconnected", _("Disconnected")


class Health(models.TextChoices):
    """How a connection is, as far as we can tell; the page, the list, the admin and the API show the same."""

    OK = "ok", _("Well")
    DEGRADED = "degraded", _("Degraded")
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
    not_before = models.DateTimeField(
        null=True, blank=True, help_text=_("The provider asked not to be called before this instant.")
    )
    last_good_call_at = models.DateTimeField(null=True, blank=True)
    health = models.CharField(max_length=30, choices=Health.choices, default=Health.OK)
    health_cause = models.TextField(blank=True, help_text=_("Why it is not well, for people."))
    health_next = models.TextField(blank=True, help_text=_("What to do about it."))
    health_since = models.DateTimeField(default=timezone.now)
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
            models.CheckConstraint(condition=models.Q(health__in=Health.values), name="connection_health_known"),
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
    access_token = EncryptedTextField(bound_to="connection_id")
    refresh_token = EncryptedTextField(bound_to="connection_id", null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    refresh_failing_since = models.DateTimeField(
        null=True, blank=True, help_text=_("When the first of the refreshes failed that have failed since.")
    )
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Credential of connection {self.connection_id}"
