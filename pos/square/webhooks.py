"""Square's notices: who signed them, what they are about, and which orders to read again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from integrations.base.errors import ConfigurationError, InvalidSignature
from integrations.base.records import Notice
from integrations.base.signatures import SignedRequest, check_signature
from pos.connector import Touched

SIGNATURE = "x-square-hmacsha256-signature"
REVOKED = "oauth.authorization.revoked"
# Payments and refunds are what tells of a till's sale; whether orders are told of, Square's own texts disagree.
TRIGGERS = frozenset({
    "payment.created", "payment.updated", "refund.created", "refund.updated", "order.created", "order.updated",
    "location.created", "location.updated", "customer.created", "customer.updated", "customer.deleted",
    "catalog.version.updated", REVOKED,
})  # fmt: skip


def check_square(request: SignedRequest, keys: Iterable[str]) -> None:
    """Accept what was signed for the configured address with any of the keys; raises InvalidSignature.

    The address is the one registered at Square, letter by letter; the key is used as it stands.
    """
    known = [key for key in keys if key]
    if not known:
        raise ConfigurationError(
            "No notice of Square can be checked: operations must set SQUARE_WEBHOOK_KEYS.", provider="square"
        )
    given = request.headers.get(SIGNATURE, "")
    if not given or not request.body:
        raise InvalidSignature(f"The request carries no {SIGNATURE} or no body.", provider="square")
    check_signature(given, request.url.encode() + request.body, known)


def parse_square(body: bytes) -> list[Notice]:
    """Return the one event of a delivery; raises ValueError when the body is no JSON object."""
    try:
        event = orjson.loads(body)
    except ValueError as problem:
        raise ValueError("it is not JSON.") from problem
    if not isinstance(event, dict):
        raise ValueError("it is not an event.")  # noqa: TRY004 - bad input, no wrong call
    kind, data = _text(event.get("type")), _object(event.get("data"))
    seller, event_id = _text(event.get("merchant_id")), _text(event.get("event_id"))
    touched = touched_by(event)
    about = next(iter(sorted(touched.sales)), "") or _text(data.get("id"))
    return [
        Notice(
            key=hashlib.sha256(b"square" + (event_id.encode() or body)).hexdigest(),
            external_account_id=seller[:100],
            event_type=kind[:100],
            object_type=kind.partition(".")[0][:40],
            object_id=about[:100],
            occurred_at=_instant(event.get("created_at")),
            payload=orjson.dumps(event).decode().replace("\\u0000", ""),
            ignored="" if kind in TRIGGERS else "No invoice depends on events of this type.",
            parked="" if seller and kind else "It names no seller or no type, so nobody knows whose it is.",
        )
    ]


def touched_by(event: Any) -> Touched:
    """Return what an event says to read again. It is a hint: it says where to look, never what is there."""
    event = _object(event)
    kind, found = _text(event.get("type")), _object(_object(event.get("data")).get("object"))
    match kind.partition("."):
        case ("payment", _, _):
            payment = _object(found.get("payment"))
            sales = _some(payment.get("order_id"))
            return Touched(sales=sales, offline=sales if payment.get("is_offline_payment") else frozenset())
        case ("refund", _, _):
            refund = _object(found.get("refund"))
            return Touched(sales=_some(refund.get("order_id")), refunds=_some(refund.get("id")))
        case ("order", _, _):
            inner = next((each for each in found.values() if isinstance(each, dict)), {})
            return Touched(sales=_some(inner.get("order_id")))
        case ("location", _, _):
            return Touched(locations=True)
        case ("customer", _, _):
            customer = _object(found.get("customer"))
            return Touched(customers=_some(customer.get("id")) or _some(_object(event.get("data")).get("id")))
        case ("catalog", _, _):
            return Touched(catalog=True)
    return Touched(is_revoked=kind == REVOKED)


def _some(value: Any) -> frozenset[str]:
    return frozenset({value}) if isinstance(value, str) and value else frozenset()


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """Return text without the one character that PostgreSQL cannot store."""
    return value.replace("\x00", "") if isinstance(value, str) else ""


def _instant(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
