"""Storing payments: once each, in whichever order they are read, and never an older read over a newer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from integrations.models import Connection
from integrations.services.syncs import SaveCounts
from pos.models import PaymentState, TerminalPayment
from pos.records import PaymentRecord
from pos.services.matching import note, release

GIVEN_BACK = "The money was given back, so it pays invoice {number} no longer. {told}"
LESS = "A part of it was given back after it was matched, so invoice {number} is not paid in full by it. {told}"
CHANGED = "Its provider tells it otherwise now than when it was matched to invoice {number}. {told}"
TOLD = "Where the authority was told that the invoice is paid, set its payment status back on the invoice's page."


def save_payments(*, connection: Connection, records: Sequence[PaymentRecord], read_at: datetime) -> SaveCounts:
    """Store payments by a read that began at `read_at`; what is stored from a later read stays as it is.

    A matched payment of which something was given back is let go or marked, never left as it was.
    """
    counted: Counter[str] = Counter()
    with transaction.atomic():
        # In their own order: two workers with the same payments would otherwise wait for each other for ever.
        newest = {record.external_id: record for record in records}
        for external_id in sorted(newest):
            counted[_save(connection, newest[external_id], read_at)] += 1
    return SaveCounts(created=counted["created"], changed=counted["changed"], unchanged=counted["unchanged"])


def _save(connection: Connection, record: PaymentRecord, read_at: datetime) -> str:
    mine = {"connection": connection, "external_id": record.external_id}
    fresh = {**_columns(record, None), "read_at": read_at, "organization_id": connection.organization_id}
    _, is_new = TerminalPayment.objects.get_or_create(**mine, defaults=fresh)
    if is_new:
        return "created"
    payment = TerminalPayment.objects.select_for_update(of=("self",)).select_related("invoice").get(**mine)
    if payment.read_at > read_at:
        return "unchanged"
    columns = _columns(record, payment)
    changed = {name: value for name, value in columns.items() if getattr(payment, name) != value}
    payment.read_at = read_at
    if not changed:
        payment.save(update_fields=["read_at"])
        return "unchanged"
    if payment.invoice is not None:
        _let_go_or_mark(payment, changed)
    for name, value in changed.items():
        setattr(payment, name, value)
    payment.looked_at = None
    payment.save()
    return "changed"


def _columns(record: PaymentRecord, stored: TerminalPayment | None) -> dict[str, Any]:
    """Return what is stored of a record; what it does not tell of refunds stays as it was read before."""
    refunded = record.refunded_amount
    if refunded is None:
        refunded = stored.refunded_amount if stored else Decimal(0)
    state: str = record.state
    if state == PaymentState.REVERSED:
        refunded = record.amount
    elif state == PaymentState.SUCCEEDED and refunded >= record.amount > 0:
        state = PaymentState.REVERSED  # a list may go on calling it paid
    return {
        "reference": record.reference,
        "terminal_id": record.terminal_id,
        "named": list(record.named),
        "state": state,
        "currency": record.currency,
        "amount": record.amount,
        "refunded_amount": min(refunded, record.amount),
        "made_at": record.created_at,
        "paid_at": record.paid_at,
    }


def _let_go_or_mark(payment: TerminalPayment, changed: dict[str, Any]) -> None:
    assert payment.invoice is not None  # noqa: S101 - the caller has looked
    facts = {"number": payment.invoice.number, "told": TOLD}
    if changed.get("state", payment.state) != PaymentState.SUCCEEDED:
        problem = GIVEN_BACK.format(**facts)
    elif changed.keys() & {"amount", "currency"}:
        problem = CHANGED.format(**facts)
    elif changed.get("refunded_amount", payment.refunded_amount) > payment.refunded_amount:
        payment.problem = LESS.format(**facts)
        note(payment, payment.problem)
        return
    elif "refunded_amount" in changed:
        problem = CHANGED.format(**facts)  # more of it counts again than there may be room for
    else:
        return
    release(payment)
    payment.problem, payment.is_decided = problem, True  # no rule matches it again: a person looks
    note(payment, problem)
