"""Deliveries as they came, the events in them, and the keys by which copies of an event are known."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from integrations.models.connection import Connection


class WebhookDelivery(models.Model):
    """The body of one signed request, stored before it was answered.

    It may hold events of several accounts, so it belongs to no organization. Not partitioned: it is deleted some
    days after its events are stored. `problem` is why it could not be split; it is kept then until somebody looks.
    """

    provider = models.CharField(max_length=40)
    external_account_id = models.CharField(
        max_length=100,
        blank=True,
        db_default="",
        help_text=_("Whose key signed it, where it came to an account's own address."),
    )
    body = models.BinaryField()
    headers = models.JSONField(default=dict)
    received_at = models.DateTimeField(default=timezone.now)
    processed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["id"], condition=Q(processed_at__isnull=True), name="delivery_waiting"),
            models.Index(fields=["processed_at"], name="delivery_processed"),
            models.Index(fields=["id"], condition=~Q(problem=""), name="delivery_with_problem"),
            models.Index(fields=["provider", "-id"], name="delivery_of_provider"),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"


class EventStatus(models.TextChoices):
    """What became of an event."""

    RECEIVED = "received", _("Received")
    PROCESSED = "processed", _("Processed")
    IGNORED = "ignored", _("Ignored")
    PARKED = "parked", _("Parked")
    FAILED = "failed", _("Will be tried again")
    UNKNOWN_ACCOUNT = "unknown_account", _("Unknown account")


WAITING = (EventStatus.RECEIVED, EventStatus.FAILED)


class WebhookEvent(models.Model):
    """One event: a hint that something changed at the provider.

    In PostgreSQL the table is partitioned by the month of `received_at`, which is part of its primary key there; the
    ids come from one sequence and are unique by themselves. `connection` is empty for an account that nobody here has.
    """

    delivery_id = models.BigIntegerField(help_text=_("The delivery it came in, while that is kept."))
    provider = models.CharField(max_length=40)
    external_account_id = models.CharField(max_length=100, blank=True)
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, null=True, blank=True, related_name="webhook_events"
    )
    event_type = models.CharField(max_length=100)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=100, blank=True)
    occurred_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()
    status = models.CharField(max_length=20, choices=EventStatus.choices, default=EventStatus.RECEIVED)
    reason = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    key = models.CharField(max_length=64)
    payload = models.TextField(help_text=_("The event's own JSON, as received."))

    objects = ScopedManager(organization="connection__organization")

    class Meta:
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=EventStatus.values), name="event_status_known"),
        ]
        indexes = [
            models.Index(fields=["-received_at", "-id"], name="event_list"),
            models.Index(fields=["object_id"], name="event_object"),
            models.Index(fields=["provider", "-received_at", "-id"], name="event_of_provider"),
            models.Index(
                fields=["connection", "next_attempt_at"],
                condition=Q(status__in=["received", "failed"]),
                name="event_waiting",
            ),
            models.Index(fields=["connection"], condition=Q(status="parked"), name="event_parked"),
            models.Index(
                fields=["status", "-received_at", "-id"],
                condition=Q(status__in=["failed", "parked", "unknown_account"]),
                name="event_in_trouble",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.object_id}"


class WebhookEventKey(models.Model):
    """Says that an event has been stored, in whichever month: a partitioned table cannot hold that by itself."""

    key = models.CharField(max_length=64, primary_key=True)
    first_seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key
