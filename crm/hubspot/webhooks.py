"""HubSpot's notices: its version 3 signature, its events, and which deals an event touches. All pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from crm.hubspot.writeback import OWN_PROPERTIES
from crm.records import Touched
from integrations.base.errors import ConfigurationError, InvalidSignature
from integrations.base.records import Notice
from integrations.base.signatures import SignedRequest, check_fresh, check_signature

MAX_AGE_MS = 300_000
SIGNATURE, TIMESTAMP = "X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp"
# The only escapes that HubSpot decodes in an address before it signs it (its guide on validating requests). Whether
# it does so for small letters too is not said, and no other reading of them is possible.
DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
ESCAPE = re.compile("|".join(DECODED), re.IGNORECASE)

OBJECT_TYPES = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-8": "line_item"}
OBJECTS = frozenset(OBJECT_TYPES.values())
KINDS = frozenset(
    {"creation", "propertyChange", "deletion", "restore", "merge", "associationChange", "privacyDeletion"}
)
OWN_ECHO = "It is the echo of what was written back to HubSpot from here."
KEY_FIELDS = (
    "objectId", "objectTypeId", "fromObjectId", "toObjectId", "associationType", "associationTypeId",
    "associationRemoved", "primaryObjectId", "mergedObjectIds", "newObjectId", "propertyName", "propertyValue",
    "occurredAt",
)  # fmt: skip


def check_v3(request: SignedRequest, secrets: Sequence[str]) -> None:
    """Accept a request signed by version 3 with one of the secrets, at most five minutes from now either way.

    Raises InvalidSignature, and ConfigurationError when there is no secret: older versions and unsigned requests are
    never accepted instead.
    """
    known = [secret for secret in secrets if secret]
    if not known:
        raise ConfigurationError(
            "HubSpot's notices are not taken on this server: no secret to check them with is configured. "
            "Set HUBSPOT_WEBHOOK_SECRET or HUBSPOT_CLIENT_SECRET.",
            provider="hubspot",
        )
    given, timestamp = request.headers.get(SIGNATURE, ""), request.headers.get(TIMESTAMP, "")
    if not given:
        raise InvalidSignature(f"The request carries no {SIGNATURE}.", provider="hubspot")
    check_fresh(timestamp, request.received_ms, MAX_AGE_MS)
    message = f"{request.method}{signed_uri(request.url)}".encode() + request.body + timestamp.encode()
    check_signature(given, message, known)


def signed_uri(url: str) -> str:
    """Return an address as HubSpot signs it: twelve escapes decoded, all others left as they are."""
    return ESCAPE.sub(lambda found: DECODED[found[0].upper()], url)


def parse_webhook(body: bytes) -> list[Notice]:
    """Return a delivery's events, in its order; raises ValueError when the body is no JSON list of objects."""
    try:
        entries = orjson.loads(body)
    except ValueError as problem:
        raise ValueError("it is not JSON.") from problem
    if not isinstance(entries, list):
        raise ValueError("it is not a list of events.")  # noqa: TRY004 - bad input, no wrong call
    return [_notice(entry) for entry in entries]


def _notice(entry: Any) -> Notice:
    if not isinstance(entry, dict):
        return _unreadable(entry)
    full_type = _text(entry.get("subscriptionType") or entry.get("eventType"))
    account = _id(entry.get("portalId"))
    kind_of_object, kind = _kinds(entry, full_type)
    return Notice(
        key=event_key(entry),
        external_account_id=account[:100],
        event_type=full_type[:100],
        object_type=kind_of_object[:40],
        object_id=_object_id(entry)[:100],
        occurred_at=_instant(entry.get("occurredAt")),
        payload=orjson.dumps(entry).decode(),
        ignored=_why_ignored(entry, kind_of_object, kind),
        parked="" if account and full_type else "It names no account or no type, so nobody knows whose it is.",
    )


def _unreadable(entry: Any) -> Notice:
    payload = orjson.dumps(entry)
    return Notice(
        key=hashlib.sha256(b"hubspot" + payload).hexdigest(),
        external_account_id="",
        event_type="",
        object_type="",
        object_id="",
        occurred_at=None,
        payload=payload.decode(),
        parked="It is not an object, so nobody knows whose it is.",
    )


def event_key(entry: dict[str, Any]) -> str:
    """Return what is the same for each copy of an event; HubSpot gives no unique id, and attempts differ."""
    full_type = entry.get("subscriptionType") or entry.get("eventType")
    facts = ["hubspot", entry.get("portalId"), full_type, *(entry.get(name) for name in KEY_FIELDS)]
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()


def deals_touched(payload: str) -> Touched:
    """Return the deals that an event touches, by themselves or by what stands on them.

    The payload is a hint: it says where to look, never what is there.
    """
    entry = orjson.loads(payload)
    if not isinstance(entry, dict):
        return Touched()
    kind_of_object, kind = _kinds(entry, _text(entry.get("subscriptionType") or entry.get("eventType")))
    if kind == "associationChange":
        return _touched_by_association(entry, kind_of_object)
    ids = _ids(entry, "objectId")
    if kind == "merge":
        ids |= _ids(entry, "primaryObjectId", "newObjectId") | _members(entry.get("mergedObjectIds"))
    return _touched(kind_of_object, ids)


def _touched_by_association(entry: dict[str, Any], kind_of_object: str) -> Touched:
    """Return what stands at both ends of an association, by DEAL_TO_COMPANY or by the ends' type ids."""
    ends = _text(entry.get("associationType")).lower().split("_to_")
    left, right = ends if len(ends) == 2 else (kind_of_object, "")
    left = OBJECT_TYPES.get(_text(entry.get("fromObjectTypeId")), left)
    right = OBJECT_TYPES.get(_text(entry.get("toObjectTypeId")), right)
    ends_by_kind = [(left, _ids(entry, "fromObjectId")), (right, _ids(entry, "toObjectId"))]
    # With a deal at one end that deal is all that changed; what stands at the other end has other deals too.
    deals = frozenset().union(*(ids for kind, ids in ends_by_kind if kind == "deal"))
    if deals:
        return Touched(deals=deals)
    if {left, right} == {"company", "contact"}:
        return Touched()
    return _touched(left, ends_by_kind[0][1])


def _touched(kind_of_object: str, ids: frozenset[str]) -> Touched:
    match kind_of_object:
        case "deal":
            return Touched(deals=ids)
        case "company":
            return Touched(companies=ids)
        case "contact":
            return Touched(contacts=ids)
        case "line_item":
            return Touched(lines=ids)
    return Touched()


def _kinds(entry: dict[str, Any], full_type: str) -> tuple[str, str]:
    """Return what an event is about and what happened to it, in the classic words for the generic form too."""
    about, _, kind = full_type.partition(".")
    if about == "object":
        type_id = _text(entry.get("objectTypeId") or entry.get("fromObjectTypeId"))
        about = OBJECT_TYPES.get(type_id, type_id)
    return about, kind


def _why_ignored(entry: dict[str, Any], kind_of_object: str, kind: str) -> str:
    if kind_of_object not in OBJECTS or kind not in KINDS:
        return "No invoice depends on events of this type."
    if kind == "propertyChange" and entry.get("propertyName") in OWN_PROPERTIES and _is_ours(entry):
        return OWN_ECHO
    return ""


def _is_ours(entry: dict[str, Any]) -> bool:
    return bool(_id(entry.get("appId"))) and _text(entry.get("sourceId")) == _id(entry.get("appId"))


def _object_id(entry: dict[str, Any]) -> str:
    for name in ("objectId", "primaryObjectId", "fromObjectId"):
        if found := _id(entry.get(name)):
            return found
    return ""


def _ids(entry: dict[str, Any], *names: str) -> frozenset[str]:
    return frozenset(found for name in names if (found := _id(entry.get(name))))


def _members(values: Any) -> frozenset[str]:
    return frozenset(found for value in values if (found := _id(value))) if isinstance(values, list) else frozenset()


def _id(value: Any) -> str:
    """Return an id as text; HubSpot sends numbers here and text everywhere else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.isascii() and value.isdigit() else ""


def _text(value: Any) -> str:
    """Return text without the one character that PostgreSQL cannot store."""
    return value.replace("\x00", "") if isinstance(value, str) else _id(value)


def _instant(value: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
