"""Puts invoices where tests need them, by moves that the database allows; or with its guards down, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection as database
from django.utils import timezone

from accounts.models import User
from invoices.models import Invoice, Status, Step, Submission, VoidedFor

ROADS: dict[str, tuple[Status, ...]] = {
    Status.DRAFT: (),
    Status.READY: (),
    Status.APPROVED: (Status.APPROVED,),
    Status.SUBMITTING: (Status.SUBMITTING,),
    Status.UNKNOWN: (Status.SUBMITTING, Status.UNKNOWN),
    Status.REJECTED: (Status.SUBMITTING, Status.REJECTED),
    Status.CONFIG_ERROR: (Status.SUBMITTING, Status.CONFIG_ERROR),
    Status.SIGNED: (Status.SUBMITTING, Status.SIGNED),
    Status.TRANSMITTED: (Status.SUBMITTING, Status.SIGNED, Status.TRANSMITTED),
    Status.DELIVERED: (Status.SUBMITTING, Status.SIGNED, Status.DELIVERED),
    Status.CREDITED: (Status.SUBMITTING, Status.SIGNED, Status.CREDITED),
    Status.VOIDED: (Status.VOIDED,),
}


def stand_at(invoice: Invoice, status: str, **columns: Any) -> Invoice:
    """Move a READY invoice to a status as the services do, with the evidence that a signature needs; return it."""
    for step in ROADS[status]:
        Invoice.objects.filter(pk=invoice.pk).update(status=step, **_columns(invoice, step))
    if columns:
        Invoice.objects.filter(pk=invoice.pk).update(**columns)
    return Invoice.objects.get(pk=invoice.pk)


def _columns(invoice: Invoice, step: Status) -> dict[str, Any]:
    now = timezone.now()
    match step:
        case Status.APPROVED:
            by, _ = User.objects.get_or_create(email="second.person@example.test")
            return {"needs_approval": True, "approved_by": by, "approved_at": now}
        case Status.SUBMITTING:
            return {"lease_until": now + timedelta(minutes=5), "next_attempt_at": None}
        case Status.SIGNED:
            Submission.objects.get_or_create(
                invoice=invoice, attempt=99, step=Step.SIGN, defaults={"started_at": now, "outcome": "accepted"}
            )
            return {"signed_at": now, "lease_until": None}
        case Status.UNKNOWN:
            return {"next_attempt_at": now, "lease_until": None}
        case Status.VOIDED:
            return {"voided_for": VoidedFor.PERSON, "void_reason": "Invented for a test.", "next_attempt_at": None}
    return {}


@contextmanager
def unguarded() -> Iterator[None]:
    """Let a test do what the database forbids everybody else, for example forget all invoices."""
    switch = "ALTER TABLE invoices_{table} {way} TRIGGER invoices_guard_{guard}"
    guards = (("invoice", "invoice"), ("invoicemove", "moves"))
    with database.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks still to be made cannot be altered
        for table, guard in guards:
            cursor.execute(switch.format(table=table, way="DISABLE", guard=guard))
        yield
        for table, guard in guards:
            cursor.execute(switch.format(table=table, way="ENABLE", guard=guard))
