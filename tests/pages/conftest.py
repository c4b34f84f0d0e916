from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Organization, Role
from integrations.models import Connection
from invoices.models import Business
from tests.factories import make_member
from tests.invoices.making import make_business, make_connection
from tests.sandbox_process import SandboxProcess

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def account(organization: Organization) -> Connection:
    """Return the organization's connection; nothing is called through it."""
    return make_connection(organization)


@pytest.fixture
def business(organization: Organization, sandbox: SandboxProcess) -> Business:
    """Return a complete business profile."""
    return make_business(organization, sandbox.get("/_control/businesses")[0])


@pytest.fixture
def sign_in(organization: Organization) -> Callable[..., Client]:
    """Return a function that signs a person of a role in and returns their browser."""

    def browser(role: Role = Role.OWNER, **fields: Any) -> Client:
        client = Client()
        client.force_login(make_member(organization, role, **fields), backend=MODEL_BACKEND)
        return client

    return browser


@pytest.fixture
def owner_browser(sign_in: Callable[..., Client]) -> Client:
    """Return the owner's browser."""
    return sign_in(Role.OWNER)
