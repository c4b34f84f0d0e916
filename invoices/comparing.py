"""Compares two documents field by field. Pure: numbers by value, so that 7.5 and 7.50 are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

NOTHING = "nothing"
# It is set after the signing, with a call of its own.
CHANGES_LATER = {"payment_status"}
MOST, LONGEST = 200, 300


def differences(ours: bytes, theirs: bytes) -> list[dict[str, str]]:
    """Return {path, ours, theirs} for each field that differs, 200 at most.

    Raises ValueError when one of the two is no JSON object.
    """
    first, second = _read(ours), _read(theirs)
    found = _compare("", first, second)
    return [row for row, _ in zip(found, range(MOST), strict=False)]


def _read(body: bytes) -> dict[str, Any]:
    content = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    if not isinstance(content, dict):
        raise ValueError("The document is no JSON object.")  # noqa: TRY004 - it is about the content
    return {name: value for name, value in content.items() if name not in CHANGES_LATER}


def _compare(path: str, ours: Any, theirs: Any) -> Iterator[dict[str, str]]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in [*ours, *(name for name in theirs if name not in ours)]:
            yield from _compare(f"{path}.{name}".lstrip("."), ours.get(name), theirs.get(name))
    elif isinstance(ours, list) and isinstance(theirs, list):
        for position in range(max(len(ours), len(theirs))):
            pair = [each[position] if position < len(each) else None for each in (ours, theirs)]
            yield from _compare(f"{path}[{position}]", *pair)
    elif ours != theirs and not (_is_empty(ours) and _is_empty(theirs)):
        yield {"path": path, "ours": _shown(ours), "theirs": _shown(theirs)}


def _is_empty(value: Any) -> bool:
    return value in (None, "", [], {})


def _shown(value: Any) -> str:
    if value is None:
        return NOTHING
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text.strip('"')[:LONGEST] if isinstance(value, Decimal) else text[:LONGEST]
