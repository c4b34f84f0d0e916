"""Gives open invoices their deadlines anew after the law or an organization's target has changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone
from django_scopes import scopes_disabled

from invoices.models import OPEN, Invoice
from invoices.services.columns import put_deadline
from invoices.services.law import law_in_force

HEAVY = ("document", "draft", "snapshot", "qr_payload", "server_qr", "csid", "missing")
CHUNK = 500
MOMENT = timedelta(seconds=1)  # less is the time between making an invoice and storing it


def recount_deadlines() -> int:
    """Give every open invoice its deadline by what holds now; return how many it moved."""
    law, now, moved = law_in_force(), timezone.now(), 0
    with scopes_disabled():
        for chunk in _chunks():
            changed = []
            for invoice in chunk:
                before = (invoice.deadline_at, invoice.deadline_rule)
                put_deadline(invoice, law, invoice.business.target_hours if invoice.business else 0, now)
                if before[1] != invoice.deadline_rule or _differ(before[0], invoice.deadline_at):
                    changed.append(invoice)
            Invoice.objects.bulk_update(changed, ["deadline_at", "deadline_rule"])
            moved += len(changed)
    return moved


def _differ(before: datetime | None, after: datetime | None) -> bool:
    return before != after if before is None or after is None else abs(before - after) > MOMENT


def _chunks() -> Iterator[list[Invoice]]:
    """Yield open invoices by their ids, so that one that moves meanwhile is neither met twice nor missed."""
    last = 0
    while True:
        found = Invoice.objects.filter(status__in=OPEN, pk__gt=last).order_by("pk").select_related("business")
        chunk = list(found.defer(*HEAVY)[:CHUNK])
        if not chunk:
            return
        yield chunk
        last = chunk[-1].pk
