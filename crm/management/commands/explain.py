"""Tells all that happened to one thing, in order."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django_scopes import scope, scopes_disabled

from crm.models import Deal, DealAlias
from crm.services.explaining import explain_deal
from invoices.models import Invoice
from invoices.paper.screen import Event, history_of, newest_first
from invoices.services.explaining import trace_invoice
from invoices.tracing import NotTraceable


class Command(BaseCommand):
    """`manage.py explain deal ID` or `explain invoice IRN`: of a deal the provider's id, of an invoice IRN or number.

    A deal that was merged leads to the one that it is now.
    """

    help = "Print all that happened to a deal or an invoice, and where each value of the invoice comes from."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to explain."""
        parser.add_argument("kind", choices=["deal", "invoice"])
        parser.add_argument("name", metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each deal or invoice of that name, its timeline the oldest first."""
        name: str = options["name"]
        with scopes_disabled():
            found = _deals(name) if options["kind"] == "deal" else _invoices(name)
        if not found:
            what = f"deal {name} is stored here, under this id or a former one"
            raise CommandError(f"No {what if options['kind'] == 'deal' else f'invoice has the IRN or number {name}'}.")
        for each in found:
            with scope(organization=each.organization):
                self._print_deal(each) if isinstance(each, Deal) else self._print_invoice(each)

    def _print_deal(self, deal: Deal) -> None:
        self.stdout.write(f"Deal {deal.external_id} “{deal}” of {deal.organization}, from {deal.connection}")
        self._print_events(explain_deal(deal=deal))

    def _print_invoice(self, invoice: Invoice) -> None:
        self.stdout.write(f"{invoice} of {invoice.organization}: {invoice.get_status_display()}")
        self._print_events(newest_first(history_of(invoice, list(invoice.submissions.order_by("pk")))))
        self.stdout.write("Where its values come from")
        try:
            traced = trace_invoice(invoice=invoice)
        except NotTraceable as problem:
            self.stdout.write(f"  {problem}")
            return
        for each in traced:
            given = f" (there: {each.given})" if each.given and each.given != each.value else ""
            self.stdout.write(f"  {each.path} = {each.value}  ←  {each.origin}{given}")

    def _print_events(self, events: list[Event]) -> None:
        for event in reversed(events):
            by = f" · by {event.by}" if event.by else ""
            self.stdout.write(f"  {event.at:%Y-%m-%d %H:%M:%S} UTC  {event.what}{by}")
            if event.detail:
                self.stdout.write(f"      {event.detail}")


def _invoices(name: str) -> list[Invoice]:
    whole = Invoice.objects.select_related("organization", "connection", "business", "rule_set")
    return list(whole.filter(Q(irn=name) | Q(number=name)).order_by("pk"))


def _deals(external_id: str) -> list[Deal]:
    whole = Deal.objects.select_related("organization", "connection")
    found = list(whole.filter(external_id=external_id))
    aliases = DealAlias.objects.filter(external_id=external_id).values("deal_id")
    return list(dict.fromkeys([*found, *whole.filter(pk__in=aliases)]))
