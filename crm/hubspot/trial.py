"""What a test of a HubSpot connection finds out beside its account."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from crm.hubspot.client import HubSpotClient
from integrations.base.errors import IntegrationError, PermissionMissing
from integrations.base.http import Observed

READ = {
    "deals": "crm.objects.deals.read",
    "line_items": "crm.objects.line_items.read",
    "companies": "crm.objects.companies.read",
    "contacts": "crm.objects.contacts.read",
}


def measured(observed: Observed | None) -> dict[str, Any]:
    """Return latency, clock skew and what is left of the limits, as the newest answer's headers tell them."""
    if observed is None:
        return {}
    headers = observed.headers
    parts = []
    if left := headers.get("X-HubSpot-RateLimit-Remaining"):
        window = headers.get("X-HubSpot-RateLimit-Interval-Milliseconds", "10000")
        seconds = int(window) // 1000 if window.isdigit() else 10
        parts.append(f"{left} of {headers.get('X-HubSpot-RateLimit-Max', '?')} calls in {seconds} s")
    if left := headers.get("X-HubSpot-RateLimit-Daily-Remaining"):
        parts.append(f"{left} calls today")
    return {
        "latency_ms": round(observed.seconds * 1000),
        "skew_seconds": observed.skew_seconds,
        "remaining": ", ".join(parts),
    }


def permissions(client: HubSpotClient, required: Sequence[str], optional: Sequence[str]) -> dict[str, Any]:
    """Return the scopes that are granted, missing, and left out though useful; each kind is really read once.

    Raises IntegrationError for anything but a missing scope.
    """
    granted: list[str] = []
    with suppress(IntegrationError):  # the reads below tell what matters
        granted = client.granted_scopes()
    missing = [scope for scope in required if granted and scope not in granted]
    for kind, scope in READ.items():
        try:
            client.try_read(kind)
        except PermissionMissing:
            missing.append(scope)
    return {
        "granted": granted,
        "missing": list(dict.fromkeys(missing)),
        "not_granted": [scope for scope in optional if granted and scope not in granted],
    }
