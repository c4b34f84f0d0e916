from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from crm.hubspot.webhooks import OWN_ECHO, check_v3, deals_touched, event_key, parse_webhook, signed_uri
from crm.records import Touched
from integrations.base.errors import ConfigurationError, InvalidSignature
from integrations.base.signatures import SignedRequest
from tests.webhook_signing import event

VECTORS = {v["name"]: v for v in json.loads(Path(__file__).with_name("signature_vectors.json").read_text())["vectors"]}
A, B, C = VECTORS["A"], VECTORS["B"], VECTORS["C"]


def request_of(vector: dict[str, Any], **other: Any) -> SignedRequest:
    given = {"X-HubSpot-Signature-v3": vector["v3"], "X-HubSpot-Request-Timestamp": vector["timestamp_ms"]}
    facts = {
        "method": vector["http_method"], "url": vector["raw_uri"], "body": vector["body"].encode(),
        "received_ms": int(vector["timestamp_ms"]), **other,
    }  # fmt: skip
    given |= facts.pop("headers", {})
    named = {name: value for name, value in given.items() if value is not None}
    return SignedRequest(headers=RequestFactory().get("/", headers=named).headers, **facts)


@pytest.mark.parametrize("name", VECTORS)
def test_every_vector_is_accepted(name: str) -> None:
    vector = VECTORS[name]
    assert signed_uri(vector["raw_uri"]) == vector["uri_signed"]
    check_v3(request_of(vector), [vector["client_secret"]])


@pytest.mark.parametrize(
    "other",
    [
        {"body": A["body"].replace("closedwon", "closedwoM").encode()},
        {"received_ms": int(A["timestamp_ms"]) + 300_001},
        {"received_ms": int(A["timestamp_ms"]) - 300_001},
        {"headers": {"X-HubSpot-Signature-v3": None}},
        {"headers": {"X-HubSpot-Signature-v3": None, "X-HubSpot-Signature": A["v1"]}},
        {"headers": {"X-HubSpot-Signature-v3": A["v1"]}},
        {"headers": {"X-HubSpot-Request-Timestamp": None}},
        {"headers": {"X-HubSpot-Request-Timestamp": "١٧٩٥٣٤٨٨٠٠١٢٣"}},
        {"headers": {"X-HubSpot-Request-Timestamp": "1" * 5000}},
        {"headers": {"X-HubSpot-Signature-v3": "é" + A["v3"][1:]}},
        {"method": "GET"},
        {"url": A["raw_uri"].replace("https", "http")},
        {"url": A["raw_uri"] + "/"},
    ],
)
def test_a_request_that_differs_in_anything_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(InvalidSignature):
        check_v3(request_of(A, **other), [A["client_secret"]])


def test_five_minutes_either_way_are_accepted() -> None:
    for skew in (-300_000, 300_000):
        check_v3(request_of(A, received_ms=int(A["timestamp_ms"]) + skew), [A["client_secret"]])


def test_another_applications_secret_is_refused_and_the_previous_one_is_not() -> None:
    with pytest.raises(InvalidSignature):
        check_v3(request_of(A), ["another"])
    check_v3(request_of(A), ["the new one", A["client_secret"]])


def test_signatures_over_the_undecoded_address_or_a_body_written_anew_are_refused() -> None:
    wrong = {"X-HubSpot-Signature-v3": B["v3_over_undecoded_uri_MUST_NOT_MATCH"]}
    with pytest.raises(InvalidSignature):
        check_v3(request_of(B, headers=wrong), [B["client_secret"]])
    wrong = {"X-HubSpot-Signature-v3": C["v3_over_ascii_escaped_reserialisation_MUST_NOT_MATCH"]}
    with pytest.raises(InvalidSignature):
        check_v3(request_of(C, headers=wrong), [C["client_secret"]])
    with pytest.raises(InvalidSignature):
        check_v3(request_of(C, body=json.dumps(json.loads(C["body"])).encode()), [C["client_secret"]])


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
def test_without_a_secret_nothing_is_accepted(secrets: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        check_v3(request_of(A), secrets)


def test_only_the_twelve_escapes_are_decoded() -> None:
    assert signed_uri("https://a/b?c=%3a%2F%20%25%26%3D%2B%253A") == "https://a/b?c=:/%20%25%26%3D%2B%253A"


def deals(*ids: str) -> Touched:
    return Touched(deals=frozenset(ids))


def one(name: str, *ids: str) -> Touched:
    return Touched(**{name: frozenset(ids)})


GENERIC_ENDS = {"fromObjectId": 7, "toObjectId": 8}


@pytest.mark.parametrize(
    ("entry", "touched"),
    [
        (event("deal.creation", 7), deals("7")),
        (event("deal.propertyChange", 7, propertyName="amount"), deals("7")),
        (event("deal.deletion", 7), deals("7")),
        (event("deal.restore", 7), deals("7")),
        (
            event("deal.merge", 7, primaryObjectId=1, mergedObjectIds=[2, 3], newObjectId=4),
            deals("7", "1", "2", "3", "4"),
        ),
        (event("object.merge", 0, objectTypeId="0-3", primaryObjectId=1, mergedObjectIds="bad"), deals("0", "1")),
        (event("object.propertyChange", 7, objectTypeId="0-3"), deals("7")),
        (event("object.propertyChange", 7, objectTypeId="0-2"), one("companies", "7")),
        (event("object.propertyChange", 7, objectTypeId="0-1"), one("contacts", "7")),
        (event("object.deletion", 7, objectTypeId="0-8"), one("lines", "7")),
        (event("object.propertyChange", 7, objectTypeId="0-5"), Touched()),
        (event("company.propertyChange", 7), one("companies", "7")),
        (event("contact.privacyDeletion", 7), one("contacts", "7")),
        (event("line_item.propertyChange", 7), one("lines", "7")),
        (event("ticket.creation", 7), Touched()),
        (event("deal.associationChange", associationType="DEAL_TO_LINE_ITEM", **GENERIC_ENDS), deals("7")),
        (event("line_item.associationChange", associationType="LINE_ITEM_TO_DEAL", **GENERIC_ENDS), deals("8")),
        (event("company.associationChange", associationType="COMPANY_TO_DEAL", **GENERIC_ENDS), deals("8")),
        (event("contact.associationChange", associationType="CONTACT_TO_COMPANY", **GENERIC_ENDS), Touched()),
        (
            event("object.associationChange", fromObjectTypeId="0-8", toObjectTypeId="0-3", **GENERIC_ENDS),
            deals("8"),
        ),
        ({}, Touched()),
    ],
)  # fmt: skip
def test_each_form_of_event_says_which_deals_it_touches(entry: dict[str, Any], touched: Touched) -> None:
    assert deals_touched(json.dumps(entry)) == touched


def test_copies_of_an_event_have_one_key_and_other_events_another() -> None:
    first = event("deal.propertyChange", 7, propertyName="amount", propertyValue="5")
    assert event_key({**first, "attemptNumber": 9, "eventId": 2, "subscriptionId": 8}) == event_key(first)
    others = [
        {"portalId": 1}, {"objectId": 8}, {"propertyName": "dealstage"}, {"propertyValue": "6"},
        {"occurredAt": 1}, {"subscriptionType": "deal.creation"},
    ]  # fmt: skip
    assert len({event_key({**first, **other}) for other in [{}, *others]}) == len(others) + 1
    ends = event("deal.associationChange", associationType="DEAL_TO_COMPANY", fromObjectId=1, toObjectId=2)
    assert event_key(ends) != event_key({**ends, "toObjectId": 3})


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"7", b'"\xff"', b"[" * 5000, b"\xef\xbb\xbf[]"])
def test_a_body_that_is_no_list_is_told(body: bytes) -> None:
    with pytest.raises(ValueError, match="it is not"):
        parse_webhook(body)


@pytest.mark.parametrize(
    "entry", [None, 7, "text", [], {}, {"portalId": True}, {"portalId": 62515}, {"subscriptionType": "deal.creation"}]
)
def test_an_entry_that_nobody_can_place_is_parked_and_its_neighbours_are_not(entry: Any) -> None:
    strange, good = parse_webhook(json.dumps([entry, event()]).encode())
    assert strange.parked
    assert (good.parked, good.ignored, good.object_id) == ("", "", "1")


@pytest.mark.parametrize("when", [None, "soon", 10**30, -(10**18), 1.5e300, True])
def test_an_impossible_time_is_no_reason_to_drop_an_event(when: Any) -> None:
    [notice] = parse_webhook(json.dumps([event(occurredAt=when)]).encode())
    assert notice.parked == ""


def test_the_older_name_of_the_type_is_read_too() -> None:
    entry = event()
    entry["eventType"] = entry.pop("subscriptionType")
    assert parse_webhook(json.dumps([entry]).encode())[0].event_type == "deal.propertyChange"


def test_the_echo_of_our_own_writing_is_ignored_and_nothing_else_of_ours() -> None:
    own = {"propertyName": "einvoice_status", "changeSource": "INTEGRATION", "sourceId": "1160452"}
    told = [own, {**own, "propertyName": "amount"}, {**own, "sourceId": "userId:9"}, {**own, "sourceId": None}]
    notices = parse_webhook(json.dumps([event(**each) for each in told]).encode())
    assert [notice.ignored == OWN_ECHO for notice in notices] == [True, False, False, False]


def test_events_on_which_no_invoice_depends_are_ignored() -> None:
    kinds = ["ticket.creation", "conversation.newMessage", "deal.unheardOf", "object.creation"]
    assert all(notice.ignored for notice in parse_webhook(json.dumps([event(kind) for kind in kinds]).encode()))
