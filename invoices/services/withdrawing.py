"""Takes invoices back before the authority has them: drafts are deleted, numbered ones voided with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django_scopes import scope

from accounts.models import User
from integrations.models import Connection
from invoices.models import REMAKEABLE, Invoice, Status, VoidedFor
from invoices.models.invoice import InvoiceQuerySet
from invoices.services.proposing import propose_credit


class NotToVoid(Exception):
    """It cannot be voided any more; `str()` is the sentence for people."""


def withdraw(
    *, connection: Connection, kind: str, external_ids: Sequence[str], why: str, but_parts: Sequence[str] = ()
) -> int:
    """Take back what these sources asked for and the authority does not have; return how many invoices that were.

    Runs in the caller's transaction. A draft has no number and is deleted. One with a number that certainly never
    reached the authority is voided: its number stays used, with the reason. What is being handed in, or is registered,
    stays as it is, and a credit is proposed. `but_parts` are left alone, and no credit is proposed where there are any.
    """
    if not external_ids:
        return 0
    mine = Invoice.objects.filter(connection=connection, source_kind=kind, source_external_id__in=list(external_ids))
    mine = mine.exclude(source_part__in=list(but_parts), type_code="381") if but_parts else mine
    # Locked first: one that is just being issued has a number by the time that it can be had, and is no draft then.
    locked = list(mine.select_for_update().order_by("pk").values_list("pk", flat=True))
    mine = Invoice.objects.filter(pk__in=locked)
    _, deleted = mine.open_drafts().delete()
    voided = _void(mine.filter(status__in=REMAKEABLE), VoidedFor.SOURCE, why, timezone.now())
    if not but_parts:
        propose_credit(connection=connection, kind=kind, external_ids=external_ids, why=why)
    return deleted.get("invoices.Invoice", 0) + voided


def void_invoice(*, invoice: Invoice, why: str, by: User) -> None:
    """Give up a numbered invoice that the authority does not have; raises NotToVoid, also without a reason."""
    if not why.strip():
        raise NotToVoid("Say why it is voided: the reason stands in the report on numbers.")
    with scope(organization=invoice.organization_id), transaction.atomic():
        locked = Invoice.objects.select_for_update().filter(pk=invoice.pk)
        if not _void(locked.filter(status__in=REMAKEABLE), VoidedFor.PERSON, f"{why.strip()} ({by})", timezone.now()):
            now = locked.get()
            raise NotToVoid(
                f"{now} stands at “{now.get_status_display()}”, so it cannot be voided. What the authority has is "
                "credited instead."
            )


def _void(invoices: InvoiceQuerySet, who: VoidedFor, why: str, now: datetime) -> int:
    return invoices.update(
        status=Status.VOIDED,
        voided_for=who,
        void_reason=why,
        next_attempt_at=None,
        problem="",
        problem_field="",
        updated_at=now,
    )


def open_draft_ids(*, connection: Connection, kind: str) -> list[str]:
    """Return the external ids of the sources whose drafts wait for a fact, in the order in which they were made."""
    drafts = Invoice.objects.open_drafts().filter(connection=connection, source_kind=kind)
    return list(drafts.order_by("pk").values_list("source_external_id", flat=True))
