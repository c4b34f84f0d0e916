"""HubSpot's bad days: answers that the switches of the settings put before the real ones."""

from typing import Any

from sandbox.hubspot_errors import hubspot_error, rate_limited
from sandbox.settings import Settings
from sandbox.web import Response

BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
POLICIES = {
    "ten_secondly": ("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING"),
    "search": ("You have reached your secondly limit.", "SECONDLY"),
    "daily": ("You have reached your daily limit.", "DAILY"),
}


def fault(settings: Settings, *, is_search: bool) -> Response | None:
    """Return the bad answer that is due to an API call and count it down, or None when all is well."""
    if settings.bad_gateway_html:
        settings.bad_gateway_html -= 1
        return Response(502, BAD_GATEWAY, "text/html; charset=utf-8")
    if migrating := _taken(settings, "migrating_477"):
        message = "The account is being migrated to another data centre. Try again later."
        return _with_wait(hubspot_error(477, "MIGRATION_IN_PROGRESS", message).response, migrating)
    limit = settings.rate_limit
    if limit and (limit["kind"] == "search") == is_search:
        _taken(settings, "rate_limit")
        return _with_wait(rate_limited(*POLICIES[limit["kind"]]).response, limit)
    if settings.locked_423:
        settings.locked_423 -= 1
        return hubspot_error(423, "LOCKED", "The resource is locked by another request. Wait and try again.").response
    return None


def _taken(settings: Settings, name: str) -> dict[str, Any] | None:
    """Count one use of a switch that has a number of times; the last one puts it back."""
    entry: dict[str, Any] | None = getattr(settings, name)
    if entry:
        left = entry.get("times", 1) - 1
        setattr(settings, name, entry | {"times": left} if left > 0 else None)
    return entry


def _with_wait(response: Response, entry: dict[str, Any]) -> Response:
    if entry.get("retry_after") is not None:
        response.headers["Retry-After"] = str(entry["retry_after"])
    return response
