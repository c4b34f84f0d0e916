"""A worker is killed while the authority takes what it sends: the authority is asked soon, and nothing goes twice."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.utils import timezone

from crm.services import invoice_due_deals
from integrations.models import Connection
from invoices.models import Exchange, ExchangeCall, Invoice, Purpose, Stage, Status, Step, Submission
from invoices.services.submitting import submit_due_invoices
from invoices.tasks import ring_submissions
from tests.live import Live, wait_until
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)

TAKEN_UP = 30  # seconds: the promise
ARRIVES_AFTER = 8  # seconds: what was sent arrives when its worker is long dead
SIGN, TRANSMIT = "/api/v1/invoice/sign", "/api/v1/invoice/transmit/"


def kill_while(live: Live, is_sending: Callable[[], bool], is_settled: Callable[[], bool], what: str) -> None:
    """Kill the only worker while it sends, start another, and see that it is settled in time."""
    live.beat()
    worker = live.worker()
    wait_until(is_sending, 40, "a call under way")
    time.sleep(1)  # it is on record before it leaves
    live.kill(worker)
    live.worker()
    took = wait_until(is_settled, TAKEN_UP, f"the {what} of the dead worker")
    print(f"  worker killed in mid-{what}: settled {took:.1f} s after it (at most {TAKEN_UP})")  # noqa: T201


def test_an_invoice_whose_worker_is_killed_while_it_is_handed_in_is_settled_within_half_a_minute(
    live: Live, connection: Connection, sandbox: SandboxProcess
) -> None:
    invoice_due_deals(connection=connection)
    sandbox.mbs_fault("slow", SIGN, seconds=ARRIVES_AFTER)
    ring_submissions()
    under_way = Submission.objects.filter(step=Step.SIGN, finished_at=None)
    kill_while(
        live,
        under_way.exists,
        lambda: Invoice.objects.filter(submissions__in=under_way, status=Status.SIGNED).exists(),
        "hand-in",
    )
    wait_until(
        lambda: not Invoice.objects.filter(status__in=[Status.READY, Status.SUBMITTING]).exists(), 60, "the rest"
    )
    assert set(sandbox.received()["mbs"]["sign_attempts"].values()) == {1}


def test_what_is_passed_on_when_its_worker_is_killed_is_settled_within_half_a_minute(
    live: Live, connection: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.set(mbs_webhook_target="http://127.0.0.1:9/", mbs_buyer_acknowledges=False)
    invoice_due_deals(connection=connection)
    submit_due_invoices()
    invoice = Invoice.objects.filter(status=Status.SIGNED, kind="B2B").order_by("pk")[0]
    row = Exchange.objects.create(invoice=invoice, purpose=Purpose.TRANSMIT, next_attempt_at=timezone.now())
    sandbox.mbs_fault("slow", TRANSMIT, seconds=ARRIVES_AFTER)
    kill_while(
        live,
        ExchangeCall.objects.filter(step="transmit", finished_at=None).exists,
        lambda: Exchange.objects.get(pk=row.pk).stage == Stage.HANDED_ON,
        "hand-over",
    )
    assert len(sandbox.get("/_control/mbs/exchange")["transmissions"]) == 1
