"""Payments are read over real HTTP, as the sandbox plays Paystack."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from integrations.base.auth import CredentialManager, Tokens
from integrations.base.connector import ConnectionConfig
from integrations.base.errors import (
    InvalidResponse,
    NotFound,
    PermanentError,
    RateLimited,
    ReauthorizationRequired,
    TransientError,
)
from pos.paystack.connector import PaystackConnector
from pos.records import PaymentRecord
from tests.pos.paystack.conftest import ONE, Terminal
from tests.sandbox_process import SandboxProcess

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def connector_with(key: str) -> PaystackConnector:
    return PaystackConnector(ConnectionConfig(CredentialManager(tokens=Tokens(key))))


@pytest.fixture
def connector(paystack: SandboxProcess) -> Iterator[PaystackConnector]:
    made = connector_with(ONE)
    yield made
    made.close()


def read(connector: PaystackConnector, days: int = 30, position: str = "") -> list[PaymentRecord]:
    pages = connector.read_payments(NOW - timedelta(days=days), NOW, position)
    return [record for page in pages for record in page.records]


def test_a_key_tells_whose_account_it_opens_and_that_it_is_for_tests(connector: PaystackConnector) -> None:
    account = connector.authenticate()
    assert (account.external_id, account.name) == ("410001-test", "Paystack 410001 (test)")
    assert connector.test_connection().success


def test_a_key_that_paystack_refuses_says_so(paystack: SandboxProcess) -> None:
    refused = connector_with("sk_test_nobodys")
    with pytest.raises(ReauthorizationRequired, match="does not accept this secret key"):
        refused.authenticate()
    refused.close()


def test_an_account_that_nothing_names_is_not_given_a_name(
    connector: PaystackConnector, paystack: SandboxProcess
) -> None:
    paystack.fail_next("GET", "/terminal", status=200, body={"status": True, "data": []})
    with pytest.raises(PermanentError, match="no terminal and no customer"):
        connector.authenticate()


def test_every_payment_of_a_window_is_read_whatever_the_size_of_a_page(
    connector: PaystackConnector, terminal: Terminal, settings: Any
) -> None:
    settings.PAYSTACK_PAGE = 2
    taken = [terminal.take(at=(NOW - timedelta(hours=9 * n)).isoformat())["reference"] for n in range(40)]
    terminal.take(at=(NOW - timedelta(days=31)).isoformat(), reference="too-old")
    assert {each.reference for each in read(connector)} == set(taken)


def test_a_killed_read_goes_on_at_the_week_where_it_stopped(connector: PaystackConnector, terminal: Terminal) -> None:
    for days in (1, 9, 20):
        terminal.take(reference=f"d{days}", at=(NOW - timedelta(days=days)).isoformat())
    pages = connector.read_payments(NOW - timedelta(days=30), NOW)
    position = ""
    for page in pages:
        if any(each.reference == "d9" for each in page.records):
            break
        position = page.cursor["after"]
    assert {each.reference for each in read(connector, position=position)} == {"d9", "d1"}


def test_a_payment_is_read_again_with_what_was_given_back(connector: PaystackConnector, terminal: Terminal) -> None:
    taken, other = terminal.take(500_000), terminal.take(300_000)
    terminal.refund(taken["reference"], amount=120_000)
    terminal.refund(other["reference"])
    partly, whole = connector.get_payment(taken["reference"]), connector.get_payment(other["reference"])
    assert (partly.state, partly.refunded_amount) == ("succeeded", Decimal(1200))
    assert (whole.state, whole.refunded_amount) == ("reversed", Decimal(3000))
    since = datetime.now(UTC) - timedelta(hours=1)
    pages = connector.read_refunded(since, datetime.now(UTC) + timedelta(hours=1))
    assert {each.reference for page in pages for each in page.records} == {taken["reference"], other["reference"]}


def test_a_reference_that_nobody_has_is_not_found(connector: PaystackConnector) -> None:
    with pytest.raises(NotFound):
        connector.get_payment("no/such?thing")


def test_a_payment_of_another_account_is_not_found(connector: PaystackConnector, paystack: SandboxProcess) -> None:
    theirs = Terminal(paystack, "sk_test_sandbox-two").take()
    with pytest.raises(NotFound):
        connector.get_payment(theirs["reference"])


def test_one_payment_that_cannot_be_read_does_not_hide_its_neighbours(
    connector: PaystackConnector, terminal: Terminal
) -> None:
    terminal.take(reference="good", at=(NOW - timedelta(days=1)).isoformat())
    terminal.take(reference="odd", currency="naira", at=(NOW - timedelta(days=1)).isoformat())
    pages = list(connector.read_payments(NOW - timedelta(days=3), NOW))
    assert [each.reference for page in pages for each in page.records] == ["good"]
    (unreadable,) = [each for page in pages for each in page.unreadable]
    assert unreadable.external_id == "odd"
    assert "currency" in unreadable.reason


def test_a_limit_and_an_error_in_passing_are_waited_out(
    connector: PaystackConnector, terminal: Terminal, paystack: SandboxProcess
) -> None:
    terminal.take(at=(NOW - timedelta(days=1)).isoformat())
    for status in (429, 500):
        paystack.fail_next("GET", "/transaction", status=status, body={"status": False, "message": "Later"})
        assert len(read(connector, days=2)) == 1


@pytest.mark.parametrize(("status", "error"), [(429, RateLimited), (500, TransientError)])
def test_one_that_does_not_end_is_left_for_later(
    connector: PaystackConnector, paystack: SandboxProcess, status: int, error: type[Exception]
) -> None:
    paystack.fail_next("GET", "/transaction", status=status, times=3, body={"status": False})
    with pytest.raises(error):
        read(connector, days=2)


def test_a_list_that_goes_in_a_circle_is_not_followed_for_ever(
    connector: PaystackConnector, terminal: Terminal, paystack: SandboxProcess
) -> None:
    row = terminal.take(at=(NOW - timedelta(days=1)).isoformat())
    paystack.fail_next("GET", "/transaction", status=200, times=9, body={"status": True, "data": [row]})
    with pytest.raises(InvalidResponse, match="twice"):
        read(connector, days=2)
