"""Several workers at once, on their own connections, with real commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from time import sleep
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django_scopes import scope, scopes_disabled

from accounts.models import Organization
from integrations.models import Connection
from invoices.models import Business, Invoice, NumberSeries, Status, Submission
from invoices.services.issuing import issue_drafts, lock_issuing, reissue_held
from invoices.services.submitting import submit_due_invoices
from invoices.services.withdrawing import withdraw
from tests.invoices.making import make_draft
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(workers: int, work: Callable[[int], Any]) -> list[Any]:
    """Run the work in threads that start together, each with its own database connection."""
    from threading import Barrier

    barrier = Barrier(workers)

    def run(index: int) -> Any:
        barrier.wait(10)
        try:
            return work(index)
        finally:
            database.close()

    with ThreadPoolExecutor(workers) as pool:
        return [future.result(60) for future in [pool.submit(run, index) for index in range(workers)]]


@pytest.fixture
def everything() -> Iterator[None]:
    with scopes_disabled():
        yield


def test_two_workers_with_the_same_deals_make_one_invoice_each(
    organization: Organization, business: Business, account: Connection
) -> None:
    drafts = [make_draft(account.pk, str(index)) for index in range(20)]
    first, second = at_once(2, lambda _: issue_drafts(organization=organization, drafts=drafts))
    assert first == second
    assert Invoice.objects.count() == 20
    assert NumberSeries.objects.get().last_number == 20


def test_two_workers_with_the_same_deals_and_no_profile_make_one_draft_each(
    organization: Organization, account: Connection
) -> None:
    drafts = [make_draft(account.pk, str(index)) for index in range(20)]
    first, second = at_once(2, lambda _: issue_drafts(organization=organization, drafts=drafts))
    assert first == second
    assert Invoice.objects.open_drafts().count() == 20


def test_numbers_have_no_gap_when_four_workers_issue(
    organization: Organization, business: Business, account: Connection
) -> None:
    def work(index: int) -> None:
        for number in range(3):
            mine = [make_draft(account.pk, f"{index}-{number}-{each}") for each in range(5)]
            issue_drafts(organization=organization, drafts=mine)

    at_once(4, work)
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert numbers == [f"INV{position:06d}" for position in range(1, 61)]


def test_three_workers_drain_without_signing_anything_twice(
    organization: Organization, business: Business, account: Connection, sandbox: SandboxProcess
) -> None:
    issue_drafts(organization=organization, drafts=[make_draft(account.pk, str(index)) for index in range(30)])
    done = at_once(3, lambda _: submit_due_invoices())
    assert sum(counter["signed"] for counter in done) == 30
    received = sandbox.received()["mbs"]
    assert len(received["signed"]) == 30
    assert set(received["sign_attempts"].values()) == {1}
    assert Invoice.objects.filter(status=Status.SIGNED).count() == 30
    assert Submission.objects.filter(step="sign").count() == 30


@contextmanager
def meanwhile(work: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Run work in a thread, enter the block when it waits for a lock that we hold, and end when it has ended."""

    def run() -> Any:
        try:
            return work()
        finally:
            database.close()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run)
        _until_somebody_waits()
        yield future


def _until_somebody_waits() -> None:
    for _ in range(500):
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
        sleep(0.02)
    raise AssertionError("nobody waits for us")


def test_a_draft_that_is_issued_while_it_is_taken_back_is_voided_with_its_number(
    organization: Organization, business: Business, account: Connection
) -> None:
    held = make_draft(account.pk, "5", currency="")
    issue_drafts(organization=organization, drafts=[held])

    def take_back() -> int:
        with scope(organization=organization), transaction.atomic():
            return withdraw(connection=account, kind="deal", external_ids=["5"], why="The deal was lost.")

    with ExitStack() as until_the_end:
        with transaction.atomic():
            issue_drafts(organization=organization, drafts=[replace(held, currency="NGN")])
            taken = until_the_end.enter_context(meanwhile(take_back))
        assert taken.result(20) == 1
    invoice = Invoice.objects.get()
    assert (invoice.number, invoice.status) == ("INV000001", Status.VOIDED)


def test_a_draft_that_is_taken_back_while_it_waits_to_be_tried_again_stays_away(
    organization: Organization, business: Business, account: Connection
) -> None:
    Business.objects.update(service_id="")
    issue_drafts(organization=organization, drafts=[make_draft(account.pk, "5")])
    Business.objects.update(service_id=business.service_id)
    with ExitStack() as until_the_end:
        with transaction.atomic():
            lock_issuing(organization)
            tried = until_the_end.enter_context(meanwhile(lambda: reissue_held(organization=organization)))
            assert withdraw(connection=account, kind="deal", external_ids=["5"], why="It was lost.") == 1
        assert tried.result(20) == []
    assert not Invoice.objects.exists()
