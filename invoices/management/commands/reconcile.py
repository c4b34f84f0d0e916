"""Compares what sources ask for with what the authority has."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_scopes import scope, scopes_disabled

from accounts.models import Organization
from invoices.models.reconciliation import CAUSES, RunState
from invoices.services.numbering import number_report
from invoices.services.reconciling import AlreadyRunning, reconcile


class Command(BaseCommand):
    """`manage.py reconcile [--organization SLUG] [--since DAY] [--until DAY]`; ends with 1 when a run was partial."""

    help = "Reconcile sources, invoices and the authority, to the kobo, and report on the series of numbers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whom and which days."""
        parser.add_argument("--organization", metavar="SLUG", help="one organization; all by default")
        parser.add_argument("--since", type=date.fromisoformat, metavar="YYYY-MM-DD")
        parser.add_argument("--until", type=date.fromisoformat, metavar="YYYY-MM-DD")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reconcile and print each equation."""
        if options["since"] and options["until"] and options["since"] > options["until"]:
            raise CommandError("--since is after --until.")
        with scopes_disabled():
            chosen = Organization.objects.order_by("pk")
            if options["organization"]:
                chosen = chosen.filter(slug=options["organization"])
            organizations = list(chosen)
        if not organizations:
            raise CommandError("There is no such organization.")
        partial = [each for each in organizations if not self._reconcile(each, options)]
        if partial:
            raise CommandError(f"Partial: {', '.join(map(str, partial))}.")

    def _reconcile(self, organization: Organization, options: dict[str, Any]) -> bool:
        try:
            run = reconcile(organization=organization, since=options["since"], until=options["until"])
        except AlreadyRunning as problem:
            self.stderr.write(f"{organization}: {problem}")
            return False
        self.stdout.write(f"{organization}: {run}, {run.sources} sources, {run.get_state_display().lower()}")
        for currency, row in run.figures.items():
            if currency:
                self.stdout.write(f"  {row['asked']} {currency} asked = {row['acknowledged']} acknowledged")
            for cause, (count, amount) in row["causes"].items():
                self.stdout.write(f"    + {amount}  {CAUSES[cause]} ({count})")
        if run.problem:
            self.stdout.write(f"  {run.problem}")
        with scope(organization=organization):
            for series in number_report():
                gaps = f"missing: {', '.join(series.gaps)}" if series.gaps else "none missing"
                told = f"{series.used} of {series.last} numbers used, {len(series.voided)} voided, {gaps}"
                self.stdout.write(f"  {series.prefix}: {told}")
        return run.state == RunState.COMPLETE
