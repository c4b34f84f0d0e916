"""The contract of tills, kept by Square."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.base.signatures import SignedRequest, hmac_sha256
from integrations.models import Connection
from tests.contracts import POSContract
from tests.invoices.making import make_business
from tests.pos.square.conftest import Tills

KETTLE: dict[str, Any] = {"lines": [{"ware": "KETTLE", "quantity": "2"}]}
URL, BODY = "https://ours.example/webhooks/square/", b'{"type":"payment.updated"}'


class TestSquare(POSContract):
    @pytest.fixture
    def account(self, till: Connection, tills: Tills) -> Connection:
        seller = tills.sandbox.get("/_control/businesses")[0]
        make_business(till.organization, seller, hsn_code="2106.90", product_category="Food")
        return till

    @pytest.fixture
    def world(self, tills: Tills) -> Tills:
        return tills

    def ring_up(self, world: Tills) -> str:
        return str(world.ring_up(**KETTLE)["id"])

    def leave_open(self, world: Tills) -> str:
        return str(world.ring_up(state="OPEN", **KETTLE)["id"])

    def complete(self, world: Tills, sale_id: str) -> None:
        world.sandbox.post(
            f"/_control/square/sales/{sale_id}/finish", {"merchant_id": world.seller, "state": "COMPLETED"}
        )

    def give_back(self, world: Tills, sale_id: str) -> str:
        world.refund(sale_id)
        [refund] = world.truth()["refunds"]
        return str(refund["refund_id"])

    def ids(self, world: Tills) -> set[str]:
        return {each["order_id"] for each in world.truth()["sales"]}

    def refuse(self, world: Tills) -> None:
        world.sandbox.post("/_control/square/revoke", {"merchant_id": world.seller})

    def signed(self, account: Connection) -> SignedRequest:
        headers = {"x-square-hmacsha256-signature": hmac_sha256("key-in-use", URL.encode() + BODY)}
        return SignedRequest(method="POST", url=URL, headers=headers, body=BODY, received_ms=0)

    def test_a_notice_for_another_address_is_not_accepted(
        self, account: Connection, connector: Any, settings: Any
    ) -> None:
        settings.SQUARE_WEBHOOK_URL = "https://elsewhere.example/webhooks/square/"
        with pytest.raises(Exception, match="signature"):
            connector.verify_webhook(self.signed(account))
