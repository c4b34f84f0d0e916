"""Paystack's notices: who signed them, and which payments to read again.

The key that signs them is the account's own, so each account's notices come to an address of its own.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import orjson

from integrations.base.errors import InvalidSignature
from integrations.base.records import Notice
from integrations.base.signatures import SignedRequest

SIGNATURE = "x-paystack-signature"


def check_paystack(request: SignedRequest) -> None:
    """Accept a body whose hex HMAC-SHA512 was made with the account's secret key; raises InvalidSignature."""
    given = request.headers.get(SIGNATURE, "")
    if not given or not request.body:
        raise InvalidSignature(f"The request carries no {SIGNATURE} or no body.", provider="paystack")
    # Bytes, because comparing text raises on a header that is not ASCII.
    right = [hmac.compare_digest(sign(key, request.body).encode(), given.encode()) for key in request.secrets if key]
    if not any(right):
        raise InvalidSignature("The signature does not belong to this body and this account.", provider="paystack")


def sign(key: str, body: bytes) -> str:
    """Return the hex HMAC-SHA512 of a raw body."""
    return hmac.new(key.encode(), body, hashlib.sha512).hexdigest()


def parse_paystack(body: bytes) -> list[Notice]:
    """Return the one event of a delivery; raises ValueError when the body is no JSON object.

    It names no account: whoever received it knows by its address whose it is. No id of an event is known either, so
    a copy is known by its bytes; one with other bytes only has its payment read once more.
    """
    try:
        event = orjson.loads(body)
    except ValueError as problem:
        raise ValueError("it is not JSON.") from problem
    if not isinstance(event, dict):
        raise ValueError("it is not an event.")  # noqa: TRY004 - bad input, no wrong call
    kind, touched = _text(event.get("event")), touched_by(event)
    return [
        Notice(
            key=hashlib.sha256(b"paystack" + body).hexdigest(),
            external_account_id="",
            event_type=kind[:100],
            object_type=kind.partition(".")[0][:40],
            object_id=next(iter(touched), "")[:100],
            occurred_at=None,
            payload=orjson.dumps(event).decode().replace("\\u0000", ""),
            ignored="" if touched else "It is about no payment that a terminal took.",
            parked="" if kind else "It names no type, so nobody knows what it is about.",
        )
    ]


def touched_by(event: Any) -> frozenset[str]:
    """Return the references of the payments that an event is about. It says where to look, never what is there."""
    data = event.get("data") if isinstance(event, dict) else None
    if not isinstance(data, dict):
        return frozenset()
    match _text(event.get("event")).partition("."):
        case ("charge", _, "success" | "failed"):
            found = data.get("reference")
        case ("refund", _, _):
            found = data.get("transaction_reference")
        case _:
            return frozenset()
    return frozenset({_text(found)} - {""})


def _text(value: Any) -> str:
    """Return text without the one character that PostgreSQL cannot store."""
    return value.replace("\x00", "") if isinstance(value, str) else ""
