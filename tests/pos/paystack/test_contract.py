"""The contract of payments without sales, kept by Paystack."""

from __future__ import annotations

import pytest

from integrations.base.signatures import SignedRequest
from integrations.models import Connection
from pos.paystack.webhooks import sign
from tests.contracts import PaymentsContract
from tests.pos.paystack.conftest import ONE, Terminal

BODY = b'{"event":"charge.success","data":{"reference":"T1"}}'


class TestPaystack(PaymentsContract):
    @pytest.fixture
    def account(self, paying: Connection) -> Connection:
        return paying

    @pytest.fixture
    def world(self, terminal: Terminal) -> Terminal:
        return terminal

    def take(self, world: Terminal) -> str:
        return str(world.take()["reference"])

    def give_back(self, world: Terminal, reference: str) -> None:
        world.refund(reference)

    def refuse(self, world: Terminal) -> None:
        world.sandbox.fail_next("GET", "/", status=401, body='{"status":false,"message":"Invalid key"}', times=99)

    def signed(self, account: Connection) -> SignedRequest:
        headers = {"x-paystack-signature": sign(ONE, BODY)}
        return SignedRequest(method="POST", url="", headers=headers, body=BODY, received_ms=0, secrets=(ONE,))
