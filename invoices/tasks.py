"""Celery tasks: a number in, one service call. What is due stands in the database; the broker is only a bell."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from invoices.services import submitting

logger = structlog.get_logger(__name__)

# A drain leaves its worker after this long, so that other work of the queue gets its turn.
TIME_BOX = timedelta(seconds=60)


@shared_task(name="invoices.tasks.submit_invoice")
def submit_invoice(invoice_id: int) -> None:
    """Submit one invoice, or ask about it, when it is due."""
    submitting.submit_invoice(invoice_id=invoice_id)


@shared_task(name="invoices.tasks.submit_due_invoices")
def submit_due_invoices() -> None:
    """Submit what is due for a minute; ring again when there is more."""
    until = timezone.now() + TIME_BOX
    done = submitting.submit_due_invoices(until=until)
    if done:
        logger.info("invoices_submitted", **done)
    if timezone.now() >= until and submitting.has_due():
        ring_submissions()


def ring_submissions() -> None:
    """Ask a worker to drain what is due once the current transaction commits.

    A broker that is away costs time only: the periodic sweep finds the same rows.
    """
    transaction.on_commit(_ring)


def _ring() -> None:
    try:
        submit_due_invoices.delay()
    except OperationalError as problem:
        logger.warning("bell_not_rung", reason=type(problem).__name__)
