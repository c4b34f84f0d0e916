"""Square's bad days: answers that the switches of the settings put before the real ones."""

from typing import Any

from sandbox.faults import BAD_GATEWAY
from sandbox.square_errors import square_error
from sandbox.square_grants import dead_token
from sandbox.square_settings import SquareSettings
from sandbox.web import Response


def bad_answer(settings: SquareSettings, *, bears_token: bool = True) -> Response | None:
    """Return the bad answer that is due to a call and count it down, or None when all is well.

    A call that bears no access token, such as its renewal, knows nothing of dead ones.
    """
    if settings.square_bad_gateway_html:
        settings.square_bad_gateway_html -= 1
        return Response(502, BAD_GATEWAY, "text/html; charset=utf-8")
    if settings.square_error_500:
        settings.square_error_500 -= 1
        return square_error(500, "INTERNAL_SERVER_ERROR", "An internal error occurred.").response
    if limit := taken(settings, "square_rate_limit"):
        response = square_error(429, "RATE_LIMITED", "Too many requests; slow down and try again.").response
        if limit.get("retry_after") is not None:
            response.headers["Retry-After"] = str(limit["retry_after"])
        return response
    if settings.square_dead_token and bears_token:
        if settings.square_dead_token.get("after"):
            settings.square_dead_token["after"] -= 1
        elif entry := taken(settings, "square_dead_token"):
            return dead_token(entry.get("code", "ACCESS_TOKEN_EXPIRED")).response
    return None


def taken(settings: SquareSettings, name: str) -> dict[str, Any] | None:
    """Count one use of a switch that has a number of times; the last one puts it back."""
    entry: dict[str, Any] | None = getattr(settings, name)
    if entry:
        left = entry.get("times", 1) - 1
        setattr(settings, name, entry | {"times": left} if left > 0 else None)
    return entry
