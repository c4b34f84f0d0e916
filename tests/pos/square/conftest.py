"""A Square seller of the sandbox, connected, and its tills."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Organization
from integrations.base.auth import CredentialManager, OAuthHandler, Tokens
from integrations.models import Connection
from integrations.services.connections import connect_account
from tests.sandbox_process import SandboxProcess

SMALL, LARGE = "MLMANGOROW", "MLIROKOLANE"


class Tills:
    """What the people at the tills of one seller do."""

    def __init__(self, sandbox: SandboxProcess, seller: str) -> None:
        self.sandbox, self.seller = sandbox, seller

    def ring_up(self, **what: Any) -> dict[str, Any]:
        """Return the order of a sale."""
        order: dict[str, Any] = self.sandbox.post("/_control/square/sales", {"merchant_id": self.seller, **what})
        return order

    def refund(self, order_id: str, **what: Any) -> dict[str, Any]:
        """Give back lines, an amount, or all of a sale."""
        answer: dict[str, Any] = self.sandbox.post("/_control/square/refunds", {"order_id": order_id, **what})
        return answer

    def truth(self) -> dict[str, Any]:
        """Return what the tills say that they sold and gave back, in kobo."""
        found: dict[str, Any] = self.sandbox.get(f"/_control/square/truth?merchant_id={self.seller}&each=1")
        return found


@pytest.fixture
def square(sandbox: SandboxProcess, settings: Any) -> SandboxProcess:
    """Return the sandbox, with Square's addresses in the settings pointing to it."""
    settings.SQUARE_BASE = sandbox.url
    settings.SQUARE_APPLICATION_ID = "sandbox-sq0idb-sandbox-client"
    settings.SQUARE_APPLICATION_SECRET = "sandbox-sq0csb-sandbox-secret"
    settings.SQUARE_WEBHOOK_KEYS = ["key-in-use", "key-before"]
    settings.SQUARE_WEBHOOK_URL = "https://ours.example/webhooks/square/"
    sandbox.set(square_webhooks_on=False)
    return sandbox


def connect(organization: Organization, sandbox: SandboxProcess, seller: str, **given: Any) -> Connection:
    """Return a connection to a seller, granted as the consent page would; `given` may say which scopes."""
    answer = sandbox.post("/_control/square/connect", {"merchant_id": seller, **given})
    tokens: Tokens = OAuthHandler("square", CredentialManager())._tokens(answer)
    return connect_account(organization=organization, provider="square", tokens=tokens)


@pytest.fixture
def till(organization: Organization, square: SandboxProcess) -> Connection:
    """Return the connection of the seller with one shop."""
    return connect(organization, square, SMALL)


@pytest.fixture
def tills(square: SandboxProcess) -> Tills:
    """Return the tills of the seller with one shop."""
    return Tills(square, SMALL)
