"""Square's switches: what the till's facts look like, its bad answers, and its webhooks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

ORDER_EVENTS = ("none", "updated", "both")
OAUTH_ERRORS = ("errors", "legacy")
DEAD_TOKENS = ("UNAUTHORIZED", "ACCESS_TOKEN_EXPIRED", "ACCESS_TOKEN_REVOKED")


@dataclass
class SquareSettings:
    """Square's part of the settings; as they are here it is in good health."""

    square_token_ttl: int = 30 * 86_400
    square_cursor_s: float = 300
    square_lag_s: float = 0
    square_order_events: str = "none"
    square_tips_in_total: bool = False
    square_offline_keeps_time: bool = False
    square_oauth_errors: str = "errors"
    square_go_times: bool = True
    square_missing_scopes: list[str] = field(default_factory=list)
    square_rate_limit: dict[str, Any] | None = None
    square_error_500: int = 0
    square_bad_gateway_html: int = 0
    square_timeout: dict[str, Any] | None = None
    square_dead_token: dict[str, Any] | None = None
    square_webhook_target: dict[str, str] | None = None
    square_webhooks_on: bool = True
    square_webhook_delay_ms: int = 0
    square_webhook_duplicates: int = 0
    square_webhook_shuffle: bool = False
    square_webhook_drop: int = 0
    square_webhook_wrong_key: bool = False
    square_webhook_disable_after: int = 0
    square_webhook_timeout_s: float = 10
    square_webhook_time_scale: float = 0.01


def _switch(value: Any) -> bool:
    return type(value) is bool


def _number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 10**9


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 10**6


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _entry(value: Any, **most: Callable[[Any], bool]) -> bool:
    """Whether this is null, or an object whose members are all known and well formed."""
    if value is None:
        return True
    return isinstance(value, dict) and all(name in most and most[name](each) for name, each in value.items())


def _dead_token(value: Any) -> bool:
    return _entry(value, code=lambda code: code in DEAD_TOKENS, after=_whole, times=_whole)


def _target(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or set(value) != {"url", "secret"}:
        return False
    return all(isinstance(text, str) for text in value.values()) and is_address(value["url"])


def is_address(text: str) -> bool:
    """Whether a webhook can be posted there; plain http is taken too, for receivers on this machine."""
    try:
        address = urlsplit(text)
        return text.isascii() and address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        return False


SQUARE_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "square_token_ttl": (lambda value: type(value) is int, "a whole number of seconds"),
    "square_cursor_s": (_number, "a number of seconds"),
    "square_lag_s": (_number, "a number of seconds"),
    "square_order_events": (lambda value: value in ORDER_EVENTS, f"one of {', '.join(ORDER_EVENTS)}"),
    "square_tips_in_total": (_switch, "true or false"),
    "square_offline_keeps_time": (_switch, "true or false"),
    "square_oauth_errors": (lambda value: value in OAUTH_ERRORS, f"one of {', '.join(OAUTH_ERRORS)}"),
    "square_go_times": (_switch, "true or false"),
    "square_missing_scopes": (_texts, "a list of scopes"),
    "square_rate_limit": (
        lambda value: _entry(value, times=_whole, retry_after=_number),
        'null or {"times", "retry_after"}',
    ),
    "square_error_500": (_whole, "a number of times"),
    "square_bad_gateway_html": (_whole, "a number of times"),
    "square_timeout": (lambda value: _entry(value, times=_whole, seconds=_number), 'null or {"times", "seconds"}'),
    "square_dead_token": (_dead_token, f'null or {{"code", "after", "times"}}, code one of {", ".join(DEAD_TOKENS)}'),
    "square_webhook_target": (_target, 'null or {"url", "secret"} with an http or https address'),
    "square_webhooks_on": (_switch, "true or false"),
    "square_webhook_delay_ms": (_whole, "a whole number of milliseconds"),
    "square_webhook_duplicates": (lambda value: _whole(value) and value <= 10, "a whole number up to 10"),
    "square_webhook_shuffle": (_switch, "true or false"),
    "square_webhook_drop": (_whole, "a number of deliveries"),
    "square_webhook_wrong_key": (_switch, "true or false"),
    "square_webhook_disable_after": (_whole, "a number of failed attempts in a row; 0 never disables"),
    "square_webhook_timeout_s": (lambda value: _number(value) and value > 0, "a number of seconds above 0"),
    "square_webhook_time_scale": (_number, "a number; 1 is Square's own pace, 0.001 makes a minute 60 milliseconds"),
}
