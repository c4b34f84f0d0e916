"""From the terminal to the authority: the sandbox signs and posts, and the invoice is told paid."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integrations.models import Connection, WebhookDelivery, WebhookEvent
from integrations.services.own_addresses import address_of
from integrations.services.webhooks import split_deliveries
from invoices.models import Exchange
from pos.models import TerminalPayment
from pos.tasks import process_payment_events
from tests.pos.paystack.conftest import ONE, TWO, Issuer, Terminal
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


def wait_for(paystack: SandboxProcess, **counts: int) -> dict[str, Any]:
    """Wait until the sandbox has so many deliveries in each state."""
    for _ in range(200):
        report: dict[str, Any] = paystack.get("/_control/paystack/webhooks")
        if all(report[name] >= number for name, number in counts.items()):
            return report
        time.sleep(0.05)
    raise AssertionError(f"The sandbox never had {counts}: {report}")


def test_a_payment_at_the_terminal_pays_its_invoice_and_money_back_takes_it_away(
    live_server: Any, settings: Any, paying: Connection, terminal: Terminal, issue: Issuer, paystack: SandboxProcess
) -> None:
    settings.PUBLIC_URL = live_server.url
    paystack.post("/_control/paystack/webhook", {"key": ONE, "url": address_of(paying)})
    invoice = issue(5000)
    taken = terminal.take(500_000, metadata={"invoice": invoice.number})
    wait_for(paystack, delivered=1)
    split_deliveries()
    process_payment_events(paying.pk)
    assert TerminalPayment.objects.get().invoice == invoice
    assert Exchange.objects.get(invoice=invoice).wanted == "PAID"
    terminal.refund(taken["reference"])
    wait_for(paystack, delivered=2)
    split_deliveries()
    process_payment_events(paying.pk)
    assert TerminalPayment.objects.get().invoice is None
    assert WebhookEvent.objects.count() == 2


def test_an_account_that_is_given_anothers_address_is_never_heard_there(
    live_server: Any, settings: Any, paying: Connection, paystack: SandboxProcess
) -> None:
    settings.PUBLIC_URL = live_server.url
    paystack.post("/_control/paystack/webhook", {"key": TWO, "url": address_of(paying)})
    Terminal(paystack, TWO).take(500_000)
    report = wait_for(paystack, sent=1)
    assert report["deliveries"][0]["status"] == 401
    assert not WebhookDelivery.objects.exists()
