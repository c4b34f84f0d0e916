"""Signs and posts notices as HubSpot does; written apart from the code that checks them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from django.test import Client

SECRET = "sandbox-secret"
PATH = "/webhooks/hubspot/"


def sign(body: bytes, *, url: str, timestamp: str, secret: str = SECRET, method: str = "POST") -> str:
    """Return the version 3 signature."""
    message = method.encode() + url.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


def headers(body: bytes, *, origin: str, secret: str = SECRET, age_ms: int = 0) -> dict[str, str]:
    """Return the headers of a delivery to our webhook address."""
    timestamp = str(int(time.time() * 1000) - age_ms)
    return {
        "X-HubSpot-Request-Timestamp": timestamp,
        "X-HubSpot-Signature-v3": sign(body, url=origin + PATH, timestamp=timestamp, secret=secret),
    }


def event(kind: str = "deal.propertyChange", object_id: int = 1, **facts: Any) -> dict[str, Any]:
    """Return one event; the account is the sandbox's."""
    return {
        "eventId": 1, "subscriptionId": 5, "portalId": 62515, "appId": 1160452, "occurredAt": 1795348800000,
        "subscriptionType": kind, "attemptNumber": 0, "objectId": object_id, **facts,
    }  # fmt: skip


def post(client: Client, events: Any, origin: str, **how: Any) -> Any:
    """Post a signed delivery and return the answer; bytes are sent as they are."""
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    return client.post(PATH, data=body, content_type="application/json", headers=headers(body, origin=origin, **how))
