"""How far a stream has been read, each attempt to read it, and what could not be read."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from integrations.models.connection import Connection

FULL, WINDOW, PREVIEW = "full", "window", "preview"  # a run's modes


class RunStatus(models.TextChoices):
    """How a run stands or ended."""

    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    PARTIAL = "partial", _("Partial")
    FAILED = "failed", _("Failed")
    PAUSED = "paused", _("Paused")
    CANCELLED = "cancelled", _("Cancelled")


class StopRequest(models.TextChoices):
    """What somebody asked a running sync to do at its next page."""

    PAUSE = "pause", _("Pause")
    CANCEL = "cancel", _("Cancel")


class SyncRunQuerySet(models.QuerySet["SyncRun"]):
    """Reads of runs that more than one caller needs."""

    def newest(self) -> SyncRunQuerySet:
        """Return the newest run of each connection, by one look into an index each however many runs there are."""
        of_one = SyncRun.objects.filter(connection=models.OuterRef("pk")).order_by("-pk").values("pk")[:1]
        return self.filter(pk__in=Connection.objects.order_by().values(newest=models.Subquery(of_one)))


class SyncRun(models.Model):
    """One attempt to read one stream; its counts commit with the records they count."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs", db_index=False)
    stream = models.CharField(max_length=40)
    mode = models.CharField(
        max_length=20,
        help_text=_("full: everything; window: what changed lately; preview: compared only, nothing is stored"),
    )
    status = models.CharField(max_length=20, choices=RunStatus.choices, default=RunStatus.RUNNING)
    sentence = models.TextField(blank=True, help_text=_("How it ended, for people."))
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    stop_requested = models.CharField(max_length=10, choices=StopRequest.choices, blank=True, default="")
    expected = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("How many records the provider says there are to read.")
    )
    findings = models.JSONField(
        default=list, blank=True, help_text=_("What a preview found that would change, the first of it.")
    )
    pages = models.PositiveIntegerField(default=0)
    read = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    quarantined = models.PositiveIntegerField(default=0)
    silent_changes = models.PositiveIntegerField(
        default=0, help_text=_("Changes that no webhook had announced, though webhooks are set up.")
    )
    calls = models.PositiveIntegerField(default=0)
    retries = models.PositiveIntegerField(default=0)
    waited_seconds = models.FloatField(default=0)

    objects = ScopedManager(
        _manager_class=models.Manager.from_queryset(SyncRunQuerySet), organization="connection__organization"
    )

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "stream"],
                condition=models.Q(status="running"),
                name="one_running_sync_per_stream",
            ),
            models.CheckConstraint(condition=models.Q(status__in=RunStatus.values), name="run_status_known"),
            models.CheckConstraint(
                condition=models.Q(stop_requested__in=["", *StopRequest.values]), name="run_stop_request_known"
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "id"], name="run_newest"),
            models.Index(fields=["status", "id"], condition=~models.Q(status="succeeded"), name="run_in_trouble"),
        ]

    def __str__(self) -> str:
        return f"{self.stream} run {self.pk}"


class SyncCursor(models.Model):
    """How far a stream has been read.

    `position` is the place inside an unfinished read (empty when it is finished); `full_read_started_at` or
    `window_until` says which read that is; `complete_until` is the instant up to which every change has been read,
    None before the first full read ended.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="cursors")
    stream = models.CharField(max_length=40)
    position = models.JSONField(default=dict, blank=True)
    full_read_started_at = models.DateTimeField(null=True, blank=True)
    window_since = models.DateTimeField(null=True, blank=True)
    window_until = models.DateTimeField(null=True, blank=True)
    complete_until = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(organization="connection__organization")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "stream"], name="one_cursor_per_stream"),
        ]

    def __str__(self) -> str:
        return f"{self.stream} of connection {self.connection_id}"


class Quarantine(models.Model):
    """A record that could not be read, with its bytes and the reason, until it can."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="quarantined")
    stream = models.CharField(max_length=40)
    external_id = models.CharField(max_length=100)
    reason = models.TextField()
    payload = models.TextField(help_text=_("As it was received."))
    run = models.ForeignKey(SyncRun, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(organization="connection__organization")

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = _("quarantine")
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "stream", "external_id"],
                condition=models.Q(resolved_at__isnull=True),
                name="one_open_quarantine_per_record",
            )
        ]
        indexes = [
            models.Index(fields=["external_id"], name="quarantine_by_id"),
            models.Index(fields=["id"], condition=models.Q(resolved_at__isnull=True), name="quarantine_open"),
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.external_id}"
