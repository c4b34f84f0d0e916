from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.test import Client
from django.urls import reverse

from dev.browser import find_form
from tests.factories import PASSWORD
from tests.sandbox_process import SandboxProcess

Consent = Callable[..., str]


@pytest.fixture
def consent(sandbox: SandboxProcess) -> Consent:
    """Return a function that answers the sandbox's consent page at an address, and gives the address it goes on to."""

    def answer(address: str, decision: str = "approve") -> str:
        session = requests.Session()
        session.trust_env = False
        form = find_form(session.get(address, timeout=10).text, "/oauth/authorize", decision=decision)
        assert form is not None
        done = session.post(sandbox.url + form[0], data=form[1], allow_redirects=False, timeout=10)
        assert done.status_code in {302, 303}, done.text[:500]
        return done.headers["Location"]

    return answer


@pytest.fixture
def signed_in(client: Client, owner: Any, settings: Any) -> Client:
    """Return the owner's browser."""
    settings.PUBLIC_URL = "http://localhost"  # the sandbox, as HubSpot, takes plain http for localhost only
    assert client.post(reverse("login"), {"username": owner.email, "password": PASSWORD}).status_code == 302
    return client
