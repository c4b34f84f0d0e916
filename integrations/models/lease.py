"""Who may work on something until when, for workers that may die or be cut off at any moment."""

from __future__ import annotations

from django.db import models


class Lease(models.Model):
    """One thing that one worker at a time works on.

    `fence` grows with every taking: a worker whose number is no longer the row's has been replaced, and must not write.
    Belongs to no organization; services/leases.py is the only reader and writer.
    """

    name = models.CharField(max_length=200, primary_key=True)
    fence = models.BigIntegerField(default=0)
    until = models.DateTimeField()
    rung_at = models.DateTimeField(null=True, help_text="When somebody was rung for who has not come yet.")

    def __str__(self) -> str:
        return self.name
