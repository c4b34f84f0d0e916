"""Takes back drafts whose source no longer asks for an invoice."""

from __future__ import annotations

from collections.abc import Sequence

from integrations.models import Connection
from invoices.models import Invoice


def withdraw_drafts(*, connection: Connection, kind: str, external_ids: Sequence[str]) -> int:
    """Delete the drafts of these sources and return how many there were; whatever has a number stays.

    Runs in the caller's transaction. A draft has no number, so no gap comes of it.
    """
    if not external_ids:
        return 0
    drafts = Invoice.objects.open_drafts().filter(
        connection=connection, source_kind=kind, source_external_id__in=list(external_ids)
    )
    # Locked first: one that is just being issued has a number by the time that it can be had, and is no draft then.
    locked = list(drafts.select_for_update().order_by("pk").values_list("pk", flat=True))
    _, deleted = Invoice.objects.filter(pk__in=locked).delete()
    return deleted.get("invoices.Invoice", 0)


def open_draft_ids(*, connection: Connection, kind: str) -> list[str]:
    """Return the external ids of the sources whose drafts wait for a fact, in the order in which they were made."""
    drafts = Invoice.objects.open_drafts().filter(connection=connection, source_kind=kind)
    return list(drafts.order_by("pk").values_list("source_external_id", flat=True))
