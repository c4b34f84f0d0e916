"""The authority's switches: planned faults, storms, the exchange, keys, and how strict a document is judged."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# What an answer may look like whatever the call was for; those of the second group only happen to writes.
EVERYWHERE = ("drop", "error_500", "html_502", "slow")
WRITES = ("commit_drop", "commit_504", "late_commit", "busy", "duplicate", "duplicate_2026")
AT_WILL = ("bad_keys", "offline")  # never part of a storm: they stop a business or a buyer, not a call
KINDS = EVERYWHERE + WRITES + AT_WILL
LATE_ANSWERS = ("drop", "504", "busy")
FAULT_KEYS = {"kind", "method", "path_prefix", "times", "seconds", "answer"}
STORM_KEYS = {"rate", "seed", "kinds", "seconds"}
STATUS_WORDS = ("REJECTED", "CANCELED")


@dataclass
class MbsSettings:
    """The authority's part of the settings; as they are here it is in good health and judges as documented."""

    mbs_faults: list[dict[str, Any]] = field(default_factory=list)
    mbs_storm: dict[str, Any] | None = None
    mbs_confirm_lag_s: float = 0
    mbs_resources_down: bool = False
    mbs_refused_keys: list[str] = field(default_factory=list)
    mbs_entity_needs_si: bool = False
    mbs_template_service_id: str = ""
    mbs_download_key: str = ""
    mbs_buyers_offline: bool = False
    mbs_buyer_acknowledges: bool = True
    mbs_transmit_fails: bool = False
    mbs_webhook_target: str = ""
    mbs_webhook_copies: int = 1
    mbs_webhook_delay_ms: int = 0
    mbs_webhook_shuffle: bool = False
    mbs_date_is_issue_date: bool = True
    mbs_place_required: bool = False
    mbs_isic_accepted: bool = True
    mbs_unit_of_three: bool = True
    mbs_exempted_known: bool = True
    mbs_status_words: list[str] = field(default_factory=lambda: list(STATUS_WORDS))
    mbs_whole_quantity: bool = False
    mbs_refuse_zero: bool = False


def _switch(value: Any) -> bool:
    return type(value) is bool


def _seconds(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 10**6


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 10**6


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _fault(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and not set(value) - FAULT_KEYS
        and value.get("kind") in KINDS
        and value.get("answer", "504") in LATE_ANSWERS
        and _seconds(value.get("seconds", 0))
        and _whole(value.get("times", 1))
    )


def _faults(value: Any) -> bool:
    return isinstance(value, list) and all(_fault(each) for each in value)


def _storm(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or set(value) - STORM_KEYS or not _seconds(value.get("seconds", 0)):
        return False
    kinds = value.get("kinds", [])
    known = _texts(kinds) and not set(kinds) - set(EVERYWHERE + WRITES)
    return known and _seconds(value.get("rate")) and value["rate"] <= 1 and _whole(value.get("seed", 0))


SWITCHES = (
    "mbs_resources_down", "mbs_entity_needs_si", "mbs_buyers_offline", "mbs_buyer_acknowledges", "mbs_transmit_fails",
    "mbs_webhook_shuffle", "mbs_date_is_issue_date", "mbs_place_required", "mbs_isic_accepted", "mbs_unit_of_three",
    "mbs_exempted_known", "mbs_whole_quantity", "mbs_refuse_zero",
)  # fmt: skip
MBS_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "mbs_faults": (_faults, f"a list of objects with {', '.join(sorted(FAULT_KEYS))}, kind one of {', '.join(KINDS)}"),
    "mbs_storm": (_storm, 'null or {"rate" from 0 to 1, "seed", "kinds", "seconds"}'),
    "mbs_confirm_lag_s": (_seconds, "a number of seconds"),
    "mbs_refused_keys": (_texts, "a list of API keys"),
    "mbs_template_service_id": (_text, "a text"),
    "mbs_download_key": (_text, "a text: 32 bytes in base64, or empty"),
    "mbs_webhook_target": (_text, "an address, or empty"),
    "mbs_webhook_copies": (lambda value: _whole(value) and value <= 5, "a whole number up to 5; 0 sends none"),
    "mbs_webhook_delay_ms": (_whole, "a whole number of milliseconds"),
    "mbs_status_words": (
        lambda value: _texts(value) and not set(value) - set(STATUS_WORDS), f"a list of {', '.join(STATUS_WORDS)}"
    ),
    **dict.fromkeys(SWITCHES, (_switch, "true or false")),
}  # fmt: skip
