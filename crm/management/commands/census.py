"""Counts one connection's deals against its provider."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_scopes import scope, scopes_disabled

from crm.models import Census
from crm.services import take_census
from integrations.base.errors import IntegrationError
from integrations.models import Connection
from integrations.services.syncs import SyncNotPossible


class Command(BaseCommand):
    """`manage.py census ID`: exit code 0 for the same on both sides, 1 for differences, 2 when it was not taken."""

    help = "Compare count and sum of each day with the provider, name each difference and mend it where that helps."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the connection."""
        parser.add_argument("connection_id", metavar="ID", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the census and print it."""
        with scopes_disabled():
            connection = Connection.objects.select_related("organization").filter(pk=options["connection_id"]).first()
        if connection is None:
            raise CommandError(f"There is no connection {options['connection_id']}.", returncode=2)
        with scope(organization=connection.organization):
            try:
                census = take_census(connection=connection)
            except SyncNotPossible as refusal:
                raise CommandError(str(refusal), returncode=2) from refusal
            except IntegrationError as problem:
                raise CommandError(f"The census was not taken. {problem.sentence}", returncode=2) from problem
            self._print(connection, census)

    def _print(self, connection: Connection, census: Census) -> None:
        self.stdout.write(
            f"{connection}: {census.counted_there:,} deals there, {census.counted_here:,} here, over "
            f"{census.days_compared:,} days and currencies; {census.calls} calls."
        )
        for day in census.days:
            (ours, our_sum), (theirs, their_sum) = day["ours"], day["theirs"]
            when = f"{day['day'] or 'no day'} {day['currency']}".strip()
            self.stdout.write(f"  {when}: there {theirs} for {their_sum}, here {ours} for {our_sum}")
        differences = list(census.differences.all())
        for difference in differences:
            self.stdout.write(f"  deal {difference.external_id}: {difference.get_cause_display()}.")
        if differences:
            raise CommandError(
                f"{len(differences)} deals differed when the census was taken. Each is named above with its cause.",
                returncode=1,
            )
        self.stdout.write("Both sides are the same.")
