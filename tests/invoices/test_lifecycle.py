"""What may become of an invoice, who may let it, and what the database refuses whoever asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Organization, User
from integrations.models import Connection
from invoices.approval import ApprovalPolicy
from invoices.models import (
    MOVES,
    REGISTERED,
    Breaker,
    Business,
    Invoice,
    InvoiceLine,
    InvoiceMove,
    NumberSeries,
    Status,
    Step,
    Submission,
    VoidedFor,
)
from invoices.services.approving import NotToApprove, approve
from invoices.services.issuing import issue_drafts
from invoices.services.submitting import resume_submissions, submit_due_invoices, submit_invoice
from invoices.services.withdrawing import NotToVoid, void_invoice, withdraw
from tests.factories import make_member
from tests.invoices.making import BUYER, SERVICE, make_draft
from tests.invoices.standing import ROADS, stand_at, unguarded
from tests.sandbox_process import SandboxProcess

Issue = Callable[..., Invoice]


@pytest.fixture
def colleague(organization: Organization) -> User:
    return make_member(organization)


def columns_of(status: str, user: User) -> dict[str, Any]:
    """Return what the checks of a status ask for besides the status itself."""
    now = timezone.now()
    clean: dict[str, Any] = {"signed_at": None, "voided_for": "", "void_reason": "", "next_attempt_at": now}
    clean |= {"needs_approval": False}
    match status:
        case Status.APPROVED:
            return clean | {"needs_approval": True, "approved_by": user, "approved_at": now}
        case Status.SUBMITTING:
            return clean | {"lease_until": now}
        case Status.VOIDED:
            return clean | {"voided_for": VoidedFor.SOURCE, "void_reason": "Invented for a test."}
    return clean | {"signed_at": now} if status in REGISTERED else clean


def test_the_database_allows_just_the_moves_that_are_written_down(
    issue: Issue, business: Business, colleague: User
) -> None:
    invoice = issue()
    Submission.objects.create(invoice=invoice, attempt=1, step=Step.SIGN, started_at=timezone.now())
    numbered = [status for status in Status if status != Status.DRAFT]
    refused = set()
    for before, after in product(numbered, numbered):
        with unguarded():
            Invoice.objects.filter(pk=invoice.pk).update(status=before, **columns_of(before, colleague))
        with suppress(IntegrityError), transaction.atomic():
            Invoice.objects.filter(pk=invoice.pk).update(status=after, **columns_of(after, colleague))
            continue
        refused.add((before, after))
    allowed = {(before, after) for before, afters in MOVES.items() for after in afters if before != Status.DRAFT}
    unmoved = {(status, status) for status in numbered}
    assert refused == set(product(numbered, numbered)) - allowed - unmoved


def test_no_move_leads_from_a_registered_invoice_back() -> None:
    backwards = {Status.DRAFT, Status.READY, Status.SUBMITTING, Status.REJECTED, Status.VOIDED}
    assert all(not MOVES[status] & backwards for status in REGISTERED)
    assert set(MOVES) == set(Status)


def test_nothing_is_signed_without_a_hand_in_on_record(issue: Issue, business: Business) -> None:
    invoice = stand_at(issue(), Status.SUBMITTING)
    with pytest.raises(IntegrityError, match="was never handed in"), transaction.atomic():
        Invoice.objects.filter(pk=invoice.pk).update(status=Status.SIGNED, signed_at=timezone.now())


@pytest.mark.parametrize("status", [*REGISTERED, Status.SUBMITTING, Status.UNKNOWN])
@pytest.mark.parametrize(
    "change",
    [
        {"document": "{}"},
        {"document_sha256": "0" * 64},
        {"qr_payload": "other"},
        {"payable_amount": Decimal(1)},
        {"buyer_tin": "1"},
        {"snapshot": {}},
        {"currency": "USD"},
    ],
)
def test_what_was_sent_is_frozen(issue: Issue, business: Business, status: Status, change: dict[str, Any]) -> None:
    invoice = stand_at(issue(), status)
    with pytest.raises(IntegrityError, match="credited, never edited"), transaction.atomic():
        Invoice.objects.filter(pk=invoice.pk).update(**change)


@pytest.mark.parametrize("status", [each for each in ROADS if each != Status.DRAFT])
def test_number_irn_date_and_source_never_change(issue: Issue, business: Business, status: Status) -> None:
    invoice = stand_at(issue(), status)
    changes: tuple[dict[str, Any], ...] = (
        {"number": "INV999"},
        {"irn": "INV999-C41D9D42-20261120"},
        {"issue_date": "2026-01-01"},
        {"source_external_id": "8"},
        {"type_code": "380"},
    )
    for change in changes:
        with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
            Invoice.objects.filter(pk=invoice.pk).update(**change)


def test_the_lines_of_a_registered_invoice_are_frozen_too(issue: Issue, business: Business) -> None:
    invoice = stand_at(issue(), Status.SIGNED)
    line = invoice.lines.first()
    assert line is not None
    for attempt in (
        lambda: InvoiceLine.objects.filter(pk=line.pk).update(name="Other"),
        lambda: InvoiceLine.objects.filter(pk=line.pk).delete(),
        lambda: InvoiceLine.objects.create(
            invoice=invoice, position=9, name="x", quantity=1, unit_price=1, net_amount=1, tax_rate=0
        ),
    ):
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            attempt()


def test_a_numbered_invoice_cannot_be_deleted_by_any_statement(issue: Issue, business: Business) -> None:
    issue()
    with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic():
        Invoice.objects.all().delete()


def test_a_series_never_goes_back(issue: Issue, business: Business) -> None:
    issue()
    with pytest.raises(IntegrityError, match="only grows"), transaction.atomic():
        NumberSeries.objects.update(last_number=0)


def test_each_move_is_written_down_and_stays(issue: Issue, business: Business, sandbox: SandboxProcess) -> None:
    invoice = issue()
    submit_invoice(invoice_id=invoice.pk)
    moves = InvoiceMove.objects.filter(invoice=invoice)
    assert [(m.from_status, m.to_status) for m in moves] == [("ready", "submitting"), ("submitting", "signed")]
    with pytest.raises(IntegrityError, match="never rewritten"), transaction.atomic():
        moves.update(to_status="rejected")


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (ApprovalPolicy(), ""),
        (ApprovalPolicy(above=Decimal(100)), ""),
        (
            ApprovalPolicy(above=Decimal("99.99")),
            "It comes to more than 99.99, above which a second person has to look.",
        ),
        (ApprovalPolicy(kinds=("B2B",)), "Every B2B invoice waits for a second person."),
        (ApprovalPolicy(kinds=("credit note",)), ""),
    ],
)
def test_the_policy_says_who_waits(policy: ApprovalPolicy, reason: str) -> None:
    assert policy.reason(kind="B2B", type_code="381", payable=Decimal(100)) == reason
    assert ApprovalPolicy(kinds=("credit note",)).reason(kind="B2B", type_code="380", payable=Decimal(1))


def test_an_invoice_above_the_amount_goes_out_only_after_a_second_person(
    issue: Issue, business: Business, colleague: User, sandbox: SandboxProcess
) -> None:
    Business.objects.update(approval_above=Decimal(1000))
    invoice = issue()
    assert (invoice.status, invoice.needs_approval) == (Status.READY, True)
    assert submit_due_invoices() == {}
    with pytest.raises(IntegrityError, match="waits for a second person"), transaction.atomic():
        Invoice.objects.update(status=Status.SUBMITTING, lease_until=timezone.now())
    approve(organization=business.organization, invoice_ids=[invoice.pk], by=colleague)
    assert submit_due_invoices() == {Status.SIGNED: 1}
    assert Invoice.objects.get().approved_by == colleague


def test_nobody_approves_what_they_made_themselves(issue: Issue, business: Business, colleague: User) -> None:
    Business.objects.update(approval_kinds=["B2B"])
    invoice = issue()
    Invoice.objects.update(made_by=colleague)
    with pytest.raises(NotToApprove, match="somebody else has to approve it"):
        approve(organization=business.organization, invoice_ids=[invoice.pk], by=colleague)
    with pytest.raises(IntegrityError, match="approved_by_a_second_person"), transaction.atomic():
        Invoice.objects.update(approved_by=colleague)


def test_what_does_not_wait_is_not_approved_and_of_several_none(
    issue: Issue, business: Business, colleague: User, other_organization: Organization
) -> None:
    plain = issue()
    Business.objects.update(approval_kinds=["B2B"])
    waiting = issue()
    with pytest.raises(NotToApprove, match="does not wait for approval"):
        approve(organization=business.organization, invoice_ids=[waiting.pk, plain.pk], by=colleague)
    with pytest.raises(NotToApprove, match="not there any more"):
        approve(organization=other_organization, invoice_ids=[waiting.pk], by=colleague)
    waiting.refresh_from_db()
    assert waiting.status == Status.READY


def test_an_approval_of_other_bytes_is_gone_when_the_document_changes(
    issue: Issue, business: Business, account: Connection, colleague: User
) -> None:
    Business.objects.update(approval_kinds=["B2B"])
    invoice = issue(make_draft(account.pk, "77"))
    approve(organization=business.organization, invoice_ids=[invoice.pk], by=colleague)
    same = issue(make_draft(account.pk, "77"))
    assert same.status == Status.APPROVED
    changed = issue(make_draft(account.pk, "77", lines=(SERVICE,)))
    assert (changed.status, changed.approved_by, changed.number) == (Status.READY, None, invoice.number)
    assert changed.document != invoice.document


def test_a_ready_invoice_whose_source_now_lacks_a_fact_waits_for_a_person(
    issue: Issue, business: Business, account: Connection, colleague: User, sandbox: SandboxProcess
) -> None:
    invoice = issue(make_draft(account.pk, "77"))
    stopped = issue(make_draft(account.pk, "77", buyer=None))
    assert (stopped.pk, stopped.status, stopped.needs_approval) == (invoice.pk, Status.READY, True)
    assert "now lacks: The buyer" in stopped.approval_reason
    assert submit_due_invoices() == {}
    completed = issue(make_draft(account.pk, "77", buyer=BUYER))
    assert (completed.needs_approval, completed.document) == (False, invoice.document)
    assert submit_due_invoices() == {Status.SIGNED: 1}


def test_an_invoice_whose_keys_were_refused_waits_as_a_configuration_error_and_keeps_its_approval(
    issue: Issue, business: Business, colleague: User, sandbox: SandboxProcess
) -> None:
    Business.objects.update(approval_kinds=["B2B"])
    invoice = issue()
    approve(organization=business.organization, invoice_ids=[invoice.pk], by=colleague)
    business.refresh_from_db()
    business.api_secret = "wrong"
    business.save()
    assert submit_due_invoices() == {Status.CONFIG_ERROR: 1}
    business.api_secret = "sandbox-secret"
    business.save()
    resume_submissions(business=business)
    assert Invoice.objects.get().status == Status.APPROVED
    assert submit_due_invoices() == {Status.SIGNED: 1}


def test_a_source_that_takes_it_back_voids_an_invoice_that_is_not_handed_in(
    issue: Issue, business: Business, account: Connection
) -> None:
    invoice, signed = issue(make_draft(account.pk, "77")), stand_at(issue(make_draft(account.pk, "78")), Status.SIGNED)
    held = issue(make_draft(account.pk, "79", buyer=None))
    assert withdraw(connection=account, kind="deal", external_ids=["77", "78", "79"], why="The deal was lost.") == 2
    assert not Invoice.objects.filter(pk=held.pk).exists()
    invoice.refresh_from_db()
    signed.refresh_from_db()
    assert (invoice.status, invoice.void_reason, signed.status) == (Status.VOIDED, "The deal was lost.", Status.SIGNED)
    again = issue(make_draft(account.pk, "77"))
    assert (again.pk, again.status, again.number, again.void_reason) == (invoice.pk, Status.READY, invoice.number, "")


def test_what_a_person_voided_stays_voided(
    issue: Issue, business: Business, account: Connection, colleague: User
) -> None:
    invoice = issue(make_draft(account.pk, "77"))
    with pytest.raises(NotToVoid, match="Say why"):
        void_invoice(invoice=invoice, why=" ", by=colleague)
    void_invoice(invoice=invoice, why="Invoiced on paper", by=colleague)
    assert issue(make_draft(account.pk, "77", lines=(SERVICE,))).status == Status.VOIDED
    with pytest.raises(IntegrityError, match="voided by a person"), transaction.atomic():
        Invoice.objects.update(status=Status.READY, voided_for="", void_reason="", next_attempt_at=timezone.now())
    assert issue(make_draft(account.pk, "78")).number == "INV000002", "its number is not used again"


@pytest.mark.parametrize("status", [Status.SUBMITTING, Status.UNKNOWN, *REGISTERED])
def test_what_the_authority_may_have_is_never_voided(
    issue: Issue, business: Business, colleague: User, status: Status
) -> None:
    invoice = stand_at(issue(), status)
    with pytest.raises(NotToVoid, match="credited instead"):
        void_invoice(invoice=invoice, why="Changed our mind", by=colleague)


def make_due(**changes: Any) -> None:
    """Let every wait be over."""
    now = timezone.now() - timedelta(seconds=1)
    Breaker.objects.exclude(opened_at=None).update(open_until=now)
    Invoice.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=now, **changes)


def test_a_breaker_opens_when_the_authority_is_away_and_one_try_at_a_time_closes_it(
    organization: Organization, business: Business, account: Connection, sandbox: SandboxProcess, settings: Any
) -> None:
    here, settings.MBS_BASE_URL = settings.MBS_BASE_URL, "http://127.0.0.1:9"
    issue_drafts(organization=organization, drafts=[make_draft(account.pk) for _ in range(6)])
    assert submit_due_invoices() == {Status.READY: 3}
    breaker = Breaker.objects.get()
    assert breaker.failures == 3
    assert "could not be reached" in breaker.sentence
    assert submit_due_invoices() == {}, "nobody calls while it is open"
    make_due()
    assert submit_due_invoices() == {Status.READY: 1}, "one try, which fails"
    assert Submission.objects.count() == 4
    Breaker.objects.update(authority=here, open_until=timezone.now())
    settings.MBS_BASE_URL = here
    assert submit_due_invoices() == {Status.SIGNED: 6}, "the first answer lets all go, those that backed off too"
    assert Breaker.objects.get().opened_at is None


def test_a_try_that_its_worker_never_reports_on_blocks_nobody_for_ever(
    issue: Issue, business: Business, sandbox: SandboxProcess, settings: Any
) -> None:
    now = timezone.now()
    Breaker.objects.create(authority=settings.MBS_BASE_URL, failures=3, opened_at=now, open_until=now)
    from invoices.services.breaking import may_call

    issue()
    assert may_call(), "this worker takes the try, and dies"
    assert not may_call()
    make_due()
    assert submit_due_invoices() == {Status.SIGNED: 1}


def test_a_refusal_is_an_answer_and_opens_nothing(
    organization: Organization, business: Business, account: Connection, sandbox: SandboxProcess
) -> None:
    issue_drafts(organization=organization, drafts=[make_draft(account.pk) for _ in range(5)])
    busy = {"error": {"details": "unable to complete this operation at this time, kindly try again later"}}
    sandbox.fail_next("POST", "/api/v1/invoice/validate", status=400, body=busy, times=4)
    assert submit_due_invoices() == Counter({Status.READY: 4, Status.SIGNED: 1})
    assert not Breaker.objects.exclude(opened_at=None).exists()
