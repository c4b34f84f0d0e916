"""Whether the authority answers at all; one row an authority, shared by all workers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Breaker(models.Model):
    """Open while the authority is away: nothing is handed in until `open_until`, and then by one worker first.

    `failures` counts attempts in a row, of any business, that got no answer.
    """

    authority = models.CharField(max_length=200, unique=True)
    failures = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    open_until = models.DateTimeField(null=True, blank=True)
    sentence = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(opened_at__isnull=True, open_until__isnull=True)
                | Q(opened_at__isnull=False, open_until__isnull=False),
                name="an_open_breaker_has_times",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.authority}: {'away' if self.opened_at else 'answers'}"
