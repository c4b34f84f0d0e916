"""What the command line and the control endpoint may change."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox.mbs_settings import MBS_CHECKS, MbsSettings
from sandbox.square_settings import SQUARE_CHECKS, SquareSettings

FAILURE_KEYS = {"method", "path_prefix", "status", "body", "headers", "times", "drop"}

RATE_LIMITS = ("ten_secondly", "search", "daily")


@dataclass
class Settings(MbsSettings, SquareSettings):
    """Size and seed of the data, limits, delays in milliseconds, token life in seconds, planned failures, switches."""

    deals: int = 250
    seed: int = 1
    limits: bool = True
    latency_ms: int = 0
    token_ttl: int = 1800
    fail_next: list[dict[str, Any]] = field(default_factory=list)
    merge_keeps_primary: bool = False
    touch_parent: bool = False
    index_lag_s: float = 0
    refuse_refresh: bool = False
    bad_hub: bool = False
    drop_refresh_token: bool = False
    rate_limit: dict[str, Any] | None = None
    locked_423: int = 0
    migrating_477: dict[str, Any] | None = None
    bad_gateway_html: int = 0
    missing_scopes: list[str] = field(default_factory=list)
    number_ids: bool = True
    clock_skew_s: float = 0
    webhook_target: dict[str, str] | None = None
    webhooks_on: bool = True
    webhook_form: str = "classic"
    webhook_batch: int = 1
    webhook_delay_ms: int = 0
    webhook_duplicates: int = 0
    webhook_shuffle: bool = False
    webhook_timeout_s: float = 5
    webhook_retry_gaps: list[float] = field(default_factory=lambda: [0.2, 0.5, 1, 2, 4, 8])


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _switch(value: Any) -> bool:
    return type(value) is bool


def _failures(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and not set(item) - FAILURE_KEYS for item in value)


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 10**9


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _counted(value: Any, *more: str) -> bool:
    """Whether this is null or {"times", "retry_after"} and what else there must be."""
    if value is None:
        return True
    if not isinstance(value, dict) or set(value) - {"times", "retry_after", *more} or set(more) - set(value):
        return False
    times, wait = value.get("times", 1), value.get("retry_after")
    return _whole(times) and times > 0 and (wait is None or (_number(wait) and wait >= 0))


def _limit(value: Any) -> bool:
    return _counted(value, "kind") and (value is None or value["kind"] in RATE_LIMITS)


def _gaps(value: Any) -> bool:
    return isinstance(value, list) and all(_number(gap) and gap >= 0 for gap in value)


def _target(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or set(value) != {"url", "secret"}:
        return False
    if not all(isinstance(text, str) and text.isascii() for text in value.values()):
        return False
    try:
        address = urlsplit(value["url"])
        return address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        return False


CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "limits": (_switch, "true or false"),
    "latency_ms": (_whole, "a whole number of milliseconds"),
    "token_ttl": (lambda value: type(value) is int, "a whole number of seconds"),
    "fail_next": (_failures, f"a list of objects with {', '.join(sorted(FAILURE_KEYS))}"),
    "merge_keeps_primary": (_switch, "true or false"),
    "touch_parent": (_switch, "true or false"),
    "index_lag_s": (lambda value: _number(value) and value >= 0, "a number of seconds"),
    "refuse_refresh": (_switch, "true or false"),
    "bad_hub": (_switch, "true or false"),
    "drop_refresh_token": (_switch, "true or false"),
    "rate_limit": (_limit, f'null or {{"kind", "retry_after", "times"}}, kind one of {", ".join(RATE_LIMITS)}'),
    "locked_423": (_whole, "a number of times"),
    "migrating_477": (_counted, 'null or {"retry_after", "times"}'),
    "bad_gateway_html": (_whole, "a number of times"),
    "missing_scopes": (_texts, "a list of scopes"),
    "number_ids": (_switch, "true or false"),
    "clock_skew_s": (_number, "a number of seconds"),
    "webhook_target": (_target, 'null or {"url", "secret"} with an http or https address'),
    "webhooks_on": (_switch, "true or false"),
    "webhook_form": (lambda value: value in ("classic", "generic"), '"classic" or "generic"'),
    "webhook_batch": (lambda value: _whole(value) and 1 <= value <= 100, "a whole number from 1 to 100"),
    "webhook_delay_ms": (_whole, "a whole number of milliseconds"),
    "webhook_duplicates": (lambda value: _whole(value) and value <= 10, "a whole number up to 10"),
    "webhook_shuffle": (_switch, "true or false"),
    "webhook_timeout_s": (lambda value: _number(value) and value > 0, "a number of seconds above 0"),
    "webhook_retry_gaps": (_gaps, "a list of seconds"),
    **MBS_CHECKS,
    **SQUARE_CHECKS,
}


def change(settings: Settings, changes: dict[str, Any]) -> str:
    """Change settings, all or none; returns "" or the sentence that says what is wrong."""
    unknown = set(changes) - set(CHECKS)
    if unknown:
        return f"Unknown settings: {', '.join(sorted(unknown))}."
    wrong = [f"{name} must be {CHECKS[name][1]}" for name, value in changes.items() if not CHECKS[name][0](value)]
    if wrong:
        return f"{'; '.join(wrong)}."
    for name, value in changes.items():
        setattr(settings, name, value)
    return ""
