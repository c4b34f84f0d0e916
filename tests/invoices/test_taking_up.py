"""What a dead worker was handing in is asked about within seconds, and repeated only when the first is surely over."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import Connection
from integrations.services import leases
from integrations.services.leases import LeaseLost
from invoices.authority.base import Accepted
from invoices.models import (
    Business,
    Exchange,
    ExchangeCall,
    Invoice,
    PaperSent,
    Post,
    Purpose,
    Stage,
    Status,
    Step,
    Submission,
)
from invoices.services import attempting, exchanging, mailing
from invoices.services.attempting import SENDING_LASTS, attempt
from invoices.services.authority_keys import Group, authority_for
from invoices.services.exchange_requests import request_exchange, work_exchanges
from invoices.services.exchanging import STILL_UNDER_WAY, Authorities, Outcome, give_up_dead_claims, record
from invoices.services.submitting import claim_next, submit_due_invoices, submit_invoice
from tests.sandbox_process import SandboxProcess

SIGN = "/api/v1/invoice/sign"
DEAD = timedelta(seconds=1)


@pytest.fixture
def invoice(issue: Callable[..., Invoice], business: Business) -> Invoice:
    return issue()


@pytest.fixture
def signed(invoice: Invoice) -> Invoice:
    return submit_invoice(invoice_id=invoice.pk)


def again(invoice: Invoice) -> Invoice:
    """Submit without waiting for the time that the schedule set."""
    Invoice.objects.filter(pk=invoice.pk).update(next_attempt_at=timezone.now())
    return submit_invoice(invoice_id=invoice.pk)


def hand_in_and_die(invoice: Invoice) -> None:
    """Leave what a worker leaves that dies while it waits for the answer to its hand-in."""
    claim = claim_next(None)
    assert claim is not None
    Submission.objects.create(
        invoice=invoice, attempt=claim.attempt, step=Step.SIGN, started_at=timezone.now(),
        request_sha256=invoice.document_sha256,
    )  # fmt: skip
    Invoice.objects.filter(pk=invoice.pk).update(lease_until=timezone.now() - DEAD)


def sent(sandbox: SandboxProcess) -> dict[str, int]:
    found: dict[str, int] = sandbox.received()["mbs"]["sign_attempts"]
    return found


@pytest.mark.django_db(transaction=True)
def test_a_claim_is_renewed_as_long_as_the_attempt_lasts(
    invoice: Invoice, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEWED_EVERY", 0.2)
    monkeypatch.setattr(leases, "LASTS", 1)
    monkeypatch.setattr(leases, "UNTIL", "clock_timestamp() + interval '1 second'")
    monkeypatch.setattr(leases, "_keeper", leases._Keeper())
    was_given_up = []
    ask = attempting._call

    def look_after_a_while(*arguments: object) -> object:
        time.sleep(2)
        was_given_up.append(Invoice.objects.abandoned().exists())
        return ask(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(attempting, "_call", look_after_a_while)
    assert submit_invoice(invoice_id=invoice.pk).status == Status.SIGNED
    assert was_given_up == [False, False]


def test_a_hand_in_whose_worker_died_is_found_when_somebody_asks(
    invoice: Invoice, business: Business, sandbox: SandboxProcess
) -> None:
    claim = claim_next(None)
    assert claim is not None
    authority = authority_for(business, Group.DOCUMENTS)
    assert attempt(authority, claim).status == Status.SIGNED  # and it dies before that is recorded
    authority.close()
    Invoice.objects.update(lease_until=timezone.now() - DEAD)
    assert submit_due_invoices() == {"signed": 1}
    assert sent(sandbox) == {invoice.irn: 1}


def test_a_hand_in_that_may_still_arrive_is_asked_about_and_not_repeated(
    invoice: Invoice, sandbox: SandboxProcess
) -> None:
    hand_in_and_die(invoice)
    for _ in range(4):
        waiting = again(invoice)
        assert (waiting.status, sent(sandbox)) == (Status.UNKNOWN, {})
        assert waiting.next_attempt_at is not None
        assert waiting.next_attempt_at <= Submission.objects.get(step=Step.SIGN).started_at + SENDING_LASTS
    Submission.objects.filter(step=Step.SIGN).update(started_at=timezone.now() - SENDING_LASTS)
    assert again(invoice).seen_absent, "only from now on it counts that it is not there"
    assert again(invoice).status == Status.SIGNED
    assert sent(sandbox) == {invoice.irn: 1}


def test_a_hand_in_that_arrives_after_its_worker_died_is_found_and_not_repeated(
    invoice: Invoice, business: Business, sandbox: SandboxProcess
) -> None:
    sandbox.mbs_fault("late_commit", SIGN, seconds=2, answer="drop")
    claim = claim_next(None)
    assert claim is not None
    authority = authority_for(business, Group.DOCUMENTS)
    attempt(authority, claim)
    authority.close()
    Submission.objects.filter(step=Step.SIGN).update(finished_at=None)  # it died before it heard that none came
    Invoice.objects.update(lease_until=timezone.now() - DEAD)
    submit_due_invoices()
    assert again(invoice).status == Status.UNKNOWN
    time.sleep(2.5)
    assert again(invoice).status == Status.SIGNED
    assert sent(sandbox) == {invoice.irn: 1}


def test_a_worker_that_was_given_up_hands_nothing_in(
    invoice: Invoice, business: Business, sandbox: SandboxProcess
) -> None:
    claim = claim_next(None)
    assert claim is not None
    Invoice.objects.update(lease_until=timezone.now() - DEAD)
    assert submit_invoice(invoice_id=invoice.pk).status == Status.UNKNOWN
    authority = authority_for(business, Group.DOCUMENTS)
    with pytest.raises(LeaseLost):
        attempt(authority, claim)
    authority.close()
    assert sent(sandbox) == {}


def test_a_drain_goes_on_after_it_lost_one_of_its_claims(
    issue: Callable[..., Invoice], business: Business, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = issue(), issue()
    validate = attempting._validate

    def be_given_up(authority: object, claim: attempting.Claim) -> object:
        if claim.invoice.pk == first.pk:
            Invoice.objects.filter(pk=first.pk).update(
                lease_until=None, status=Status.UNKNOWN, next_attempt_at=timezone.now() + SENDING_LASTS
            )
        return validate(authority, claim)  # type: ignore[arg-type]

    monkeypatch.setattr(attempting, "_validate", be_given_up)
    assert submit_due_invoices() == {"signed": 1}
    assert sent(sandbox) == {second.irn: 1}


def test_what_may_still_arrive_at_the_exchange_is_not_passed_on_again(signed: Invoice, sandbox: SandboxProcess) -> None:
    request_exchange(invoice=signed, purpose=Purpose.TRANSMIT)
    work = exchanging.claim_next(Authorities())
    assert work is not None
    work.about_to_send()
    begun = timezone.now()
    call = ExchangeCall.objects.create(exchange=work.exchange, attempt=work.attempt, step="transmit", started_at=begun)
    Exchange.objects.update(lease_until=begun - DEAD)
    work_exchanges()
    row = Exchange.objects.get()
    assert (row.stage, row.problem) == (Stage.WAITING, STILL_UNDER_WAY)
    assert row.next_attempt_at is not None
    assert row.next_attempt_at <= timezone.now() + exchanging.LOOKED_FOR_EVERY
    assert not [entry for entry in sandbox.mbs_log() if "/transmit/" in entry["path"]]
    ExchangeCall.objects.filter(pk=call.pk).update(finished_at=timezone.now())
    Exchange.objects.update(next_attempt_at=timezone.now())
    sandbox.set(mbs_webhook_target="http://127.0.0.1:9/", mbs_buyer_acknowledges=False)
    work_exchanges()
    assert Exchange.objects.get().stage == Stage.HANDED_ON


def test_a_worker_that_was_given_up_calls_the_exchange_no_more(signed: Invoice) -> None:
    request_exchange(invoice=signed, purpose=Purpose.COMPARE)
    work = exchanging.claim_next(Authorities())
    assert work is not None
    Exchange.objects.update(lease_until=timezone.now() - DEAD)
    give_up_dead_claims()
    with pytest.raises(LeaseLost):
        exchanging.call(work, "confirm", lambda: Accepted({}))
    with pytest.raises(LeaseLost):
        work.about_to_send()
    assert not ExchangeCall.objects.exists()


def test_a_report_that_is_held_while_its_worker_still_lives_is_done_when_it_says_so(signed: Invoice) -> None:
    row = Exchange.objects.create(invoice=signed, purpose=Purpose.VAT, next_attempt_at=timezone.now())
    work = exchanging.claim_next(Authorities())
    assert work is not None
    work.about_to_send()
    Exchange.objects.update(lease_until=timezone.now() - DEAD)
    give_up_dead_claims()
    assert Exchange.objects.get(pk=row.pk).stage == Stage.HELD
    record(work, Outcome(Stage.DONE))
    assert Exchange.objects.get(pk=row.pk).stage == Stage.DONE


def test_a_worker_whose_letter_was_taken_over_does_not_send_it(signed: Invoice, account: Connection) -> None:
    PaperSent.objects.create(invoice=signed, to="buyer@example.com", next_attempt_at=timezone.now())
    slow = mailing._claim()
    assert slow is not None
    claim = leases.claim_of(slow, slow.attempts)
    PaperSent.objects.update(lease_until=timezone.now() - DEAD)
    assert mailing._claim() is not None, "another worker has it"
    with pytest.raises(LeaseLost):
        mailing._send(slow, claim)
    assert PaperSent.objects.get().outcome == Post.SENDING


def test_a_worker_that_hangs_and_does_not_die_is_replaced_too(invoice: Invoice) -> None:
    claim = claim_next(None)
    assert claim is not None
    assert leases._renewed(claim.lease)
    claimed_at = timezone.now() - timedelta(minutes=leases.CLAIMED_AT_MOST)
    Invoice.objects.filter(pk=invoice.pk).update(updated_at=claimed_at)
    assert not leases._renewed(claim.lease)
