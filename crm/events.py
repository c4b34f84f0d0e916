"""What events of a CRM lead to: the deals that they touch are read again, stored, and invoiced when due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import Count

from crm.models import Deal
from crm.records import Touched
from crm.services import invoice_due_deals, refresh_deals
from integrations.models import Connection
from invoices.models import Invoice, Status

DEALS_AT_ONCE = 100
NO_DEAL = "No stored deal depends on it. When one comes to, it is read as a whole."
SHOWN = 10


def refresh_touched(*, connection: Connection, touched: Mapping[int, Touched]) -> tuple[dict[int, str], bool]:
    """Read each touched deal once, however many events name it, and invoice what is due.

    `touched` is by event id. Returns why some events had nothing to do, by event id, and whether anything was
    invoiced or held. Raises what `refresh_deals` raises; what was stored before stays stored.
    """
    deals_of_event = _deals_of_events(connection.pk, touched)
    ids = sorted(set().union(*deals_of_event.values())) if deals_of_event else []
    is_issued = False
    for start in range(0, len(ids), DEALS_AT_ONCE):
        chunk = ids[start : start + DEALS_AT_ONCE]
        refresh_deals(connection=connection, external_ids=chunk)
        is_issued = bool(invoice_due_deals(connection=connection, only=chunk)) or is_issued
    return {event: NO_DEAL for event, deals in deals_of_event.items() if not deals}, is_issued


def _deals_of_events(connection_id: int, touched: Mapping[int, Touched]) -> dict[int, set[str]]:
    by_company = _stored(connection_id, "company__external_id", (each.companies for each in touched.values()))
    by_contact = _stored(connection_id, "contact__external_id", (each.contacts for each in touched.values()))
    by_line = _stored(connection_id, "lines__external_id", (each.lines for each in touched.values()))
    return {
        event: {
            *each.deals,
            *(deal for company in each.companies for deal in by_company.get(company, ())),
            *(deal for contact in each.contacts for deal in by_contact.get(contact, ())),
            *(deal for line in each.lines for deal in by_line.get(line, ())),
        }
        for event, each in touched.items()
    }


def _stored(connection_id: int, path: str, ids: Iterable[frozenset[str]]) -> dict[str, set[str]]:
    """Return the external ids of stored deals by the id of the party or line at `path`."""
    wanted = frozenset().union(*ids)
    found: dict[str, set[str]] = {}
    if wanted:
        rows = Deal.objects.filter(connection_id=connection_id, **{f"{path}__in": wanted})
        for key, deal in rows.order_by().values_list(path, "external_id"):
            found.setdefault(key, set()).add(deal)
    return found


def effects_of(*, connection_id: int, touched: Iterable[Touched], provider: str) -> list[str]:
    """Return, in sentences, what `refresh_touched` would do; changes nothing and asks the provider nothing."""
    by_event = _deals_of_events(connection_id, dict(enumerate(touched)))
    deals = sorted(set().union(*by_event.values())) if by_event else []
    if not deals:
        return ["No deal would be read: none that is stored depends on these events."]
    rest = f" and {len(deals) - SHOWN} more" if len(deals) > SHOWN else ""
    own = Invoice.objects.filter(connection_id=connection_id, source_kind="deal", source_external_id__in=deals)
    counts = dict(own.order_by().values_list("status").annotate(Count("pk")))
    drafts = counts.pop(Status.DRAFT, 0)
    return [
        f"{_count(len(deals), 'deal')} would be read again from {provider}: {', '.join(deals[:SHOWN])}{rest}.",
        f"{_count(drafts, 'open draft')} and {_count(sum(counts.values()), 'numbered invoice')} belong to "
        f"{'it' if len(deals) == 1 else 'them'}. A draft may change, be completed or be taken back; a numbered invoice "
        "is not changed and none is made twice.",
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
