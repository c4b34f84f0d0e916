"""What is known of the queues and of who works on them; rows of operations, of no organization."""

from __future__ import annotations

from django.db import models

WORKER, BEAT = "worker", "beat"


class Pulse(models.Model):
    """A process that says every few seconds that it is alive, and what it serves."""

    name = models.CharField(max_length=200, primary_key=True, help_text="As Celery calls it: high_priority@host.")
    kind = models.CharField(max_length=10)
    queues = models.JSONField(default=list)
    started_at = models.DateTimeField()
    beaten_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=[WORKER, BEAT]), name="pulse_kind_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Canary(models.Model):
    """The last small task that beat sent through a queue and a worker heard."""

    queue = models.CharField(max_length=40, primary_key=True)
    sent_at = models.DateTimeField(help_text="When beat sent it.")
    heard_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.queue


class QueueMinute(models.Model):
    """What happened in a queue in a minute; counts are added up, the others are the most that was seen."""

    queue = models.CharField(max_length=40)
    minute_at = models.DateTimeField(db_index=True)
    taken = models.PositiveIntegerField(default=0, help_text="Tasks that workers began.")
    failed = models.PositiveIntegerField(default=0, help_text="Tasks that ended with an error of ours.")
    depth = models.PositiveIntegerField(null=True, help_text="Tasks waiting in the broker.")
    wait_ms = models.PositiveIntegerField(null=True, help_text="How long a canary waited.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "minute_at"], name="one_row_per_queue_and_minute"),
        ]

    def __str__(self) -> str:
        return f"{self.queue} {self.minute_at:%H:%M}"
