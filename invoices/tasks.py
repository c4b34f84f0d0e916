"""Celery tasks: a number in, one service call. What is due stands in the database; the broker is only a bell."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from invoices.services import (
    alarming,
    codelists,
    exchange_requests,
    issuing,
    law,
    mailing,
    reconciling,
    recounting,
    submitting,
)

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


@shared_task(name="invoices.tasks.work_exchanges")
def work_exchanges() -> None:
    """Pass on, report and compare what is due for a minute."""
    done = exchange_requests.work_exchanges(until=timezone.now() + TIME_BOX)
    if done:
        logger.info("exchanges_worked", **{name.replace(" ", "_"): number for name, number in done.items()})


@shared_task(name="invoices.tasks.refresh_code_lists")
def refresh_code_lists() -> None:
    """Fetch the authority's code lists; when one has changed, try again whatever is held."""
    if "changed" in codelists.refresh_code_lists().values():
        for organization in issuing.with_held_invoices():
            issuing.reissue_held(organization=organization)
        ring_submissions()


@shared_task(name="invoices.tasks.send_due_letters")
def send_due_letters() -> None:
    """Send the e-mails that are due for a minute."""
    done = mailing.send_due_letters(until=timezone.now() + TIME_BOX)
    if done:
        logger.info("letters_sent", **done)


@shared_task(name="invoices.tasks.retry_waiting_for_rates")
def retry_waiting_for_rates() -> None:
    """Try the drafts again that wait for an exchange rate."""
    for organization in law.waiting_for_rates():
        issuing.reissue_held(organization=organization)
    ring_submissions()


@shared_task(name="invoices.tasks.tell_deadlines")
def tell_deadlines() -> None:
    """Mail the deadlines that come near."""
    told = alarming.tell_deadlines()
    if told:
        logger.info("deadlines_told", invoices=told)


@shared_task(name="invoices.tasks.reconciliation_of")
def reconciliation_of(organization_id: int, user_id: int | None = None) -> None:
    """Reconcile one organization; at night its owners hear of what is new."""
    reconciling.reconcile_and_tell(organization_id=organization_id, user_id=user_id)


@shared_task(name="invoices.tasks.ring_reconciliations")
def ring_reconciliations() -> None:
    """Ring for every organization that has a business profile."""
    for organization_id in reconciling.organizations_to_reconcile():
        reconciliation_of.delay(organization_id)


def ring_reconciliation(organization_id: int, user_id: int) -> None:
    """Ask a worker to reconcile one organization once the current transaction commits."""
    transaction.on_commit(partial(_ring, reconciliation_of, organization_id, user_id))


@shared_task(name="invoices.tasks.recount_deadlines")
def recount_deadlines() -> None:
    """Give open invoices their deadlines anew."""
    logger.info("deadlines_recounted", moved=recounting.recount_deadlines())


def ring_recount() -> None:
    """Ask a worker to give open invoices their deadlines anew once the current transaction commits."""
    transaction.on_commit(partial(_ring, recount_deadlines))


def ring_rates() -> None:
    """Ask a worker to try what waits for an exchange rate once the current transaction commits."""
    transaction.on_commit(partial(_ring, retry_waiting_for_rates))


def ring_letters() -> None:
    """Ask a worker to send what is due once the current transaction commits."""
    transaction.on_commit(partial(_ring, send_due_letters))


def ring_exchanges() -> None:
    """Ask a worker to look at what is due with the authority once the current transaction commits."""
    transaction.on_commit(partial(_ring, work_exchanges))


def ring_submissions() -> None:
    """Ask a worker to drain what is due once the current transaction commits.

    A broker that is away costs time only: the periodic sweep finds the same rows.
    """
    transaction.on_commit(partial(_ring, submit_due_invoices))


def _ring(task: Any, *arguments: Any) -> None:
    try:
        task.delay(*arguments)
    except OperationalError as problem:
        logger.warning("bell_not_rung", reason=type(problem).__name__)
