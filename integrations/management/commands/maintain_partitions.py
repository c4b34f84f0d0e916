"""`maintain_partitions`: make the coming months' tables, drop those past their retention."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone

from integrations.partitions import maintain_all
from integrations.services.webhooks import prune_webhooks


class Command(BaseCommand):
    """Does at once what beat does every six hours."""

    help = "Make the coming months of every table of months, and drop what is past its retention."

    def handle(self, *args: Any, **options: Any) -> None:
        """Maintain, prune and say what was done."""
        now = timezone.now()
        try:
            maintained = maintain_all(now)
        except OperationalError as problem:
            raise CommandError(f"A table is busy, so nothing is half done. Run it again. ({problem})") from problem
        pruned = prune_webhooks(now=now, retention_days=settings.WEBHOOK_RETENTION_DAYS)
        for table, done in maintained.items():
            for word, names in (("Made", done.made), ("Dropped", done.dropped)):
                for name in names:
                    self.stdout.write(f"{word} {name}.")
            self.stdout.write(f"{table}: {done.days_ahead} days ahead.")
        self.stdout.write(f"{pruned} deliveries and keys were past their time.")
