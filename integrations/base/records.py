"""A provider's data in our shape, not stored yet; and what one page of it is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that could not be read: kept with its bytes and the reason, while the page goes on."""

    external_id: str
    reason: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Page:
    """Records that commit together with the cursor after them; `gone` are ids that the provider no longer has.

    `read_at` is when reading them began: of two reads of one version the one that began later counts. `parties` are
    buyers that changed by themselves; those that no stored record stands on are not ours to keep.
    """

    records: list[Any]
    cursor: dict[str, Any]
    unreadable: list[Unreadable] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    read_at: datetime | None = None
    parties: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of a delivery, before it is stored.

    `key` is the same for each copy of an event and for no other. `payload` is the event's own JSON text. `ignored`
    says why there is nothing to do, `parked` why somebody has to look; both are empty for an ordinary event.
    """

    key: str
    external_account_id: str
    event_type: str
    object_type: str
    object_id: str
    occurred_at: datetime | None
    payload: str
    ignored: str = ""
    parked: str = ""


def content_hash(*parts: Any) -> str:
    """Return a hash of JSON-able content, the same for the same content in any key order (32 hex characters)."""
    return hashlib.blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
