"""Turning a connection's due deals into invoices and drafts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from crm.models import Deal, DealAlias
from crm.services.converting import CONVERSION, drafts_of_deals
from crm.services.reading import STREAM, refresh_deals
from crm.storage import TORN
from integrations.base.errors import IntegrationError
from integrations.models import Connection, Quarantine
from integrations.services.quarantine import release
from integrations.services.syncs import may_be_read
from invoices.irn import in_lagos
from invoices.services.issuing import Issued, issue_drafts, lock_issuing

logger = structlog.get_logger(__name__)

INVOICES_A_TRANSACTION = 100
# Lines and associations change without moving a deal's change time, so what was stored longer ago is read again
# before it becomes an invoice.
FRESH = timedelta(minutes=15)


def invoice_due_deals(*, connection: Connection, only: Sequence[str] = ()) -> list[Issued]:
    """Turn this connection's due deals into invoices and drafts, a hundred a transaction; return what became of each.

    `only` limits it to some external ids. A deal that another worker holds is left to it, a quarantined one to its
    release. What was stored too long ago is read again first; while it cannot be read, it stays due.
    """
    issued = _invoice(connection, only, read_now=())
    stale = list(_due(connection, only).values_list("external_id", flat=True)) if may_be_read(connection) else []
    for start in range(0, len(stale), INVOICES_A_TRANSACTION):
        batch = stale[start : start + INVOICES_A_TRANSACTION]
        try:
            refresh_deals(connection=connection, external_ids=batch)
        except IntegrationError as problem:
            logger.warning("due_deals_not_read_again", connection=connection.pk, reason=problem.sentence)
            break
        issued += _invoice(connection, batch, read_now=batch)
    return issued


def retry_conversions(*, connection: Connection, external_ids: Sequence[str]) -> int:
    """Make those of these deals due again that our converter broke on, and return how many there are."""
    broken = Quarantine.objects.filter(
        connection=connection, stream=CONVERSION, resolved_at=None, external_id__in=external_ids
    )
    kept = Deal.objects.filter(is_archived=False, connection=connection, external_id__in=broken.values("external_id"))
    return kept.update(invoice_due=True)


def retry_held(*, keys: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Make those of these deals due that were read too long ago, and return them, as (connection, external id).

    They are read again before they are invoiced, by the next sweep.
    """
    stale = Deal.objects.filter(
        is_archived=False,
        stored_at__lt=timezone.now() - FRESH,
        connection_id__in={connection_id for connection_id, _ in keys},
        external_id__in={external_id for _, external_id in keys},
    )
    rows = stale.values_list("pk", "connection_id", "external_id")
    found = {pk: (account, external_id) for pk, account, external_id in rows if (account, external_id) in keys}
    Deal.objects.filter(pk__in=found).update(invoice_due=True)
    return set(found.values())


def wake_milestones() -> int:
    """Make the deals due whose next milestone has come, in every organization, and return how many there are."""
    waiting = Deal.objects.filter(is_archived=False, next_part_on__lte=in_lagos(timezone.now()).date())
    return waiting.update(invoice_due=True, next_part_on=None)


def due_count(*, connection: Connection) -> int:
    """Return how many deals wait to be looked at for invoicing."""
    return Deal.objects.due().filter(connection=connection).count()


def _invoice(connection: Connection, only: Sequence[str], *, read_now: Collection[str]) -> list[Issued]:
    issued: list[Issued] = []
    while True:
        with transaction.atomic():
            # Before the deals are chosen, so that every merge is seen whose result was invoiced before.
            lock_issuing(connection.organization)
            deals = list(_fresh(connection, only, read_now)[:INVOICES_A_TRANSACTION])
            if not deals:
                return issued
            drafts = drafts_of_deals(connection=connection, deals=deals)
            issued += issue_drafts(organization=connection.organization, drafts=drafts)
            release(
                connection=connection,
                stream=CONVERSION,
                external_ids=[draft.source.external_id for draft in drafts],
            )
            Deal.objects.filter(pk__in=[deal.pk for deal in deals]).update(invoice_due=False)


def _due(connection: Connection, only: Sequence[str]) -> Any:
    unreadable = Quarantine.objects.filter(connection=connection, stream=STREAM, resolved_at=None)
    merged = DealAlias.objects.filter(connection=connection)
    due = Deal.objects.due().filter(connection=connection).exclude(external_id__in=unreadable.values("external_id"))
    due = due.exclude(external_id__in=merged.values("external_id"))
    return due.filter(external_id__in=only).order_by("pk") if only else due.order_by("pk")


def _fresh(connection: Connection, only: Sequence[str], read_now: Collection[str]) -> Any:
    """Return due deals that were read a moment ago, locked; those in another worker's hands are passed over."""
    fresh = Q(stored_at__gte=timezone.now() - FRESH) & ~Q(content_hash=TORN) | Q(external_id__in=list(read_now))
    due = _due(connection, only).filter(fresh).select_for_update(skip_locked=True, of=("self",))
    return due.select_related("company__buyer_facts", "contact").prefetch_related("lines", "aliases")
