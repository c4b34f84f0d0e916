"""A configured secret, a small address book of the sandbox's deals, and a way to post."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from crm.hubspot.tasks import process_hubspot_events
from crm.services import sync_deals
from integrations.base import http
from integrations.models import Connection
from integrations.services.webhooks import split_deliveries
from sandbox.hubspot import PORTAL_ID
from tests.webhook_signing import SECRET, event, post

Post = Callable[..., Any]


@pytest.fixture(autouse=True)
def _configured(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HUBSPOT_WEBHOOK_SECRET = SECRET
    monkeypatch.setattr(http, "MAX_WAIT", 0.01)


@pytest.fixture
def deliver(client: Client, settings: Any) -> Post:
    """Return a function that posts events, of the sandbox's account unless they say otherwise."""

    def send(*events: Any, **how: Any) -> Any:
        return post(client, list(events), settings.PUBLIC_URL, **how)

    return send


@pytest.fixture
def synced(connection: Connection) -> Connection:
    """Return a connection whose deals have been read."""
    sync_deals(connection=connection)
    return connection


def told(kind: str = "deal.propertyChange", object_id: int | str = 1, **facts: Any) -> dict[str, Any]:
    """Return an event of the sandbox's account."""
    return event(kind, int(object_id), **{"portalId": PORTAL_ID, **facts})


def work(connection: Connection) -> None:
    """Do what the workers do: split, then process."""
    split_deliveries()
    process_hubspot_events(connection.pk)
