"""What HubSpot tells an app about a change of a record, in its classic and in its generic form."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from random import Random
from typing import Any
from urllib.parse import unquote
from zlib import crc32

from sandbox.dataset import PORTAL_ID, Change
from sandbox.hubspot_oauth import APP_ID, USER_ID

DEAL_PROPERTIES = {"dealname", "amount", "dealstage", "pipeline", "closedate", "deal_currency_code"}
NEVER = {"hs_lastmodifieddate", "lastmodifieddate", "createdate", "hs_object_id"}
PRIMARY_TYPES = {5, 6, 1, 2}
FLAGS = {"creation": "CREATED", "deletion": "DELETED"}
# The escapes that are decoded in the address before signing; all others stay.
DECODED = re.compile("%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)")


def is_subscribed(change: Change) -> bool:
    """Whether the app hears of this change: of a property only when it subscribed to it."""
    if change.what != "propertyChange":
        return True
    name = change.details["name"]
    return name in DEAL_PROPERTIES if change.kind.plural == "deals" else name not in NEVER


def event_of(change: Change, *, generic: bool, by_app: bool, occurred_at: int, random: Random) -> dict[str, Any]:
    """Return the event of a change; `occurred_at` is in milliseconds. Its ``eventId`` need not be unique."""
    subscription = f"{'object' if generic else change.kind.singular}.{change.what}"
    name = change.details.get("name", "")
    event: dict[str, Any] = {
        "eventId": random.randrange(1, 2**32),
        "subscriptionId": crc32(f"{change.kind.plural} {subscription} {name}".encode()) % 1_000_000,
        "portalId": PORTAL_ID,
        "appId": APP_ID,
        "occurredAt": occurred_at,
        "subscriptionType": subscription,
        "attemptNumber": 0,
        "changeSource": "INTEGRATION" if by_app else "CRM_UI",
        "sourceId": str(APP_ID) if by_app else f"userId:{USER_ID}",
    }
    if generic:
        event |= {"objectTypeId": change.kind.type_id, "isSensitive": False}
    if change.what in FLAGS:
        event["changeFlag"] = FLAGS[change.what]
    return event | _particulars(change, generic=generic)


def _particulars(change: Change, *, generic: bool) -> dict[str, Any]:
    details = change.details
    if change.what == "associationChange":
        return _association(change, generic=generic)
    if change.what == "merge":
        merged = {
            "primaryObjectId": details["primary"],
            "mergedObjectIds": details["merged"],
            "newObjectId": details["new"],
            "numberOfPropertiesMoved": details["moved"],
        }
        return merged if generic else merged | {"objectId": change.id}
    if change.what == "propertyChange":
        return {"objectId": change.id, "propertyName": details["name"], "propertyValue": details["value"]}
    return {"objectId": change.id}


def _association(change: Change, *, generic: bool) -> dict[str, Any]:
    to, types = change.details["to"], change.details["types"]
    event = {
        "associationType": f"{change.kind.singular}_to_{to.singular}".upper(),
        "fromObjectId": change.id,
        "toObjectId": change.details["to_id"],
        "associationRemoved": change.details["removed"],
        "isPrimaryAssociation": bool(PRIMARY_TYPES & set(types)),
    }
    if generic:
        event |= {
            "fromObjectTypeId": change.kind.type_id,
            "toObjectTypeId": to.type_id,
            "associationCategory": "HUBSPOT_DEFINED",
            "associationTypeId": types[0],
        }
    return event


def batches(events: list[dict[str, Any]], size: int) -> Iterable[list[dict[str, Any]]]:
    """Return the events in lists of at most `size`."""
    return (events[start : start + size] for start in range(0, len(events), size))


def signed_headers(url: str, body: bytes, secret: str, milliseconds: int) -> dict[str, str]:
    """Return the headers of a delivery: signature v3 over the address as it is decoded for signing, and v1."""
    address = DECODED.sub(lambda escape: unquote(escape.group()), url)
    message = b"POST" + address.encode() + body + str(milliseconds).encode()
    third = base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()
    return {
        "User-Agent": "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client) - "
        "WebhooksExecutorDaemon-executor",
        "Content-Type": "application/json",
        "X-HubSpot-Signature": hashlib.sha256(secret.encode() + body).hexdigest(),
        "X-HubSpot-Signature-Version": "v1",
        "X-HubSpot-Signature-v3": third,
        "X-HubSpot-Request-Timestamp": str(milliseconds),
        "X-HubSpot-Timeout-Millis": "10000",  # as seen; the real limit is 5 seconds
    }
