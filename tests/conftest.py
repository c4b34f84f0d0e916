"""What every test stands on: real PostgreSQL, a real broker, the sandbox over real HTTP, and no other network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django_scopes import scope, scopes_disabled

from accounts.models import Organization, Role
from integrations.base.auth import Tokens
from integrations.models import Connection
from integrations.services.connections import connect_account
from tests.brokers import NOWHERE, broker
from tests.factories import make_member, make_organization
from tests.sandbox_process import SandboxProcess


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the files of sales are written anew by."""
    parser.addoption("--write-golden", action="store_true", help="write tests/golden/sales anew; look at the change")


LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(scope="session", autouse=True)
def _only_localhost() -> Iterator[None]:
    """Refuse every connection that leaves the machine."""
    original = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {address[0]}")
        return original(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign]
    yield
    socket.socket.connect = original  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Hash passwords quickly: a slow hash is the point of them, and half a second a test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _no_pace(settings: Any) -> None:
    """Let the authority's calls go as fast as they can, but in the tests that are about their pace."""
    settings.MBS_CALLS_PER_SECOND = settings.MBS_CALLS_PER_SECOND_PER_BUSINESS = 0


@pytest.fixture(scope="session")
def _sandbox_process() -> Iterator[SandboxProcess]:
    process = SandboxProcess(deals=40)
    yield process
    process.stop()


@pytest.fixture
def sandbox(_sandbox_process: SandboxProcess, settings: Any) -> SandboxProcess:
    """Return the sandbox, fresh, with every outside address in the settings pointing to it."""
    _sandbox_process.reset()
    for name in ("HUBSPOT_API_BASE", "HUBSPOT_APP_BASE", "MBS_BASE_URL"):
        setattr(settings, name, _sandbox_process.url)
    settings.ENVIRONMENT = "sandbox"
    settings.HUBSPOT_CLIENT_ID = "sandbox-client"
    settings.HUBSPOT_CLIENT_SECRET = "sandbox-secret"
    return _sandbox_process


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    """Yield an organization with its scope open, as a request of its member would have."""
    organization = make_organization("adupe")
    with scope(organization=organization):
        yield organization


@pytest.fixture
def other_organization(db: None) -> Organization:
    """Return a second tenant; its scope is not open."""
    return make_organization("bridgepoint")


@pytest.fixture
def owner(organization: Organization) -> Any:
    """Return the organization's owner."""
    return make_member(organization, Role.OWNER)


@pytest.fixture
def connection(organization: Organization, sandbox: SandboxProcess) -> Connection:
    """Return a connection to the sandbox's HubSpot by service key."""
    return connect_account(organization=organization, provider="hubspot", tokens=Tokens(access_token="pat-sandbox"))


@pytest.fixture
def broker_away() -> Iterator[None]:
    """Let Celery speak to a port where nothing listens."""
    with broker(NOWHERE):
        yield


@pytest.fixture
def all_tenants() -> Iterator[None]:
    """Open every tenant's rows, as the admin does for staff."""
    with scopes_disabled():
        yield
