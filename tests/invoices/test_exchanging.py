"""What follows a signature: passing on, payment, VAT, and the authority's own copy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone

from accounts.models import User
from integrations.models import Connection
from invoices import tasks
from invoices.models import AuthorityNotice, Business, Exchange, ExchangeCall, Invoice, Purpose, Stage, Status
from invoices.notes import NoteRequest
from invoices.services.exchange_requests import NotPossible, dismiss, release, request_exchange, work_exchanges
from invoices.services.noting import make_note
from invoices.services.submitting import submit_due_invoices, submit_invoice
from tests.factories import make_member
from tests.sandbox_process import SandboxProcess

Issue = Callable[..., Invoice]
KEY = "an-unguessable-key-of-the-webhook-0001"


@pytest.fixture
def signed(issue: Issue, business: Business, sandbox: SandboxProcess, settings: Any) -> Invoice:
    settings.MBS_WEBHOOK_KEY = KEY
    sandbox.set(mbs_webhook_target="http://127.0.0.1:9/nobody-listens")
    return submit_invoice(invoice_id=issue().pk)


@pytest.fixture
def accountant(organization: Any) -> User:
    return make_member(organization)


def make_due() -> None:
    Exchange.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=timezone.now())


def steps(purpose: Purpose) -> list[tuple[str, str]]:
    return list(ExchangeCall.objects.filter(exchange__purpose=purpose).values_list("step", "outcome"))


def ask(invoice: Invoice, purpose: Purpose, wanted: str = "") -> Exchange:
    request_exchange(invoice=invoice, purpose=purpose, wanted=wanted)
    work_exchanges()
    return Exchange.objects.get(invoice=invoice, purpose=purpose)


def test_a_signed_invoice_is_passed_on_and_followed_until_the_buyer_has_it(
    signed: Invoice, sandbox: SandboxProcess
) -> None:
    sandbox.set(mbs_buyer_acknowledges=False)
    work_exchanges()
    assert Invoice.objects.get().status == Status.TRANSMITTED
    assert Exchange.objects.get().stage == Stage.HANDED_ON
    make_due()
    work_exchanges()
    assert Invoice.objects.get().status == Status.TRANSMITTED, "the buyer has not acknowledged it"
    keys = {"x-api-key": "sandbox-key", "x-api-secret": "sandbox-secret"}
    requests.patch(f"{sandbox.url}/api/v1/invoice/transmit/{signed.irn}", json={}, headers=keys, timeout=10)
    make_due()
    work_exchanges()
    assert Invoice.objects.get().status == Status.DELIVERED
    assert Exchange.objects.get().stage == Stage.DONE


def test_without_a_webhook_of_ours_nothing_is_passed_on_by_itself(signed: Invoice, settings: Any) -> None:
    settings.MBS_WEBHOOK_KEY = ""
    assert work_exchanges() == {}
    assert not Exchange.objects.exists()


def test_a_buyer_who_is_offline_is_tried_again_hours_later(signed: Invoice, sandbox: SandboxProcess) -> None:
    sandbox.set(mbs_buyers_offline=True)
    waits = []
    for _ in range(3):
        work_exchanges()
        row = Exchange.objects.get()
        waits.append(round((row.next_attempt_at - row.updated_at) / timedelta(minutes=1)))  # type: ignore[operator]
        make_due()
    assert waits == [15, 60, 120]
    assert Invoice.objects.get().status == Status.SIGNED
    assert "cannot be reached now" in row.problem


@pytest.mark.parametrize("kind", ["commit_drop", "commit_504"])
def test_a_transmission_whose_answer_was_lost_is_asked_about_and_not_repeated(
    signed: Invoice, sandbox: SandboxProcess, kind: str
) -> None:
    sandbox.set(mbs_faults=[{"kind": kind, "path_prefix": "/api/v1/invoice/transmit", "times": 1}])
    work_exchanges()
    assert Exchange.objects.get().is_sent
    make_due()
    work_exchanges()
    assert [step for step, _ in steps(Purpose.TRANSMIT)] == ["transmit", "confirm"]
    assert Invoice.objects.get().status in {Status.TRANSMITTED, Status.DELIVERED}


def test_a_transmission_that_never_arrived_is_repeated_after_asking(signed: Invoice, sandbox: SandboxProcess) -> None:
    sandbox.set(mbs_faults=[{"kind": "drop", "path_prefix": "/api/v1/invoice/transmit", "times": 1}])
    work_exchanges()
    make_due()
    work_exchanges()
    assert [step for step, _ in steps(Purpose.TRANSMIT)] == ["transmit", "confirm", "transmit"]


def test_a_payment_is_set_and_then_confirmed(signed: Invoice) -> None:
    assert ask(signed, Purpose.PAYMENT, "PAID").stage == Stage.DONE
    assert steps(Purpose.PAYMENT) == [("update", "accepted"), ("confirm", "found")]


def test_vat_is_reported_once_and_only_of_what_is_paid(signed: Invoice, sandbox: SandboxProcess) -> None:
    with pytest.raises(NotPossible, match="once the authority knows that the invoice is paid"):
        request_exchange(invoice=signed, purpose=Purpose.VAT)
    ask(signed, Purpose.PAYMENT, "PAID")
    assert ask(signed, Purpose.VAT).stage == Stage.DONE
    with pytest.raises(NotPossible, match="never sent twice"):
        request_exchange(invoice=signed, purpose=Purpose.VAT)
    assert len(sandbox.get("/_control/mbs/exchange")["vat_reports"]) == 1


def test_a_report_whose_answer_was_lost_is_held_and_a_person_decides(
    signed: Invoice, sandbox: SandboxProcess, accountant: User
) -> None:
    ask(signed, Purpose.PAYMENT, "PAID")
    sandbox.set(mbs_faults=[{"kind": "commit_drop", "path_prefix": "/api/v1/vat", "times": 1}])
    held = ask(signed, Purpose.VAT)
    assert (held.stage, held.next_attempt_at) == (Stage.HELD, None)
    assert "It is not known whether the authority took this VAT report" in held.problem
    work_exchanges()
    assert len(sandbox.get("/_control/mbs/exchange")["vat_reports"]) == 1, "never repeated blindly"
    dismiss(exchange=held, user=accountant)
    assert Exchange.objects.get(purpose=Purpose.VAT).stage == Stage.DISMISSED
    with pytest.raises(NotPossible, match="not held any more"):
        release(exchange=held, user=accountant)


def test_a_worker_that_died_in_the_middle_of_a_report_leaves_it_held(signed: Invoice) -> None:
    now = timezone.now()
    for purpose in (Purpose.VAT, Purpose.TRANSMIT):
        Exchange.objects.create(
            invoice=signed, purpose=purpose, stage=Stage.WORKING, is_sent=True, attempts=1,
            lease_until=now - timedelta(seconds=1),
        )  # fmt: skip
    work_exchanges()
    stages = dict(Exchange.objects.values_list("purpose", "stage"))
    assert stages[Purpose.VAT] == Stage.HELD
    assert stages[Purpose.TRANSMIT] in {Stage.HANDED_ON, Stage.DONE}


def test_the_authoritys_copy_is_compared_field_by_field(signed: Invoice) -> None:
    row = ask(signed, Purpose.COMPARE)
    assert (row.stage, row.differences, row.problem) == (Stage.DONE, [], "")


def test_what_is_not_signed_has_nothing_to_be_asked_about(issue: Issue, business: Business) -> None:
    with pytest.raises(NotPossible, match="has not signed this invoice"):
        request_exchange(invoice=issue(), purpose=Purpose.TRANSMIT)


def test_an_invoice_that_was_credited_meanwhile_stays_so(
    signed: Invoice, sandbox: SandboxProcess, accountant: User
) -> None:
    make_note(invoice=signed, request=NoteRequest("All"), by=accountant)
    submit_due_invoices()
    ask(signed, Purpose.TRANSMIT)
    assert Invoice.objects.get(pk=signed.pk).status == Status.CREDITED


def post_notice(body: Any, key: str = KEY) -> Any:
    return Client().post(f"/webhooks/mbs/{key}/", body, content_type="application/json")


def test_a_notice_is_a_hint_that_makes_us_ask(signed: Invoice, sandbox: SandboxProcess) -> None:
    sandbox.set(mbs_buyer_acknowledges=False)
    work_exchanges()
    later = Exchange.objects.get().next_attempt_at
    assert post_notice({"irn": signed.irn, "message": "ACKNOWLEDGED"}).status_code == 200
    assert Invoice.objects.get().status == Status.TRANSMITTED, "the notice itself is believed in nothing"
    due = Exchange.objects.get().next_attempt_at
    assert due is not None
    assert later is not None
    assert due < later
    assert post_notice({"irn": signed.irn, "message": "ACKNOWLEDGED"}).status_code == 200
    assert AuthorityNotice.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400), ("[]", 400), ('{"irn": 5, "message": "x"}', 400), ('{"irn": "a\\u0000", "message": "x"}', 400),
        ("x" * 70_000, 413), ('{"irn": "NOBODYS-C41D9D42-20261120", "message": "TRANSMITTED"}', 200),
    ],
)  # fmt: skip
def test_what_is_no_notice_is_refused_and_one_about_nothing_of_ours_changes_nothing(
    signed: Invoice, body: str, status: int
) -> None:
    assert post_notice(body).status_code == status


def test_another_key_finds_nothing(signed: Invoice, settings: Any) -> None:
    assert post_notice({"irn": signed.irn, "message": "TRANSMITTED"}, "another").status_code == 404
    settings.MBS_WEBHOOK_KEY = ""
    assert post_notice({"irn": signed.irn, "message": "TRANSMITTED"}, "x").status_code == 404


def test_the_task_works_what_is_due(signed: Invoice, account: Connection) -> None:
    tasks.work_exchanges()
    assert Invoice.objects.get().status in {Status.TRANSMITTED, Status.DELIVERED}
