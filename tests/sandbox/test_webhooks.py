"""What the sandbox tells an app of changes: which events, signed how, sent again until acknowledged."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.webhook_events import signed_headers
from tests.sandbox.client import SCOPES, Client
from tests.sandbox.receiver import Receiver

SECRET = "5f0c9d3e-1b7a-4c52-9a61-2f8e7d4b6a10"
WRITE = SCOPES + " crm.objects.deals.write"
DEALS = "/crm/objects/2026-09/deals"


@pytest.fixture
def app() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def told(sandbox: Client, app: Receiver) -> Client:
    """Return the sandbox, which tells the app of changes."""
    settings = {"webhook_target": {"url": app.url + "/hook", "secret": SECRET}, "webhook_retry_gaps": [0.02]}
    sandbox.control("settings", settings)
    return sandbox


def deals_of(sandbox: Client, number: int = 3) -> list[str]:
    return [deal["id"] for deal in sandbox.hubspot("GET", f"{DEALS}?limit={number}").json()["results"]]


def edit(sandbox: Client, deal: str, **properties: str) -> None:
    sandbox.control(f"hubspot/deals/{deal}", {"properties": properties})


def until(check: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 10
    while not (found := check()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def done(sandbox: Client) -> dict[str, Any]:
    return until(lambda: report if not (report := sandbox.control("webhooks"))["pending"] else None)


def test_an_edit_is_told_with_a_signature_over_address_and_body(told: Client, app: Receiver) -> None:
    deal = deals_of(told)[0]
    edit(told, deal, amount="77.50")
    (request,) = app.wait_for(1)
    (event,) = request.events
    message = f"POST{app.url}/hook".encode() + request.body + request.headers["X-HubSpot-Request-Timestamp"].encode()
    expected = base64.b64encode(hmac.new(SECRET.encode(), message, hashlib.sha256).digest()).decode()
    assert request.headers["X-HubSpot-Signature-v3"] == expected
    assert abs(int(request.headers["X-HubSpot-Request-Timestamp"]) / 1000 - time.time()) < 10
    assert request.headers["Content-Type"] == "application/json"
    assert abs(event.pop("occurredAt") / 1000 - time.time()) < 10
    assert all(type(event.pop(name)) is int for name in ("eventId", "subscriptionId"))
    assert event == {
        "portalId": 62518, "appId": 1160452, "subscriptionType": "deal.propertyChange", "attemptNumber": 0,
        "objectId": int(deal), "propertyName": "amount", "propertyValue": "77.50", "changeSource": "CRM_UI",
        "sourceId": "userId:9586504",
    }  # fmt: skip


def test_the_twelve_escapes_of_an_address_are_decoded_for_the_signature() -> None:
    address = (
        "https://app.example.com/webhooks/hubspot?next=https%3A%2F%2Fexample.com%2Fa%3Fb%40c"
        "&t=1%2C2%3B3%24%21%27%28%29%2A&pct=100%25&sp=a%20b&amp=x%26y"
    )
    headers = signed_headers(address, b"[]", SECRET, 1795348800123)
    assert headers["X-HubSpot-Signature-v3"] == "hseR53ArxHgw26Q5KjzfgLxjx0Vil+2Y2BzO823Sm8s="


def test_the_generic_form_names_the_object_type(told: Client, app: Receiver) -> None:
    told.control("settings", {"webhook_form": "generic"})
    edit(told, deals_of(told)[0], dealname="Another")
    (event,) = app.wait_for(1)[0].events
    assert (event["subscriptionType"], event["objectTypeId"]) == ("object.propertyChange", "0-3")
    assert event["isSensitive"] is False


def test_only_subscribed_properties_that_changed_are_told(told: Client, app: Receiver) -> None:
    deal = deals_of(told)[0]
    edit(told, deal, description="Quiet", amount="5")
    edit(told, deal, amount="5")
    edit(told, deal, dealname="Last")
    app.wait_for(2)
    assert sorted(event["propertyName"] for event in app.events()) == ["amount", "dealname"]


def test_what_the_app_itself_writes_is_told_as_its_own(told: Client, app: Receiver) -> None:
    token = told.connect(scope=WRITE)["access_token"]
    told.hubspot("PATCH", f"{DEALS}/{deals_of(told)[0]}", token, json={"properties": {"amount": "9"}})
    (event,) = app.wait_for(1)[0].events
    assert (event["changeSource"], event["sourceId"]) == ("INTEGRATION", "1160452")
    edit(told, deals_of(told)[0], amount="10")
    assert app.wait_for(2)[1].events[0]["changeSource"] == "CRM_UI"


def test_deletion_restore_creation_and_merge_are_told(told: Client, app: Receiver) -> None:
    one, other, third = deals_of(told)
    made = int(told.control("hubspot/deals", {"properties": {"dealname": "New"}})["id"])
    told.control("hubspot/archive", {"kind": "deals", "id": third})
    told.control("hubspot/restore", {"kind": "deals", "id": third})
    new = int(told.control("hubspot/merge", {"primary": one, "other": other})["id"])
    done(told)
    by_type = {event["subscriptionType"]: event for event in app.events()}
    assert by_type["deal.creation"]["objectId"] == made
    assert by_type["deal.deletion"]["objectId"] == by_type["deal.restore"]["objectId"] == int(third)
    merged = by_type["deal.merge"]
    assert (merged["primaryObjectId"], merged["mergedObjectIds"], merged["newObjectId"]) == (
        int(one),
        [int(other)],
        new,
    )


def test_an_association_is_told_from_both_sides(told: Client, app: Receiver) -> None:
    deal = deals_of(told)[0]
    line = int(told.control("hubspot/lines", {"deal_id": deal, "properties": {}})["id"])
    told.control("hubspot/archive", {"kind": "line_items", "id": str(line)})
    done(told)
    told_of = [
        (event["associationType"], event["fromObjectId"], event["toObjectId"], event["associationRemoved"])
        for event in app.events()
        if event["subscriptionType"].endswith("associationChange")
    ]
    there, back = ("DEAL_TO_LINE_ITEM", int(deal), line), ("LINE_ITEM_TO_DEAL", line, int(deal))
    assert set(told_of) == {(*there, False), (*back, False), (*there, True), (*back, True)}


def test_a_refused_delivery_comes_again_with_its_attempt_number(told: Client, app: Receiver) -> None:
    app.answers = [500, 401]
    edit(told, deals_of(told)[0], amount="1")
    attempts = [request.events[0] for request in app.wait_for(3)]
    assert [event.pop("attemptNumber") for event in attempts] == [0, 1, 2]
    assert attempts[0] == attempts[1] == attempts[2]
    report = done(told)
    assert (report["sent"], report["delivered"], report["failed"]) == (3, 1, 0)
    assert (report["deliveries"][0]["status"], report["deliveries"][0]["attempts"]) == (200, 3)


def test_after_ten_repetitions_it_is_given_up(told: Client, app: Receiver) -> None:
    app.answers = [503] * 50
    edit(told, deals_of(told)[0], amount="1")
    app.wait_for(11)
    report = done(told)
    assert (report["sent"], report["delivered"], report["failed"]) == (11, 0, 1)


@pytest.mark.parametrize("slow", [0.4, 0.07])  # silent for too long, or in two parts that are too long together
def test_an_answer_that_takes_too_long_does_not_count(told: Client, app: Receiver, slow: float) -> None:
    told.control("settings", {"webhook_timeout_s": 0.1, "webhook_retry_gaps": []})
    app.slow = slow
    edit(told, deals_of(told)[0], amount="1")
    delivery = until(lambda: done(told)["deliveries"])[0]
    assert (delivery["status"], delivery["state"], delivery["attempts"]) == (None, "failed", 1)
    assert delivery["error"]


def test_nobody_listening_is_a_failure_and_no_defect(told: Client) -> None:
    settings = {"webhook_target": {"url": "http://127.0.0.1:9/", "secret": "s"}, "webhook_retry_gaps": []}
    told.control("settings", settings)
    edit(told, deals_of(told)[0], amount="1")
    assert done(told)["deliveries"][0]["error"].startswith("ConnectionRefusedError")


def test_events_come_in_batches_copied_and_shuffled(told: Client, app: Receiver) -> None:
    told.control("settings", {"webhook_batch": 4, "webhook_duplicates": 1, "webhook_shuffle": True})
    deals = deals_of(told, 12)
    for deal in deals:
        edit(told, deal, amount="123")
    done(told)
    sizes = [len(request.events) for request in app.wait_for(6)]
    objects = [event["objectId"] for event in app.events()]
    assert max(sizes) == 4
    assert sorted(objects) == sorted([int(deal) for deal in deals] * 2)
    assert objects != sorted(objects)


def test_shuffled_events_are_mixed_up_within_a_delivery(told: Client, app: Receiver) -> None:
    told.control("settings", {"webhook_batch": 100, "webhook_shuffle": True})
    deals = deals_of(told, 12)
    for deal in deals:
        edit(told, deal, amount="123")
    done(told)
    objects = [[event["objectId"] for event in request.events] for request in app.wait_for(1)]
    assert sorted(each for part in objects for each in part) == sorted(map(int, deals))
    assert any(part != sorted(part) for part in objects)


def test_a_delay_holds_deliveries_back(told: Client, app: Receiver) -> None:
    told.control("settings", {"webhook_delay_ms": 300})
    began = time.monotonic()
    edit(told, deals_of(told)[0], amount="1")
    app.wait_for(1)
    assert time.monotonic() - began >= 0.3


def test_webhooks_that_are_off_are_silent(told: Client, app: Receiver) -> None:
    deal = deals_of(told)[0]
    told.control("settings", {"webhooks_on": False})
    edit(told, deal, amount="1")
    told.control("settings", {"webhooks_on": True})
    edit(told, deal, amount="2")
    assert [event["propertyValue"] for request in app.wait_for(1) for event in request.events] == ["2"]


def test_a_skewed_clock_shows_in_the_timestamps(told: Client, app: Receiver) -> None:
    told.control("settings", {"clock_skew_s": 400})
    edit(told, deals_of(told)[0], amount="1")
    request = app.wait_for(1)[0]
    assert 390 < int(request.headers["X-HubSpot-Request-Timestamp"]) / 1000 - time.time() < 410


def test_a_burst_renames_deals_at_its_pace_and_measures_the_answers(told: Client, app: Receiver) -> None:
    app.answers = [500]
    result = told.control("webhooks/burst", {"events": 60, "per_second": 100, "batch": 2})
    assert (result["deliveries"], result["delivered"], result["retries"]) == (30, 30, 1)
    assert result["seconds"] >= 0.28
    assert 0 < result["latency_ms"]["p50"] <= result["latency_ms"]["p95"] <= result["latency_ms"]["p99"]
    last = app.events()[-1]
    deal = told.hubspot("GET", f"{DEALS}/{last['objectId']}").json()
    assert last["propertyName"] == "dealname"
    assert deal["properties"]["dealname"] == last["propertyValue"]


def test_a_burst_without_a_target_is_refused(sandbox: Client) -> None:
    assert sandbox.call("POST", "/_control/webhooks/burst", json={}).status_code == 404


@pytest.mark.parametrize(
    "setting",
    [
        {"webhook_target": {"url": "ftp://x/", "secret": "s"}},
        {"webhook_target": {"url": "http://x/"}},
        {"webhook_form": "old"},
        {"webhook_batch": 0},
        {"webhook_batch": 101},
        {"webhook_retry_gaps": [-1]},
        {"webhook_timeout_s": 0},
    ],
)
def test_a_mistyped_webhook_setting_is_refused(sandbox: Client, setting: dict[str, object]) -> None:
    assert sandbox.call("POST", "/_control/settings", json=setting).status_code == 400
