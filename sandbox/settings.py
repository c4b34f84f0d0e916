"""What the command line and the control endpoint may change."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FAILURE_KEYS = {"method", "path_prefix", "status", "body", "headers", "times", "drop"}


@dataclass
class Settings:
    """Size and seed of the data, limits, delays in milliseconds, token life in seconds, planned failures, switches."""

    deals: int = 250
    seed: int = 1
    limits: bool = True
    latency_ms: int = 0
    token_ttl: int = 1800
    fail_next: list[dict[str, Any]] = field(default_factory=list)
    merge_keeps_primary: bool = False
    touch_parent: bool = False


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _switch(value: Any) -> bool:
    return type(value) is bool


def _failures(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and not set(item) - FAILURE_KEYS for item in value)


CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "limits": (_switch, "true or false"),
    "latency_ms": (_whole, "a whole number of milliseconds"),
    "token_ttl": (lambda value: type(value) is int, "a whole number of seconds"),
    "fail_next": (_failures, f"a list of objects with {', '.join(sorted(FAILURE_KEYS))}"),
    "merge_keeps_primary": (_switch, "true or false"),
    "touch_parent": (_switch, "true or false"),
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
