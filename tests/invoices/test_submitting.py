"""Handing in: signed once, rejected with a reason, or asked about until it is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import sleep
from typing import Any

import pytest
import requests
from django.db import connection as database
from django.utils import timezone

from accounts.models import Organization
from integrations.models import Connection
from invoices.models import Breaker, Business, Invoice, Status, Submission
from invoices.services.issuing import issue_drafts
from invoices.services.submitting import (
    BACK_OFF,
    claim_next,
    has_due,
    resume_submissions,
    submit_due_invoices,
    submit_invoice,
)
from tests.invoices.making import BUYER, make_draft
from tests.invoices.standing import unguarded
from tests.sandbox_process import SandboxProcess

SIGN, VALIDATE = "/api/v1/invoice/sign", "/api/v1/invoice/validate"
CONFIRM = "/api/v1/invoice/confirm"
BUSY = {
    "code": 400,
    "data": None,
    "message": "error has occurred",
    "error": {
        "id": "7f0c2a34-5b1d-4e8f-9a6b-0c1d2e3f4a5b",
        "handler": "invoice_actions",
        "details": "unable to complete this operation at this time, kindly try again later",
        "public_message": "validation failed: we are unable to process your request. also confirm this is not a "
        "duplicate request",
    },
}

Issue = Callable[..., Invoice]


@pytest.fixture
def invoice(issue: Issue, business: Business) -> Invoice:
    return issue()


def submit_again(invoice: Invoice) -> Invoice:
    """Submit without waiting for the time that the schedule set."""
    Invoice.objects.filter(pk=invoice.pk).update(next_attempt_at=timezone.now())
    Breaker.objects.filter(open_until__isnull=False).update(open_until=timezone.now())
    return submit_invoice(invoice_id=invoice.pk)


def steps(invoice: Invoice) -> list[tuple[int, str, str]]:
    return list(Submission.objects.filter(invoice=invoice).order_by("pk").values_list("attempt", "step", "outcome"))


def signed_at_authority(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    return sandbox.received()["mbs"]["signed"]


def test_a_ready_invoice_is_signed_with_its_frozen_bytes(invoice: Invoice, sandbox: SandboxProcess) -> None:
    signed = submit_invoice(invoice_id=invoice.pk)
    assert (signed.status, signed.problem, signed.lease_until) == (Status.SIGNED, "", None)
    assert signed.signed_at is not None
    [theirs] = signed_at_authority(sandbox)
    assert (theirs["irn"], theirs["body_sha256"]) == (invoice.irn, invoice.document_sha256)
    assert theirs["sums_ok"] is True
    assert steps(invoice) == [(1, "validate", "accepted"), (1, "sign", "accepted")]
    evidence = Submission.objects.get(step="sign")
    assert (evidence.http_status, evidence.request_sha256) == (201, invoice.document_sha256)
    assert '"ok":true' in evidence.response.replace(" ", "")
    assert evidence.finished_at is not None


def test_a_signed_invoice_is_left_alone(invoice: Invoice, sandbox: SandboxProcess) -> None:
    submit_invoice(invoice_id=invoice.pk)
    assert submit_invoice(invoice_id=invoice.pk).attempts == 1
    assert sandbox.received()["mbs"]["sign_attempts"] == {invoice.irn: 1}


def test_signed_there_but_the_answer_lost_is_signed_after_asking(invoice: Invoice, sandbox: SandboxProcess) -> None:
    sandbox.fail_next("POST", SIGN, drop="after")
    assert submit_invoice(invoice_id=invoice.pk).status == Status.SIGNED
    assert len(signed_at_authority(sandbox)) == 1
    assert sandbox.received()["mbs"]["sign_attempts"] == {invoice.irn: 1}
    assert steps(invoice)[1:] == [(1, "sign", "unclear"), (1, "confirm", "found")]


def test_lost_before_it_was_signed_is_sent_again_with_the_same_bytes(invoice: Invoice, sandbox: SandboxProcess) -> None:
    sandbox.fail_next("POST", SIGN, drop="before")
    first = submit_invoice(invoice_id=invoice.pk)
    assert (first.status, first.seen_absent) == (Status.UNKNOWN, True)
    assert "looked up once more" in first.problem
    assert submit_again(invoice).status == Status.SIGNED
    [theirs] = signed_at_authority(sandbox)
    assert theirs["body_sha256"] == invoice.document_sha256
    assert steps(invoice) == [
        (1, "validate", "accepted"),
        (1, "sign", "unclear"),
        (1, "confirm", "absent"),
        (1, "search", "absent"),
        (2, "confirm", "absent"),
        (2, "search", "absent"),
        (2, "sign", "accepted"),
    ]


def test_the_second_look_waits_as_long_as_it_was_told(invoice: Invoice, sandbox: SandboxProcess, settings: Any) -> None:
    settings.MBS_RESOLVE_WAIT_SECONDS = 30
    sandbox.fail_next("POST", SIGN, drop="before")
    before = timezone.now()
    unknown = submit_invoice(invoice_id=invoice.pk)
    wait = unknown.next_attempt_at - before
    assert timedelta(seconds=30) <= wait < timedelta(seconds=40)
    assert submit_invoice(invoice_id=invoice.pk).attempts == 1  # not due yet


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "body": {"code": 500, "data": None, "message": "error has occurred"}},
        {"status": 502, "body": "<html><h1>Bad gateway</h1></html>", "headers": {"Content-Type": "text/html"}},
        {"status": 400, "body": BUSY},
        {"status": 400, "body": "<html>no</html>", "headers": {"Content-Type": "text/html"}},
        {"status": 429, "body": {}},
        {"status": 200, "body": "not json"},
        {"status": 200, "body": {"code": 200, "data": {"ok": False}}},
        {"status": 302, "body": "", "headers": {"Location": "https://elsewhere.example/"}},
    ],
)
def test_an_unclear_answer_to_sign_is_asked_about_and_never_repeated_blindly(
    invoice: Invoice, sandbox: SandboxProcess, answer: dict[str, Any]
) -> None:
    sandbox.fail_next("POST", SIGN, **answer)
    unknown = submit_invoice(invoice_id=invoice.pk)
    assert unknown.status == Status.UNKNOWN
    assert [step for _, step, _ in steps(invoice)] == ["validate", "sign", "confirm", "search"]
    assert submit_again(invoice).status == Status.SIGNED
    assert len(signed_at_authority(sandbox)) == 1


def test_a_real_duplicate_answer_is_a_success_to_reconcile(invoice: Invoice, sandbox: SandboxProcess) -> None:
    """The answer was lost and the look-up failed too; validate is not asked again, so sign meets the duplicate text."""
    sandbox.set(
        fail_next=[
            {"method": "POST", "path_prefix": SIGN, "drop": "after", "times": 1},
            {"method": "GET", "path_prefix": "/api/v1/invoice", "status": 503, "times": 2},
        ]
    )
    assert submit_invoice(invoice_id=invoice.pk).status == Status.UNKNOWN
    with unguarded():  # as if a database had been restored from before
        Invoice.objects.update(status=Status.READY)
    assert submit_again(invoice).status == Status.SIGNED
    assert steps(invoice)[-2:] == [(2, "validate", "unclear"), (2, "confirm", "found")]
    assert len(signed_at_authority(sandbox)) == 1


def test_a_number_that_somebody_else_handed_in_is_not_taken_for_ours(invoice: Invoice, sandbox: SandboxProcess) -> None:
    keys = {"x-api-key": "sandbox-key", "x-api-secret": "sandbox-secret", "Content-Type": "application/json"}
    answer = requests.post(sandbox.url + SIGN, data=invoice.body, headers=keys, timeout=10)
    assert answer.status_code == 201
    refused = submit_invoice(invoice_id=invoice.pk)
    assert (refused.status, refused.problem_field) == (Status.REJECTED, "number")
    assert "was not handed in from here" in refused.problem


def test_look_ups_that_fail_back_off_and_send_nothing(invoice: Invoice, sandbox: SandboxProcess) -> None:
    failing = [
        {"method": "POST", "path_prefix": SIGN, "drop": "after", "times": 1},
        {"method": "GET", "path_prefix": "/api/v1/invoice", "status": 503, "times": 50},
    ]
    sandbox.set(fail_next=failing)
    invoice = submit_invoice(invoice_id=invoice.pk)
    waits = []
    for _ in range(7):
        waits.append(round((invoice.next_attempt_at - invoice.updated_at).total_seconds()))
        invoice = submit_again(invoice)
    assert waits == [*BACK_OFF, BACK_OFF[-1]]
    assert invoice.status == Status.UNKNOWN
    assert sandbox.received()["mbs"]["sign_attempts"] == {invoice.irn: 1}
    sandbox.set(fail_next=[])
    sandbox_is_well = submit_again(invoice)
    assert (sandbox_is_well.status, sandbox_is_well.setbacks) == (Status.SIGNED, 0)


def test_the_search_decides_when_confirm_is_in_trouble(invoice: Invoice, sandbox: SandboxProcess) -> None:
    sandbox.set(
        fail_next=[
            {"method": "POST", "path_prefix": SIGN, "drop": "after", "times": 1},
            {"method": "GET", "path_prefix": CONFIRM, "status": 500, "times": 1},
        ]
    )
    assert submit_invoice(invoice_id=invoice.pk).status == Status.SIGNED
    assert steps(invoice)[-2:] == [(1, "confirm", "lookup_failed"), (1, "search", "found")]


def test_a_worker_that_died_leaves_an_invoice_that_is_asked_about(invoice: Invoice, sandbox: SandboxProcess) -> None:
    claim = claim_next(None)
    assert claim is not None
    assert submit_invoice(invoice_id=invoice.pk).status == Status.SUBMITTING  # in another worker's hands
    Invoice.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    asked = submit_invoice(invoice_id=invoice.pk)
    assert (asked.status, asked.attempts) == (Status.UNKNOWN, 2)
    assert [step for _, step, _ in steps(invoice)] == ["confirm", "search"]
    assert submit_again(invoice).status == Status.SIGNED


def test_a_field_error_rejects_and_the_number_stays(
    issue: Issue, business: Business, account: Connection, sandbox: SandboxProcess
) -> None:
    details = "invoicerequest.invoice.accountingcustomerparty.tin must be at least in length or value 5"
    sandbox.fail_next("POST", VALIDATE, status=400, body={**BUSY, "error": {**BUSY["error"], "details": details}})
    draft = make_draft(account.pk, "77")
    first = issue(draft)
    rejected = submit_invoice(invoice_id=first.pk)
    assert (rejected.status, rejected.problem_field) == (Status.REJECTED, "buyer.tin")
    assert "The buyer's TIN was refused" in rejected.problem
    assert rejected.number == "INV000001"
    assert not has_due()

    assert issue(draft).status == Status.REJECTED  # nothing has changed
    corrected = issue(replace(draft, buyer=replace(BUYER, tin="90054399-0001")))
    assert (corrected.status, corrected.irn, corrected.problem) == (Status.READY, first.irn, "")
    assert corrected.body != first.body
    assert submit_invoice(invoice_id=first.pk).status == Status.SIGNED
    assert signed_at_authority(sandbox)[0]["buyer_tin"] == "90054399-0001"


def test_the_authoritys_own_refusal_is_read(issue: Issue, business: Business, sandbox: SandboxProcess) -> None:
    Business.objects.update(service_id="AAAABBBB")
    rejected = submit_invoice(invoice_id=issue().pk)
    assert (rejected.status, rejected.problem_field) == (Status.REJECTED, "seller.service_id")
    assert sandbox.received()["mbs"]["signed"] == []


def test_wrong_keys_pause_the_business_and_lose_nothing(
    organization: Organization, business: Business, account: Connection, sandbox: SandboxProcess
) -> None:
    business.api_secret = "wrong"
    business.save()
    issue_drafts(organization=organization, drafts=[make_draft(account.pk) for _ in range(3)])
    assert submit_due_invoices() == {"config_error": 1}
    business.refresh_from_db()
    assert "refuses the API keys" in business.submissions_paused_reason
    assert not has_due()
    assert Counter(Invoice.objects.values_list("status", flat=True)) == {Status.READY: 2, Status.CONFIG_ERROR: 1}

    business.api_secret = "sandbox-secret"
    business.save()
    resume_submissions(business=business)
    assert submit_due_invoices() == {"signed": 3}


def test_wrong_keys_at_a_look_up_leave_the_outcome_unknown(invoice: Invoice, sandbox: SandboxProcess) -> None:
    refusal = {**BUSY, "error": {"handler": "handler", "public_message": "unable to validate api key"}}
    sandbox.set(
        fail_next=[
            {"method": "POST", "path_prefix": SIGN, "drop": "after", "times": 1},
            {"method": "GET", "path_prefix": CONFIRM, "status": 400, "body": refusal, "times": 1},
        ]
    )
    unknown = submit_invoice(invoice_id=invoice.pk)
    assert unknown.status == Status.UNKNOWN
    assert unknown.business is not None
    assert unknown.business.is_paused


def test_without_any_keys_nothing_is_sent(issue: Issue, business: Business, sandbox: SandboxProcess) -> None:
    Business.objects.update(api_key=None, api_secret=None)
    paused = submit_invoice(invoice_id=issue().pk)
    assert paused.status == Status.CONFIG_ERROR
    assert paused.business is not None
    assert "No API key" in paused.business.submissions_paused_reason
    assert sandbox.received()["mbs"]["calls"] == 0


def test_the_operators_keys_serve_a_business_without_its_own(issue: Issue, business: Business, settings: Any) -> None:
    Business.objects.update(api_key=None, api_secret=None)
    settings.MBS_API_KEY, settings.MBS_API_SECRET = "sandbox-key", "sandbox-secret"
    assert submit_invoice(invoice_id=issue().pk).status == Status.SIGNED


def test_an_authority_that_is_away_stops_the_drain_and_keeps_everything_ready(
    organization: Organization, business: Business, account: Connection, settings: Any
) -> None:
    settings.MBS_BASE_URL = "http://127.0.0.1:9"  # nobody listens on the discard port
    issue_drafts(organization=organization, drafts=[make_draft(account.pk) for _ in range(5)])
    assert submit_due_invoices() == {"ready": 3}
    assert set(Invoice.objects.values_list("status", flat=True)) == {Status.READY}
    assert Submission.objects.filter(step="sign").count() == 0
    assert "could not be reached" in Invoice.objects.order_by("pk")[0].problem


def test_a_busy_answer_to_validate_waits_and_is_tried_again(invoice: Invoice, sandbox: SandboxProcess) -> None:
    sandbox.fail_next("POST", VALIDATE, status=400, body=BUSY)
    waiting = submit_invoice(invoice_id=invoice.pk)
    assert waiting.status == Status.READY
    assert "Nothing was handed in yet" in waiting.problem
    assert submit_again(invoice).status == Status.SIGNED


def test_a_number_there_with_another_date_raises_an_alarm(invoice: Invoice, sandbox: SandboxProcess) -> None:
    data = {"code": 200, "data": {"issue_date": "2020-01-01", "payment_status": "PENDING"}}
    sandbox.set(
        fail_next=[
            {"method": "POST", "path_prefix": SIGN, "drop": "after", "times": 1},
            {"method": "GET", "path_prefix": CONFIRM, "status": 200, "body": data, "times": 1},
        ]
    )
    signed = submit_invoice(invoice_id=invoice.pk)
    assert signed.status == Status.SIGNED
    assert "with the issue date 2020-01-01" in signed.problem


def test_a_stamp_that_the_authority_sends_one_day_is_kept(invoice: Invoice, sandbox: SandboxProcess) -> None:
    body = {"code": 201, "data": {"ok": True, "csid": "stamp", "qrCode": "code"}}
    sandbox.fail_next("POST", SIGN, status=201, body=body)
    signed = submit_invoice(invoice_id=invoice.pk)
    assert (signed.csid, signed.server_qr) == ("stamp", "code")


def test_a_drain_takes_one_organization_when_told(
    issue: Issue, business: Business, other_organization: Organization
) -> None:
    issue()
    assert submit_due_invoices(organization=other_organization) == {}
    assert submit_due_invoices(until=timezone.now()) == {}
    assert submit_due_invoices(organization=business.organization) == {"signed": 1}


def test_counts_name_every_status(issue: Issue, business: Business) -> None:
    issue()
    issue(buyer=None)
    counts = Invoice.objects.counts_by_status()
    assert counts == {**dict.fromkeys(Status.values, 0), "draft": 1, "ready": 1}


def test_an_authority_that_asks_for_a_wait_is_left_alone_by_everybody_until_it_is_over(
    issue: Callable[..., Invoice], business: Business, sandbox: SandboxProcess
) -> None:
    first, second = issue(), issue()
    sandbox.fail_next(
        "POST", "/api/v1/invoice/validate", status=429, headers={"Retry-After": "2"}, body={"message": "Slow down"}
    )
    assert submit_invoice(invoice_id=first.pk).status == Status.READY
    assert submit_invoice(invoice_id=second.pk).attempts == 0, "nothing is begun meanwhile"
    calls = sandbox.get("/_control/mbs/log")
    assert len(calls) == 1, "it is not asked either"
    sleep(2.1)
    assert submit_invoice(invoice_id=second.pk).status == Status.SIGNED


def test_nobody_waits_for_the_pace_with_a_transaction_open(
    issue: Callable[..., Invoice], business: Business, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MBS_CALLS_PER_SECOND = 8
    outer, slept = len(database.savepoint_ids), []
    monkeypatch.setattr("integrations.base.pace.time.sleep", lambda _: slept.append(len(database.savepoint_ids)))
    invoices = [issue() for _ in range(3)]
    for invoice in invoices:
        submit_invoice(invoice_id=invoice.pk)
    assert slept
    assert set(slept) == {outer}
