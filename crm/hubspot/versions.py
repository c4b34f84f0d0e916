"""Until when HubSpot supports each version of its interfaces; from its changelog, looked up in November 2026."""

from __future__ import annotations

from datetime import date

from django.conf import settings

from integrations.base.connector import VersionInUse

# A dated version comes each March and September and is supported for 18 months.
SUNSETS = {
    ("OAuth", "v1"): date(2027, 2, 16),
    ("CRM", "v4"): date(2027, 3, 30),
    ("CRM", "v3"): date(2027, 9, 1),
    ("OAuth", "v3"): date(2027, 9, 1),
    ("CRM", "2026-03"): date(2027, 9, 30),
    ("OAuth", "2026-03"): date(2027, 9, 30),
    ("CRM", "2026-09"): date(2028, 3, 31),
    ("OAuth", "2026-09"): date(2028, 3, 31),
}


def versions_in_use() -> tuple[VersionInUse, ...]:
    """Return the versions that the settings choose; version 3 of the CRM brings version 4 of the associations."""
    chosen = [("CRM", settings.HUBSPOT_API_VERSION), ("OAuth", settings.HUBSPOT_OAUTH_VERSION)]
    if settings.HUBSPOT_API_VERSION.startswith("v"):
        chosen.append(("CRM", "v4"))
    return tuple(VersionInUse(area, version, SUNSETS.get((area, version))) for area, version in chosen)
