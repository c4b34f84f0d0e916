"""Paystack's transactions in our dataclasses. Pure: what cannot be read raises Unmappable with the field's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from pos.records import PaymentRecord, PaymentState

SUBUNITS = Decimal(100)  # of every currency that Paystack takes, those without a smaller coin too
LONGEST = 200
STATES: dict[str, PaymentState] = {
    "success": "succeeded",
    "reversed": "reversed",
    "failed": "failed",
    "abandoned": "failed",
    "pending": "pending",
    "ongoing": "pending",
    "processing": "pending",
    "queued": "pending",
}
GIVEN_BACK = "processed"  # a refund's state once the money went


class Unmappable(Exception):
    """A transaction that cannot be read; `str()` is the reason for people."""


@dataclass(frozen=True, slots=True)
class FieldNames:
    """By which names a transaction's metadata tells its terminal and its invoice, the first that is there."""

    terminal: Sequence[str]
    invoice: Sequence[str]


def to_payment(
    raw: Mapping[str, Any], names: FieldNames, refunds: Iterable[Mapping[str, Any]] | None = None
) -> PaymentRecord:
    """Return a transaction; `refunds` are all of its refunds, None when they were not read. Raises Unmappable."""
    state, currency, amount = _state(raw), _currency(raw), _amount(raw.get("amount"))
    created_at, paid_at = _moment(raw, "created_at", "createdAt"), _moment(raw, "paid_at", "paidAt")
    if created_at is None:
        raise Unmappable("It does not say when it was made (created_at).")
    if state in ("succeeded", "reversed") and paid_at is None:
        raise Unmappable("It is paid and does not say when (paid_at).")
    refunded = None if refunds is None else _refunded(refunds, currency)
    if refunded is not None and refunded > amount:
        raise Unmappable("More of it was given back than was paid (refund.amount).")
    facts = _facts(raw.get("metadata"))
    invoices = [facts[name] for name in names.invoice if facts.get(name)]
    return PaymentRecord(
        external_id=_id(raw),
        reference=_text(raw.get("reference")),
        state=state,
        amount=amount,
        currency=currency,
        created_at=created_at,
        paid_at=paid_at,
        terminal_id=next((facts[name] for name in names.terminal if facts.get(name)), ""),
        named=tuple(dict.fromkeys(invoices)),
        refunded_amount=refunded,
    )


def _state(raw: Mapping[str, Any]) -> PaymentState:
    told = raw.get("status")
    state = STATES.get(told) if isinstance(told, str) else None
    if state is None:
        raise Unmappable(f"Its status ({told!r}) is none that we know.")
    return state


def _currency(raw: Mapping[str, Any]) -> str:
    told = raw.get("currency")
    if not (isinstance(told, str) and len(told) == 3 and told.isascii() and told.isupper() and told.isalpha()):
        raise Unmappable("Its currency is not a code of three letters (currency).")
    return told


def _refunded(refunds: Iterable[Mapping[str, Any]], currency: str) -> Decimal:
    """Return what was given back; a refund in another currency than its payment is not understood."""
    total = Decimal(0)
    for each in refunds:
        if each.get("status") == GIVEN_BACK:
            if each.get("currency", currency) != currency:
                raise Unmappable("Something was given back in another currency than was paid (refund.currency).")
            total += _amount(each.get("amount"))
    return total


def _id(raw: Mapping[str, Any]) -> str:
    value = raw.get("id")
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isprintable() and 0 < len(text) <= 100):
        raise Unmappable("It has no id (id).")
    return text


def _amount(value: Any) -> Decimal:
    """Return an amount in subunits, a whole number or its text, in major units."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Unmappable("Its amount is not a whole number of subunits (amount).")
    return Decimal(text) / SUBUNITS


def _moment(raw: Mapping[str, Any], *names: str) -> datetime | None:
    told = next((raw[name] for name in names if raw.get(name)), None)
    if told is None:
        return None
    try:
        moment = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Unmappable(f"Its time is not an instant with a zone ({names[0]}).")
    return moment


def _facts(metadata: Any) -> dict[str, str]:
    """Return what metadata tells by name: an object, its JSON text, or a list of custom fields inside it."""
    if isinstance(metadata, str):
        try:
            metadata = orjson.loads(metadata)
        except orjson.JSONDecodeError:
            return {}
    if not isinstance(metadata, dict):
        return {}
    custom = metadata.get("custom_fields")
    fields = [each for each in custom if isinstance(each, dict)] if isinstance(custom, list) else []
    told = {_text(each.get("variable_name")): _text(each.get("value")) for each in fields}
    return told | {_text(name): _text(value) for name, value in metadata.items()}


def _text(value: Any) -> str:
    """Return text or a number as text, without the one character that PostgreSQL cannot store; "" for the rest."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).replace("\x00", "").strip()[:LONGEST]
