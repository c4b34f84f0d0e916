"""Square's notices: stored before they are answered, once each, and what they tell of is read again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from integrations.base.signatures import hmac_sha256
from integrations.models import Connection, ConnectionStatus, EventStatus, WebhookEvent
from integrations.services.webhooks import split_deliveries
from pos.models import Refund, Sale, SaleKey
from pos.square.webhooks import parse_square, touched_by
from pos.tasks import process_sale_events
from tests.pos.square.conftest import SMALL, Tills

pytestmark = pytest.mark.django_db
URL = "https://ours.example/webhooks/square/"


def event(kind: str, **found: Any) -> dict[str, Any]:
    """Return an event as Square writes it."""
    name = kind.partition(".")[0]
    return {
        "merchant_id": SMALL,
        "type": kind,
        "event_id": str(uuid4()),
        "created_at": "2026-11-20T10:00:00.123456789Z",
        "data": {"type": name, "id": "x", "object": {name: found}},
    }


@pytest.fixture
def post(client: Client, till: Connection) -> Callable[..., int]:
    """Deliver a notice that no worker has looked at yet."""

    def send(what: dict[str, Any], key: str = "key-in-use") -> int:
        body = orjson.dumps(what)
        given = {"x-square-hmacsha256-signature": hmac_sha256(key, URL.encode() + body)}
        return client.post("/webhooks/square/", body, content_type="application/json", headers=given).status_code

    return send


@pytest.fixture
def tell(post: Callable[..., int], till: Connection) -> Callable[..., int]:
    """Deliver a notice and have all that wait processed."""

    def send(what: dict[str, Any], key: str = "key-in-use") -> int:
        status = post(what, key)
        split_deliveries()
        process_sale_events(till.pk)
        return status

    return send


def test_a_payment_brings_its_sale(tell: Callable[..., int], tills: Tills) -> None:
    order = tills.ring_up()
    assert tell(event("payment.created", id="p1", order_id=order["id"])) == 200
    assert Sale.objects.get().external_id == order["id"]
    assert WebhookEvent.objects.get().status == EventStatus.PROCESSED


@pytest.mark.parametrize("key", ["key-in-use", "key-before"])
def test_every_key_in_use_is_accepted_and_no_other(tell: Callable[..., int], key: str) -> None:
    assert tell(event("payment.updated", order_id="nothing"), key) == 200
    assert tell(event("payment.updated", order_id="nothing"), "another") == 401


def test_copies_of_an_event_are_one_and_many_events_of_a_sale_are_one_read(
    tell: Callable[..., int], tills: Tills
) -> None:
    order = tills.ring_up()
    once = event("payment.created", order_id=order["id"])
    for each in (once, once, event("payment.updated", order_id=order["id"])):
        tell(each)
    assert WebhookEvent.objects.count() == 2
    assert SaleKey.objects.count() == 1


def test_a_refund_brings_itself_and_the_sale_that_took_back_and_finds_its_sale_later(
    tell: Callable[..., int], tills: Tills
) -> None:
    order = tills.ring_up(variant="plain")
    tills.refund(order["id"])
    [refund] = tills.truth()["refunds"]
    tell(event("refund.updated", id=refund["refund_id"], order_id=refund["order_id"]))
    assert Refund.objects.get().sale is None
    tell(event("payment.updated", order_id=order["id"]))
    assert Refund.objects.get().sale == SaleKey.objects.get(external_id=order["id"])
    assert Sale.objects.get(external_id=refund["order_id"]).returned_amount > 0


def test_a_sale_that_is_told_of_and_not_shown_yet_is_asked_for_again(tell: Callable[..., int], tills: Tills) -> None:
    tills.sandbox.set(square_lag_s=3600)
    order = tills.ring_up()
    tell(event("payment.created", order_id=order["id"]))
    waiting = WebhookEvent.objects.get()
    assert waiting.status == EventStatus.FAILED
    tills.sandbox.set(square_lag_s=0)
    WebhookEvent.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    process_sale_events(Connection.objects.get().pk)
    assert Sale.objects.get().external_id == order["id"]


def test_a_sale_that_is_never_shown_holds_back_no_other(
    tell: Callable[..., int], post: Callable[..., int], tills: Tills
) -> None:
    orders = [tills.ring_up() for _ in range(3)]
    tills.refund(orders[0]["id"])
    [refund] = tills.truth()["refunds"]
    post(event("payment.created", order_id="never"))
    post(event("payment.created", order_id="never offline", is_offline_payment=True))
    post(event("refund.created", id="no refund", order_id=orders[1]["id"]))
    post(event("refund.created", id=refund["refund_id"]))
    tell(event("payment.created", order_id=orders[2]["id"]))
    assert set(Sale.objects.values_list("external_id", flat=True)) == {orders[1]["id"], orders[2]["id"]}
    assert Refund.objects.get().external_id == refund["refund_id"]
    waiting = WebhookEvent.objects.filter(status=EventStatus.FAILED).values_list("reason", flat=True)
    assert sorted(waiting) == [
        "Square does not show never offline, or not yet.",
        "Square does not show never, or not yet.",
        "Square does not show no refund, or not yet.",
    ]
    assert WebhookEvent.objects.filter(status=EventStatus.PROCESSED).count() == 2


def test_a_revocation_of_an_access_from_before_breaks_nothing(
    tell: Callable[..., int], till: Connection, tills: Tills
) -> None:
    order = tills.ring_up()
    tell(event("oauth.authorization.revoked", revoker_type="MERCHANT"))
    till.refresh_from_db()
    assert till.status == ConnectionStatus.ACTIVE
    assert WebhookEvent.objects.get().reason == "Square still lets us in, so it tells of an access from before."
    tell(event("payment.created", order_id=order["id"]))
    assert Sale.objects.count() == 1


def test_a_seller_who_takes_the_access_away_is_heard(tell: Callable[..., int], till: Connection, tills: Tills) -> None:
    tills.sandbox.post("/_control/square/revoke", {"merchant_id": tills.seller})
    tell(event("oauth.authorization.revoked", revoker_type="MERCHANT"))
    till.refresh_from_db()
    assert till.status == ConnectionStatus.NEEDS_REAUTHORIZATION


def test_events_that_no_invoice_depends_on_are_kept_and_ignored(tell: Callable[..., int]) -> None:
    assert tell(event("inventory.count.updated")) == 200
    assert WebhookEvent.objects.get().status == EventStatus.IGNORED


@pytest.mark.parametrize("body", [b"", b"[]", b"no", b'"x"'])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="it is"):
        parse_square(body)


@pytest.mark.parametrize(
    "strange",
    [None, [], {"type": 5}, {"type": "payment.created", "data": []}, {"type": "refund.x", "data": {"object": 1}}],
)
def test_a_strange_event_touches_nothing(strange: Any) -> None:
    assert touched_by(strange).sales == frozenset()
