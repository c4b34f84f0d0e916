"""Submits what is due in the foreground, with progress, and says what is left and why."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from django_scopes import scopes_disabled

from accounts.models import Organization
from invoices.models import WAITING, Business, Invoice, Status
from invoices.services.attempting import Result
from invoices.services.submitting import submit_due_invoices

PROBLEMS_SHOWN = 20
PROGRESS_EVERY = 25
LEFT = (*WAITING, Status.SUBMITTING, Status.REJECTED, Status.CONFIG_ERROR)


class Command(BaseCommand):
    """`manage.py submit_invoices [--organization SLUG]`: exit code 1 while anything is left unsettled."""

    help = "Submit the invoices that are due to the tax authority, and ask about those whose outcome is not known."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take an organization."""
        parser.add_argument("--organization", metavar="SLUG", help="only this organization (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Drain, print the counts and the problems; raises CommandError when something is left."""
        organization = _organization(options["organization"])
        done = submit_due_invoices(organization=organization, after_each=self._progress())
        with scopes_disabled():
            invoices = Invoice.objects.all()
            businesses = Business.objects.exclude(submissions_paused_reason="")
            if organization is not None:
                invoices = invoices.filter(organization=organization)
                businesses = businesses.filter(organization=organization)
            self._report(done, invoices, businesses)

    def _progress(self) -> Any:
        total = 0

        def after_each(result: Result) -> None:
            nonlocal total
            total += 1
            if total % PROGRESS_EVERY == 0:
                self.stdout.write(f"{total} done, the last one: {result.invoice.number} {result.status.label}")
                self.stdout.flush()

        return after_each

    def _report(self, done: Counter[str], invoices: QuerySet[Invoice], businesses: QuerySet[Business]) -> None:
        if not done:
            self.stdout.write("Nothing was due.")
        for status, number in sorted(done.items()):
            self.stdout.write(f"{Status(status).label}: {number}")
        left = invoices.filter(status__in=LEFT).order_by("pk")
        for invoice in left.exclude(problem="")[:PROBLEMS_SHOWN]:
            self.stdout.write(f"  {invoice.number}: {invoice.problem}")
        for business in businesses.select_related("organization"):
            self.stdout.write(f"  {business} is paused: {business.submissions_paused_reason}")
        drafts = invoices.filter(status=Status.DRAFT).count()
        if drafts:
            self.stdout.write(f"Held back for lack of facts, and not counted as left: {drafts}")
        if left.exists():
            raise CommandError(_what_is_left(left))


def _organization(slug: str | None) -> Organization | None:
    if slug is None:
        return None
    try:
        return Organization.objects.get(slug=slug)
    except Organization.DoesNotExist:
        raise CommandError(f"There is no organization {slug!r}. `--organization` takes its slug.") from None


def _what_is_left(left: QuerySet[Invoice]) -> str:
    counts = Counter(left.values_list("status", flat=True))
    parts = ", ".join(f"{number} {Status(status).label.lower()}" for status, number in sorted(counts.items()))
    return (
        f"Not all invoices are signed: {parts}. Rejected ones wait for a correction at their source, paused ones for "
        "their keys; the others are tried again by themselves when their time comes."
    )
