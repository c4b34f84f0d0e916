"""What Square tells the app: which events, signed how, repeated when, and how a bad day spoils it."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from square.utils.webhooks_helper import verify_signature

from sandbox.square_webhooks import GAPS, signatures
from tests.sandbox.client import Client
from tests.sandbox.receiver import Received, Receiver
from tests.sandbox.square_client import MIDDLE, SHOP, SMALL, SquareClient, obtain

KEY = "Ibxx_5AKakO-3qeNVR61Dw"


@pytest.fixture
def app() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def square(sandbox: Client, app: Receiver) -> SquareClient:
    """Return a connected app that hears of the small seller."""
    square = SquareClient(sandbox, sandbox.control("square/connect", {})["access_token"])
    square.switch(webhook_target={"url": f"{app.url}/hooks/square?env=sandbox", "secret": KEY})
    return square


def told(requests: list[Received]) -> list[dict[str, Any]]:
    """Return the events; each delivery has one."""
    return [json.loads(request.body) for request in requests]


def settled(square: SquareClient) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while (report := square.sandbox.control("square/webhooks"))["pending"]:
        assert time.monotonic() < deadline, report
        time.sleep(0.02)
    return report


def holds(app: Receiver, request: Received, key: str = KEY) -> bool:
    headers = {name.lower(): value for name, value in request.headers.items()}
    signature = headers["x-square-hmacsha256-signature"]
    address = app.url + request.path
    return verify_signature(
        request_body=request.body.decode(), signature_header=signature, signature_key=key, notification_url=address
    )


@pytest.mark.parametrize(
    ("key", "url", "body", "signature"),
    [
        # Square's own example, and one of its client's tests.
        (
            "asdf1234",
            "https://example.com/webhook",
            '{"hello":"world"}',
            "2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og=",
        ),
        (
            "signature-key",
            "https://webhook.site/webhooks",
            '{"data":{"type":"webhooks","id":">id<"}}',
            "Cxt7+aTi4rKgcA0bC4g9EHdVtLSDWdqccmL5MvihU4U=",
        ),
    ],
)
def test_signatures_are_those_of_known_examples(key: str, url: str, body: str, signature: str) -> None:
    assert signatures(key, url, body.encode())["x-square-hmacsha256-signature"] == signature


def test_a_sale_tells_of_a_created_and_an_updated_payment_and_signs_both(square: SquareClient, app: Receiver) -> None:
    order = square.ring_up(note="₦10,750 – Ọjà")
    requests = app.wait_for(2)
    events = sorted(told(requests), key=lambda event: event["data"]["object"]["payment"]["updated_at"])
    assert [event["type"] for event in events] == ["payment.created", "payment.updated"]
    assert {event["merchant_id"] for event in events} == {SMALL}
    first, second = (event["data"]["object"]["payment"] for event in events)
    assert first["updated_at"] < second["updated_at"]
    assert len({event["event_id"] for event in events}) == 2
    shown = events[1]["data"]["object"]["payment"]
    assert (shown["order_id"], shown["id"]) == (order["id"], events[1]["data"]["id"])
    assert shown == square.read(f"payments/{shown['id']}")["payment"]
    assert all(holds(app, request) for request in requests)
    assert not any(holds(app, request, "other") for request in requests)
    headers = {name.lower(): value for name, value in requests[0].headers.items()}
    assert headers["square-environment"] == "Sandbox"
    assert "square-initial-delivery-timestamp" in headers
    assert "x-square-signature" in headers
    assert "square-retry-number" not in headers


def test_a_refund_tells_of_itself_and_of_the_payment(square: SquareClient, app: Receiver) -> None:
    order = square.ring_up()
    app.wait_for(2)
    back = square.sandbox.control("square/refunds", {"order_id": order["id"]})
    events = told(app.wait_for(5))[2:]
    assert sorted(event["type"] for event in events) == ["payment.updated", "refund.created", "refund.updated"]
    states = {event["type"]: event["data"]["object"].get("refund", {}).get("status") for event in events}
    assert (states["refund.created"], states["refund.updated"]) == ("PENDING", "COMPLETED")
    (payment,) = (event["data"]["object"]["payment"] for event in events if event["type"] == "payment.updated")
    assert payment["refund_ids"] == back["refund_ids"]
    assert payment["refunded_money"] == back["return_amounts"]["total_money"]


@pytest.mark.parametrize(
    ("mode", "types"), [("updated", ["order.updated"]), ("both", ["order.created", "order.updated"])]
)
def test_orders_are_told_of_only_when_asked_and_without_their_lines(
    square: SquareClient, app: Receiver, mode: str, types: list[str]
) -> None:
    square.switch(order_events=mode)
    order = square.ring_up()
    events = [event for event in told(app.wait_for(2 + len(types))) if event["type"].startswith("order.")]
    assert sorted(event["type"] for event in events) == types
    (thin,) = (event["data"] for event in events if event["type"] == "order.updated")
    assert thin["type"] == "order_updated"
    assert set(thin["object"]["order_updated"]) == {"order_id", "location_id", "state", "created_at", "updated_at"}
    assert thin["object"]["order_updated"]["order_id"] == order["id"]


def test_the_order_of_a_refund_without_a_sale_is_told_of_like_any_other(square: SquareClient, app: Receiver) -> None:
    square.switch(order_events="both")
    back = square.sandbox.control("square/refunds/unlinked", {"amount": 4_200})
    events = [event for event in told(app.wait_for(4)) if event["type"].startswith("order.")]
    assert sorted(event["type"] for event in events) == ["order.created", "order.updated"]
    assert {event["data"]["id"] for event in events} == {back["id"]}


def test_nothing_is_told_of_a_seller_who_granted_nothing(square: SquareClient, app: Receiver) -> None:
    square.ring_up(merchant_id=MIDDLE)
    square.sandbox.control("square/connect", {"merchant_id": MIDDLE, "scopes": ["ORDERS_READ"]})
    square.ring_up(merchant_id=MIDDLE)
    square.ring_up()
    app.wait_for(2)
    settled(square)
    assert {event["merchant_id"] for event in told(app.received)} == {SMALL}


def test_a_failed_delivery_comes_again_with_the_same_event_and_says_why(square: SquareClient, app: Receiver) -> None:
    square.switch(webhook_time_scale=0.0005)
    app.answers = [500, 503]
    square.ring_up()
    requests = app.wait_for(4)
    ids = [event["event_id"] for event in told(requests)]
    assert sorted(ids.count(each) for each in set(ids)) in ([1, 3], [2, 2])
    again = [{name.lower(): value for name, value in request.headers.items()} for request in requests[2:]]
    assert {headers["square-retry-reason"] for headers in again} == {"http_error"}
    assert {headers["square-retry-number"] for headers in again} <= {"1", "2"}
    bodies = {event["event_id"]: {request.body for request in requests if event["event_id"] in request.body.decode()}
              for event in told(requests)}  # fmt: skip
    assert all(len(each) == 1 for each in bodies.values())
    assert all(holds(app, request) for request in requests)


def test_after_eleven_repetitions_an_event_is_given_up(square: SquareClient, app: Receiver) -> None:
    assert sum(GAPS) == 1443  # minutes: a little over 24 hours
    square.switch(webhook_time_scale=0)
    app.answers = [500] * 100
    square.ring_up()
    report = settled(square)
    assert (report["failed"], report["delivered"], report["sent"]) == (2, 0, 24)


def test_a_slow_answer_counts_as_none(square: SquareClient, app: Receiver) -> None:
    square.switch(webhook_timeout_s=0.1, webhook_time_scale=0.001)
    app.slow = 0.2
    square.ring_up()
    requests = app.wait_for(4)
    reasons = {request.headers.get("square-retry-reason") for request in requests}
    assert "http_timeout" in reasons
    square.switch(webhooks_on=False)


def test_duplicates_drops_and_wrong_keys_are_played(square: SquareClient, app: Receiver) -> None:
    square.switch(webhook_duplicates=2)
    square.ring_up()
    events = told(app.wait_for(6))
    assert len({event["event_id"] for event in events}) == 2
    square.switch(webhook_duplicates=0, webhook_drop=1)
    square.ring_up()
    assert [event["type"] for event in told(app.wait_for(7)[6:])] == ["payment.updated"]
    assert settled(square)["dropped"] == 1
    square.switch(webhook_wrong_key=True)
    square.ring_up()
    assert not any(holds(app, request) for request in app.wait_for(9)[7:])


def test_delays_and_mixing_change_when_and_in_which_order(square: SquareClient, app: Receiver) -> None:
    square.switch(webhook_delay_ms=300)
    square.ring_up()
    assert not app.received
    app.wait_for(2)
    square.switch(webhook_delay_ms=0, webhook_shuffle=True)
    for _ in range(10):
        square.ring_up()
    stamps = [event["created_at"] for event in told(app.wait_for(22)[2:])]
    assert stamps != sorted(stamps)


def test_a_seller_who_takes_the_access_away_is_told_of_once(square: SquareClient, app: Receiver) -> None:
    for _ in range(2):
        square.sandbox.control("square/revoke", {"merchant_id": SMALL})
    (request,) = app.wait_for(1)
    event = json.loads(request.body)
    assert event["type"] == "oauth.authorization.revoked"
    assert event["data"]["object"]["revocation"]["revoker_type"] == "MERCHANT"
    square.ring_up()
    assert settled(square)["sent"] == 1


def test_a_new_shop_is_told_of_without_its_facts(square: SquareClient, app: Receiver) -> None:
    shop = square.sandbox.control("square/locations", {"merchant_id": SMALL})
    (request,) = app.wait_for(1)
    event = json.loads(request.body)
    assert (event["type"], event["data"]) == ("location.created", {"type": "Location", "id": shop["id"]})


def subscribe(square: SquareClient, url: str, *types: str, **more: Any) -> dict[str, Any]:
    given = {"name": "App", "notification_url": url, "event_types": list(types) or ["payment.created"]}
    return square.ask("webhooks/subscriptions", {"subscription": given} | more)["subscription"]


def test_the_app_manages_its_own_subscriptions_with_its_personal_token(
    sandbox: Client, square: SquareClient, app: Receiver
) -> None:
    path = "/v2/webhooks/subscriptions"
    assert square.refused("GET", path, 401) == "UNAUTHORIZED"
    owner = SquareClient(sandbox)
    square.switch(webhook_target=None)
    made = subscribe(owner, f"{app.url}/own", idempotency_key="k1")
    assert subscribe(owner, f"{app.url}/own", idempotency_key="k1") == made
    body = {"idempotency_key": "k1", "subscription": {"name": "Other"}}
    assert owner.refused("POST", path, 400, json=body) == "IDEMPOTENCY_KEY_REUSED"
    assert made["created_at"].endswith("+0000 UTC")
    square.ring_up()
    (request,) = app.wait_for(1)
    assert holds(app, request, made["signature_key"])
    renewed = owner.ask(f"webhooks/subscriptions/{made['id']}/signature-key", {})["signature_key"]
    square.ring_up()
    assert holds(app, app.wait_for(2)[1], renewed)
    change = {"subscription": {"enabled": False}}
    assert owner.call("PUT", f"{path}/{made['id']}", json=change).json()["subscription"]["enabled"] is False
    square.ring_up()
    assert settled(square)["sent"] == 2
    assert owner.read("webhooks/subscriptions") == {}
    assert owner.call("DELETE", f"{path}/{made['id']}").json() == {}
    assert owner.refused("GET", f"{path}/{made['id']}", 404) == "NOT_FOUND"


def test_a_subscription_whose_app_never_answers_is_disabled_until_it_is_enabled_again(
    sandbox: Client, square: SquareClient, app: Receiver
) -> None:
    owner = SquareClient(sandbox)
    square.switch(webhook_target=None, webhook_disable_after=3, webhook_time_scale=0)
    made = subscribe(owner, f"{app.url}/own")
    path = f"/v2/webhooks/subscriptions/{made['id']}"
    for _ in range(2):  # one at a time: what is in flight together could be counted in any order
        app.answers = [500, 500]
        square.ring_up()
        settled(square)
    assert owner.read(f"webhooks/subscriptions/{made['id']}")["subscription"]["enabled"] is True
    app.answers = [500] * 3
    square.ring_up()
    sent = settled(square)["sent"]
    assert owner.read("webhooks/subscriptions") == {}
    (shown,) = owner.read("webhooks/subscriptions", include_disabled="true")["subscriptions"]
    assert (shown["id"], shown["enabled"]) == (made["id"], False)
    square.ring_up()
    assert settled(square)["sent"] == sent
    owner.call("PUT", path, json={"subscription": {"enabled": True}})
    square.ring_up()
    assert settled(square)["sent"] == sent + 1


def test_a_test_event_is_posted_at_once_and_its_answer_shown(sandbox: Client, app: Receiver) -> None:
    owner = SquareClient(sandbox)
    made = subscribe(owner, f"{app.url}/own")
    app.answers = [418]
    result = owner.ask(f"webhooks/subscriptions/{made['id']}/test", {"event_type": "payment.created"})
    (request,) = app.wait_for(1)
    assert result["subscription_test_result"]["status_code"] == 418
    assert result["subscription_test_result"]["payload"] == request.body.decode()
    assert holds(app, request, made["signature_key"])


@pytest.mark.parametrize(
    "given",
    [
        {"notification_url": "nowhere"},
        {"event_types": ["payment.imagined"]},
        {"event_types": []},
        {"name": "x" * 65},
    ],
)
def test_a_wrong_subscription_is_refused(sandbox: Client, given: dict[str, Any]) -> None:
    usual = {"name": "App", "notification_url": "http://127.0.0.1:9/", "event_types": ["payment.created"]}
    SquareClient(sandbox).refused("POST", "/v2/webhooks/subscriptions", 400, json={"subscription": usual | given})


def test_bad_days_come_so_often_as_they_are_set(square: SquareClient) -> None:
    body = {"location_ids": [SHOP]}

    def search() -> Any:
        return square.call("POST", "/v2/orders/search", json=body)

    square.switch(rate_limit={"times": 1, "retry_after": 7}, error_500=1, bad_gateway_html=1)
    answers = [search() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [502, 500, 429, 200]
    assert "text/html" in answers[0].headers["Content-Type"]
    assert answers[1].json()["errors"][0]["code"] == "INTERNAL_SERVER_ERROR"
    assert (answers[2].headers["Retry-After"], answers[2].json()["errors"][0]["code"]) == ("7", "RATE_LIMITED")
    square.switch(rate_limit={"times": 1})
    assert "Retry-After" not in search().headers
    square.switch(dead_token={"code": "ACCESS_TOKEN_EXPIRED", "after": 2, "times": 1})
    assert [search().status_code for _ in range(4)] == [200, 200, 401, 200]
    square.switch(dead_token={"code": "ACCESS_TOKEN_EXPIRED", "times": 1})
    grant = square.sandbox.control("square/connect", {})
    renewed = obtain(square.sandbox, grant_type="refresh_token", refresh_token=grant["refresh_token"])
    assert (renewed.status_code, search().status_code) == (200, 401)
    square.switch(timeout={"times": 1, "seconds": 0.3})
    began = time.monotonic()
    assert broken(search)
    assert time.monotonic() - began > 0.3
    assert search().status_code == 200


def broken(call: Callable[[], Any]) -> bool:
    """Return whether the connection was closed without an answer."""
    try:
        call()
    except OSError:
        return True
    return False
