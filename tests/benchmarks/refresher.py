"""One process of the race for a refresh: loads nothing of Django before it is set up."""

from __future__ import annotations

from typing import Any


def expire_and_call(database: str, url: str, connection_id: int, expiries: int, together: Any, is_first: bool) -> None:
    """Make one call after each expiry, at the same moment as the others; runs in a process of its own."""
    import django

    django.setup()
    from django.conf import settings
    from django.db import connections
    from django.utils import timezone

    from crm.hubspot.client import HubSpotClient
    from integrations.base.auth import CredentialManager
    from integrations.models import Credential

    connections["default"].settings_dict["NAME"] = database
    settings.HUBSPOT_API_BASE = url
    settings.HUBSPOT_CLIENT_ID, settings.HUBSPOT_CLIENT_SECRET = "sandbox-client", "sandbox-secret"
    for _ in range(expiries):
        if is_first:
            Credential.objects.filter(connection_id=connection_id).update(expires_at=timezone.now())
        together.wait(120)
        client = HubSpotClient(CredentialManager(connection_id))
        client.get_account()
        client.close()
        together.wait(120)
    connections.close_all()
