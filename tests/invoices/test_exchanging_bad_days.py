"""Signed invoices and the authority: passed on, paid, reported, compared; each call once, unless asking allows more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Organization
from invoices.comparing import differences
from invoices.models import Business, Exchange, Invoice, Purpose, Stage, Status
from invoices.services.exchange_requests import (
    NotPossible,
    dismiss,
    release,
    request_exchange,
    work_exchanges,
)
from invoices.services.exchanging import Authorities, claim_next, give_up_dead_claims
from invoices.services.payments import PAID, vat_report
from invoices.services.submitting import submit_due_invoices
from tests.sandbox_process import SandboxProcess

TRANSMIT, UPDATE, CONFIRM, VAT = (
    f"/api/v1/{path}" for path in ("invoice/transmit/", "invoice/update/", "invoice/confirm/", "vat/")
)


@pytest.fixture
def signed(issue: Callable[..., Invoice], business: Business, sandbox: SandboxProcess, settings: Any) -> Invoice:
    """Return an invoice that the sandbox's authority has signed; the exchange has its webhook."""
    settings.MBS_WEBHOOK_KEY = "a" * 40
    sandbox.set(mbs_webhook_target="http://127.0.0.1:9/", mbs_buyer_acknowledges=False)
    made = issue()
    submit_due_invoices()
    return again(made)


def again(invoice: Invoice) -> Invoice:
    return Invoice.objects.get(pk=invoice.pk)


def row_of(invoice: Invoice, purpose: Purpose = Purpose.TRANSMIT) -> Exchange:
    return Exchange.objects.get(invoice=invoice, purpose=purpose)


def make_due(invoice: Invoice) -> None:
    Exchange.objects.filter(invoice=invoice, next_attempt_at__isnull=False).update(next_attempt_at=timezone.now())


def calls(sandbox: SandboxProcess, path: str) -> int:
    return sum(entry["path"].startswith(path) for entry in sandbox.mbs_log())


# Passing on.


def test_nothing_is_planned_without_our_webhook_nor_for_a_consumer(
    signed: Invoice, issue: Callable[..., Invoice], settings: Any
) -> None:
    settings.MBS_WEBHOOK_KEY = ""
    work_exchanges()
    assert not Exchange.objects.exists()
    consumer = issue(kind="B2C", buyer=None)
    submit_due_invoices()
    settings.MBS_WEBHOOK_KEY = "a" * 40
    work_exchanges()
    assert [row.invoice_id for row in Exchange.objects.all()] == [signed.pk]
    with pytest.raises(NotPossible, match="consumer"):
        request_exchange(invoice=again(consumer), purpose=Purpose.TRANSMIT)


@pytest.mark.parametrize("kind", ["commit_drop", "commit_504", "duplicate"])
def test_an_unclear_transmission_that_happened_is_not_repeated(
    signed: Invoice, sandbox: SandboxProcess, kind: str
) -> None:
    sandbox.mbs_fault(kind, TRANSMIT)
    work_exchanges()
    assert (row_of(signed).stage, row_of(signed).is_sent) == (Stage.WAITING, True)
    make_due(signed)
    work_exchanges()
    assert again(signed).status == Status.TRANSMITTED
    assert len(sandbox.get("/_control/mbs/exchange")["transmissions"]) == 1


@pytest.mark.parametrize("kind", ["drop", "html_502", "busy", "error_500"])
def test_one_that_did_not_happen_is_repeated_after_asking(signed: Invoice, sandbox: SandboxProcess, kind: str) -> None:
    sandbox.mbs_fault(kind, TRANSMIT)
    work_exchanges()
    make_due(signed)
    work_exchanges()
    assert row_of(signed).stage == Stage.HANDED_ON
    order = [entry["path"].split("/")[4] for entry in sandbox.mbs_log() if entry["fault"] != "late"]
    assert order[-3:] == ["transmit", "confirm", "transmit"]


def test_a_buyer_who_is_offline_is_tried_again_after_hours(signed: Invoice, sandbox: SandboxProcess) -> None:
    sandbox.set(mbs_buyers_offline=True)
    waits = []
    for _ in range(3):
        make_due(signed)
        work_exchanges()
        row = row_of(signed)
        assert row.next_attempt_at is not None
        waits.append(round((row.next_attempt_at - timezone.now()).total_seconds() / 3600, 1))
        assert "cannot be reached" in row.problem
    assert waits == [0.2, 1.0, 2.0]
    assert again(signed).status == Status.SIGNED
    assert calls(sandbox, CONFIRM) == 0  # nothing was unclear, so there was nothing to ask


def test_a_missing_webhook_waits_for_a_person(signed: Invoice, sandbox: SandboxProcess) -> None:
    sandbox.set(mbs_webhook_target="")
    work_exchanges()
    assert row_of(signed).stage == Stage.REFUSED
    assert "webhook address" in row_of(signed).problem
    sandbox.set(mbs_webhook_target="http://127.0.0.1:9/")
    request_exchange(invoice=signed, purpose=Purpose.TRANSMIT)
    work_exchanges()
    assert row_of(signed).stage == Stage.HANDED_ON


def test_one_that_the_exchange_lost_is_passed_on_again(signed: Invoice, sandbox: SandboxProcess) -> None:
    sandbox.set(mbs_transmit_fails=True)
    work_exchanges()
    assert row_of(signed).stage == Stage.HANDED_ON
    make_due(signed)
    work_exchanges()
    assert row_of(signed).stage == Stage.WAITING
    sandbox.set(mbs_transmit_fails=False)
    make_due(signed)
    work_exchanges()
    assert row_of(signed).stage == Stage.HANDED_ON
    assert len(sandbox.get("/_control/mbs/exchange")["transmissions"]) == 2


def test_a_worker_that_dies_after_sending_leaves_a_question(signed: Invoice, sandbox: SandboxProcess) -> None:
    request_exchange(invoice=signed, purpose=Purpose.TRANSMIT)
    authorities = Authorities()
    work = claim_next(authorities)
    assert work is not None
    assert claim_next(authorities) is None
    work.about_to_send()
    Exchange.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    give_up_dead_claims()
    work_exchanges()
    order = [entry["path"].split("/")[4] for entry in sandbox.mbs_log()]
    assert order[-2:] == ["confirm", "transmit"]


def test_a_storm_ends_with_every_invoice_passed_on(
    signed: Invoice, issue: Callable[..., Invoice], sandbox: SandboxProcess
) -> None:
    for _ in range(9):
        issue()
    submit_due_invoices()
    sandbox.set(mbs_storm={"rate": 0.5, "seed": 3, "seconds": 0.05})
    deadline = time.monotonic() + 40
    while Invoice.objects.exclude(status=Status.TRANSMITTED).exists():
        assert time.monotonic() < deadline
        Exchange.objects.filter(stage=Stage.WAITING).update(next_attempt_at=timezone.now())
        work_exchanges()
    sandbox.set(mbs_storm=None)
    transmitted: set[str] = set()
    may_send: dict[str, bool] = {}
    for entry in sandbox.mbs_log():
        if entry["path"].startswith(TRANSMIT) and entry["fault"] != "late":
            assert may_send.get(entry["irn"], True), f"{entry['irn']} was passed on blindly"
            may_send[entry["irn"]] = entry["answer"] == "refused"
            transmitted.add(entry["irn"])
        elif entry["path"].startswith(CONFIRM) and entry["answer"] == "found":
            may_send[entry["irn"]] = True
    assert len(transmitted) == 10


# The webhook.


def post(body: Any, key: str = "a" * 40) -> int:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return Client().post(f"/webhooks/mbs/{key}/", content, content_type="application/json").status_code


def test_a_notice_brings_the_question_forward(signed: Invoice, sandbox: SandboxProcess, broker_away: None) -> None:
    sandbox.set(mbs_buyer_acknowledges=True)
    work_exchanges()
    time.sleep(0.2)
    work_exchanges()
    assert again(signed).status == Status.TRANSMITTED  # not due yet
    assert post({"irn": signed.irn, "message": "ACKNOWLEDGED"}) == 200
    work_exchanges()
    assert again(signed).status == Status.DELIVERED


# Payment and VAT.


@pytest.mark.parametrize("kind", ["", "commit_drop", "drop", "busy", "commit_504"])
def test_a_payment_status_is_set_and_confirmed(signed: Invoice, sandbox: SandboxProcess, kind: str) -> None:
    if kind:
        sandbox.mbs_fault(kind, UPDATE)
    request_exchange(invoice=signed, purpose=Purpose.PAYMENT, wanted=PAID)
    work_exchanges()
    make_due(signed)
    work_exchanges()
    assert row_of(signed, Purpose.PAYMENT).stage == Stage.DONE
    confirmed = [entry for entry in sandbox.mbs_log() if entry["committed"] == "update"]
    assert len(confirmed) == 1


def test_a_status_that_is_none_or_an_invoice_that_is_not_signed_is_refused(
    signed: Invoice, issue: Callable[..., Invoice]
) -> None:
    with pytest.raises(NotPossible, match="PENDING, PAID, REJECTED"):
        request_exchange(invoice=signed, purpose=Purpose.PAYMENT, wanted="HALF")
    with pytest.raises(NotPossible, match="not signed"):
        request_exchange(invoice=issue(), purpose=Purpose.COMPARE)


def test_the_word_for_a_void_is_a_setting(signed: Invoice, sandbox: SandboxProcess, settings: Any) -> None:
    settings.MBS_VOID_WORD = "CANCELED"
    sandbox.set(mbs_status_words=["CANCELED"])
    request_exchange(invoice=signed, purpose=Purpose.PAYMENT, wanted="CANCELED")
    work_exchanges()
    assert row_of(signed, Purpose.PAYMENT).stage == Stage.DONE


@pytest.fixture
def paid(signed: Invoice) -> Invoice:
    request_exchange(invoice=signed, purpose=Purpose.PAYMENT, wanted=PAID)
    work_exchanges()
    return signed


def reports(sandbox: SandboxProcess) -> list[dict[str, str]]:
    found: list[dict[str, str]] = sandbox.get("/_control/mbs/exchange")["vat_reports"]
    return found


@pytest.mark.parametrize(("kind", "arrived"), [("commit_drop", 1), ("drop", 0), ("html_502", 0), ("commit_504", 1)])
def test_an_unclear_report_is_held_and_never_repeated_by_itself(
    paid: Invoice, sandbox: SandboxProcess, owner: Any, kind: str, arrived: int
) -> None:
    sandbox.mbs_fault(kind, VAT)
    request_exchange(invoice=paid, purpose=Purpose.VAT)
    for _ in range(3):
        work_exchanges()
    row = row_of(paid, Purpose.VAT)
    assert row.stage == Stage.HELD
    assert "dismiss this if it is there, release it" in row.problem
    assert len(reports(sandbox)) == arrived
    with pytest.raises(NotPossible, match="release or dismiss"):
        request_exchange(invoice=paid, purpose=Purpose.VAT)
    if arrived:
        dismiss(exchange=row, user=owner)
        assert row_of(paid, Purpose.VAT).stage == Stage.DISMISSED
        with pytest.raises(NotPossible, match="never sent twice"):
            request_exchange(invoice=paid, purpose=Purpose.VAT)
    else:
        release(exchange=row, user=owner)
        work_exchanges()
        assert row_of(paid, Purpose.VAT).stage == Stage.DONE
    assert len(reports(sandbox)) == 1
    assert str(owner) in row_of(paid, Purpose.VAT).decision
    with pytest.raises(NotPossible, match="not held any more"):
        release(exchange=row, user=owner)


def test_a_report_whose_worker_died_is_held(paid: Invoice, sandbox: SandboxProcess) -> None:
    request_exchange(invoice=paid, purpose=Purpose.VAT)
    Exchange.objects.exclude(purpose=Purpose.VAT).update(stage=Stage.DONE, next_attempt_at=None)
    work = claim_next(Authorities())
    assert work is not None
    work.about_to_send()
    Exchange.objects.filter(stage=Stage.WORKING).update(lease_until=timezone.now() - timedelta(seconds=1))
    work_exchanges()
    assert row_of(paid, Purpose.VAT).stage == Stage.HELD
    assert reports(sandbox) == []


def test_exempt_supplies_are_not_reported(signed: Invoice) -> None:
    document = json.loads(signed.document or "")
    for total in document["tax_total"]:
        for part in total["tax_subtotal"]:
            part["tax_category"]["id"] = "EXEMPTED"
    signed.document = json.dumps(document)
    assert vat_report(signed) is None


# The authority's copy.


def test_a_copy_that_cannot_be_opened_waits_for_a_person(signed: Invoice, sandbox: SandboxProcess) -> None:
    sandbox.set(mbs_download_key="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    request_exchange(invoice=signed, purpose=Purpose.COMPARE)
    work_exchanges()
    row = row_of(signed, Purpose.COMPARE)
    assert row.stage == Stage.REFUSED
    assert "does not open with this key" in row.problem


@pytest.mark.parametrize(
    ("theirs", "found"),
    [
        ({"a": 7.50, "b": [{"c": "x"}]}, []),
        ({"a": 7.5, "b": [{"c": "x"}], "payment_status": "PAID"}, []),
        ({"a": 7.51, "b": [{"c": "x"}]}, [("a", "7.5", "7.51")]),
        ({"a": 7.5, "b": [{"c": "y"}]}, [("b[0].c", "x", "y")]),
        ({"a": 7.5, "b": []}, [("b[0]", '{"c": "x"}', "nothing")]),
        ({"a": "7.5", "b": [{"c": "x"}], "z": 1}, [("a", "7.5", "7.5"), ("z", "nothing", "1")]),
        ({"a": 7.5, "b": [{"c": "x", "d": ""}], "e": None}, []),
    ],
)
def test_documents_are_compared_field_by_field(theirs: dict[str, Any], found: list[tuple[str, str, str]]) -> None:
    ours = b'{"a": 7.5, "b": [{"c": "x"}]}'
    rows = differences(ours, json.dumps(theirs).encode())
    assert [(row["path"], row["ours"], row["theirs"]) for row in rows] == found


def test_another_tenants_rows_are_not_seen(signed: Invoice, other_organization: Organization) -> None:
    from django_scopes import scope

    request_exchange(invoice=signed, purpose=Purpose.COMPARE)
    with scope(organization=other_organization):
        assert not Exchange.objects.exists()


def test_a_worker_that_dies_while_watching_does_not_pass_it_on_again(signed: Invoice, sandbox: SandboxProcess) -> None:
    work_exchanges()
    make_due(signed)
    assert claim_next(Authorities()) is not None
    Exchange.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    work_exchanges()
    assert len(sandbox.get("/_control/mbs/exchange")["transmissions"]) == 1


def test_what_the_buyer_has_is_not_passed_on_again(signed: Invoice) -> None:
    Exchange.objects.create(invoice=signed, purpose=Purpose.TRANSMIT, stage=Stage.DONE)
    with pytest.raises(NotPossible, match="nothing left to pass on"):
        request_exchange(invoice=signed, purpose=Purpose.TRANSMIT)


def test_a_report_that_may_have_gone_out_is_held_however_it_came_to_wait(
    paid: Invoice, sandbox: SandboxProcess
) -> None:
    Exchange.objects.create(invoice=paid, purpose=Purpose.VAT, is_sent=True, next_attempt_at=timezone.now())
    work_exchanges()
    assert row_of(paid, Purpose.VAT).stage == Stage.HELD
    assert reports(sandbox) == []


def test_an_authority_that_is_away_is_not_asked_about_every_row(
    signed: Invoice, issue: Callable[..., Invoice], sandbox: SandboxProcess
) -> None:
    for _ in range(5):
        issue()
    submit_due_invoices()
    sandbox.set(mbs_faults=[{"kind": "drop", "path_prefix": TRANSMIT, "times": 3}])
    work_exchanges()
    assert calls(sandbox, TRANSMIT) == 3
    work_exchanges()
    assert Exchange.objects.filter(stage=Stage.HANDED_ON).count() == 3  # those that were left; three back off
