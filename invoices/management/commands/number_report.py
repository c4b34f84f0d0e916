"""Reports on the series of invoice numbers: used, voided, missing, twice."""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_scopes import scope, scopes_disabled

from accounts.models import Organization
from invoices.services.numbering import number_report, rows_of


class Command(BaseCommand):
    """`manage.py number_report [--organization SLUG] [--csv]`; ends with 1 when a series is not whole."""

    help = "Report on every series of numbers: how many are used, which are voided and why, which are missing or twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whose, and the form."""
        parser.add_argument("--organization", metavar="SLUG", help="one organization; all by default")
        parser.add_argument("--csv", action="store_true", help="as a table for a spreadsheet")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the reports."""
        with scopes_disabled():
            chosen = Organization.objects.order_by("pk")
            if options["organization"]:
                chosen = chosen.filter(slug=options["organization"])
            organizations = list(chosen)
        if not organizations:
            raise CommandError("There is no such organization.")
        broken = [str(each) for each in organizations if not self._report(each, as_csv=options["csv"])]
        if broken:
            raise CommandError(f"Not whole: {', '.join(broken)}.")

    def _report(self, organization: Organization, *, as_csv: bool) -> bool:
        with scope(organization=organization):
            report = number_report()
        if as_csv:
            csv.writer(self.stdout).writerows(rows_of(report))
            return all(series.is_whole for series in report)
        for series in report:
            words = f"{organization}, {series.prefix}: {series.used} invoices of {series.last} numbers"
            words += f", {len(series.voided)} voided"
            words += f", missing {', '.join(series.gaps)}" if series.gaps else ", none missing"
            words += f", twice {', '.join(series.twice)}" if series.twice else ", none twice"
            words += f", but numbers go up to {series.highest}" if series.highest > series.last else ""
            self.stdout.write(words)
            for number, reason in series.voided:
                self.stdout.write(f"  {number} voided: {reason}")
        return all(series.is_whole for series in report)
