"""Tells all that happened to one thing, in order."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_scopes import scope, scopes_disabled

from crm.models import Deal, DealAlias
from crm.services.explaining import explain_deal


class Command(BaseCommand):
    """`manage.py explain deal ID`: the id is the provider's; one that was merged leads to the deal it is now."""

    help = "Print one timeline of a deal: versions, runs, decisions and invoices."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to explain."""
        parser.add_argument("kind", choices=["deal"])
        parser.add_argument("external_id", metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the timeline of each deal of that id, the oldest first."""
        with scopes_disabled():
            deals = _deals(options["external_id"])
        if not deals:
            raise CommandError(f"No deal {options['external_id']} is stored here, under this id or a former one.")
        for deal in deals:
            with scope(organization=deal.organization):
                self._print(deal)

    def _print(self, deal: Deal) -> None:
        self.stdout.write(f"Deal {deal.external_id} “{deal}” of {deal.organization}, from {deal.connection}")
        for event in reversed(explain_deal(deal=deal)):
            by = f" · by {event.by}" if event.by else ""
            self.stdout.write(f"  {event.at:%Y-%m-%d %H:%M:%S} UTC  {event.what}{by}")
            if event.detail:
                self.stdout.write(f"      {event.detail}")


def _deals(external_id: str) -> list[Deal]:
    whole = Deal.objects.select_related("organization", "connection")
    found = list(whole.filter(external_id=external_id))
    aliases = DealAlias.objects.filter(external_id=external_id).values("deal_id")
    return list(dict.fromkeys([*found, *whole.filter(pk__in=aliases)]))
