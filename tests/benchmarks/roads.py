"""The ways in that webhooks take: a provider's account, what can happen in it, and how its notices are signed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any
from uuid import uuid4

import orjson
from django.conf import settings
from django.test.utils import override_settings
from django_scopes import scope

from accounts.models import Organization
from crm.models import Deal
from crm.services import sync_deals
from integrations.base.auth import CredentialManager, OAuthHandler, Tokens
from integrations.base.signatures import hmac_sha256
from integrations.models import Connection
from integrations.services.connections import connect_account
from pos.models import Sale
from tests import webhook_signing
from tests.benchmarks.backfill import forget_limits
from tests.sandbox_process import SandboxProcess


class Road(ABC):
    """One provider's way in, from a sandbox of its own."""

    provider: str
    path: str
    things: str

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox

    @abstractmethod
    def connect(self, organization: Organization) -> Connection:
        """Return a connection; nothing that it could read is stored."""

    def environment(self) -> dict[str, str]:
        """Return what the processes are told of the provider, beyond what every test's are."""
        return {}

    @abstractmethod
    def prepare(self, connection: Connection, count: int) -> list[str]:
        """Return the ids of what the coming notices tell of: so many, or fewer that are told of in turn."""

    @abstractmethod
    def body(self, external_id: str, number: int, account: str) -> bytes:
        """Return a delivery of one event about an object; `number` is one that no other delivery has."""

    @abstractmethod
    def headers(self, body: bytes, origin: str) -> dict[str, str]:
        """Return the signature of a body that is sent to our address."""

    @abstractmethod
    def stored(self) -> int:
        """Return how many of the objects are stored."""


class HubSpotRoad(Road):
    """Deals that are there already and are told of again and again."""

    provider, path, things = "hubspot", webhook_signing.PATH, "deals"

    def connect(self, organization: Organization) -> Connection:
        """Connect the sandbox's portal."""
        settings.HUBSPOT_API_BASE = self.sandbox.url
        forget_limits()
        tokens = Tokens(access_token="pat-sandbox")
        return connect_account(organization=organization, provider="hubspot", tokens=tokens)

    def prepare(self, connection: Connection, count: int) -> list[str]:
        """Read every deal and let none be due, so that only the way in is measured."""
        with scope(organization=connection.organization):
            sync_deals(connection=connection)
            Deal.objects.update(invoice_due=False)
            return list(Deal.objects.values_list("external_id", flat=True)[:count])

    def body(self, external_id: str, number: int, account: str) -> bytes:
        """Return a change of a deal."""
        told = webhook_signing.event(object_id=int(external_id), portalId=int(account), occurredAt=number)
        return orjson.dumps([told])

    def headers(self, body: bytes, origin: str) -> dict[str, str]:
        """Sign it as HubSpot does."""
        return webhook_signing.headers(body, origin=origin)

    def stored(self) -> int:
        """Return the number of deals."""
        return Deal.objects.count()


class SquareRoad(Road):
    """Sales that were rung up and never read: each notice is the first that is heard of one."""

    provider, path, things = "square", "/webhooks/square/", "sales"
    key = "key-in-use"
    seller = "MLMANGOROW"

    def connect(self, organization: Organization) -> Connection:
        """Connect a seller with one shop, as its consent would."""
        self.sandbox.set(square_webhooks_on=False)
        with override_settings(**{name: value for name, value in self.environment().items() if "KEYS" not in name}):
            answer = self.sandbox.post("/_control/square/connect", {"merchant_id": self.seller})
            tokens: Tokens = OAuthHandler("square", CredentialManager())._tokens(answer)
            return connect_account(organization=organization, provider="square", tokens=tokens)

    def environment(self) -> dict[str, str]:
        """Return Square's addresses and keys."""
        return {
            "SQUARE_BASE": self.sandbox.url,
            "SQUARE_APPLICATION_ID": "sandbox-sq0idb-sandbox-client",
            "SQUARE_APPLICATION_SECRET": "sandbox-sq0csb-sandbox-secret",
            "SQUARE_WEBHOOK_KEYS": self.key,
        }

    def prepare(self, connection: Connection, count: int) -> list[str]:
        """Ring up so many sales, spread over the past day."""
        before = self._ids()
        left = count
        while left > 0:
            sales = min(left, 5_000)
            self.sandbox.post("/_control/square/history", {"merchant_id": self.seller, "sales": sales, "days": 1})
            left -= sales
        return sorted(self._ids() - before)

    def _ids(self) -> set[str]:
        truth: dict[str, Any] = self.sandbox.get(f"/_control/square/truth?merchant_id={self.seller}&each=1")
        return {each["order_id"] for each in truth["sales"]}

    def body(self, external_id: str, number: int, account: str) -> bytes:
        """Return the news of a payment."""
        payment = {"id": f"p{number}", "order_id": external_id, "status": "COMPLETED"}
        return orjson.dumps({
            "merchant_id": account, "type": "payment.updated", "event_id": str(uuid4()),
            "created_at": "2026-11-20T10:00:00.123456789Z",
            "data": {"type": "payment", "id": f"p{number}", "object": {"payment": payment}},
        })  # fmt: skip

    def headers(self, body: bytes, origin: str) -> dict[str, str]:
        """Sign it as Square does."""
        return {"x-square-hmacsha256-signature": hmac_sha256(self.key, f"{origin}{self.path}".encode() + body)}

    def stored(self) -> int:
        """Return the number of sales."""
        return Sale.objects.count()


ROADS = {road.provider: road for road in (SquareRoad, HubSpotRoad)}
