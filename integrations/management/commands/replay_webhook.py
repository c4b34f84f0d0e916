"""`replay_webhook`: show what replaying an event would do, and do it when told to."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django_scopes import scopes_disabled

from integrations.models import WebhookEvent
from integrations.services.webhooks import replay_effects, replay_events
from integrations.tasks import ring_events


class Command(BaseCommand):
    """Has events processed again."""

    help = "Print what replaying events would do; with --yes, let the workers do it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the events' ids and the confirmation."""
        parser.add_argument("ids", nargs="+", type=int, metavar="ID", help="ids of events, as the admin shows them")
        parser.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the effects first, always; raises CommandError for an id that no event has."""
        with scopes_disabled():
            events = list(WebhookEvent.objects.filter(pk__in=options["ids"]).select_related("connection"))
        if missing := sorted(set(options["ids"]) - {event.pk for event in events}):
            raise CommandError(f"There is no event {', '.join(map(str, missing))}. Nothing was replayed.")
        for sentence in replay_effects(events):
            self.stdout.write(sentence)
        if not options["yes"]:
            self.stdout.write("Nothing was done. Add --yes to replay.")
            return
        connections = replay_events(events)
        for connection in connections:
            ring_events(connection)
        self.stdout.write(
            "Replayed: a worker processes it as soon as one is free." if connections else "Nothing was replayed."
        )
