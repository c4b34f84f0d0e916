from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.test import Client
from django.urls import reverse

from dev.browser import _Forms
from tests.factories import PASSWORD
from tests.sandbox_process import SandboxProcess

Consent = Callable[..., str]


@pytest.fixture
def consent(sandbox: SandboxProcess) -> Consent:
    """Return a function that answers the sandbox's consent page at an address, and gives the address it goes on to."""

    def answer(address: str, button: str = "approve") -> str:
        session = requests.Session()
        session.trust_env = False
        page = session.get(address, timeout=10)
        reader = _Forms()
        reader.feed(page.text)
        [form] = reader.forms
        pressed = dict([each for each in form["buttons"] if button in each[1].lower()][:1])
        target = (
            form["action"]
            if form["action"].startswith("http")
            else sandbox.url + (form["action"] or "/oauth/authorize")
        )
        done = session.post(target, data={**form["fields"], **pressed}, allow_redirects=False, timeout=10)
        assert done.status_code in {302, 303}, done.text[:500]
        return done.headers["Location"]

    return answer


@pytest.fixture
def signed_in(client: Client, owner: Any, settings: Any) -> Client:
    """Return the owner's browser."""
    settings.PUBLIC_URL = "http://testserver"
    settings.ALLOWED_HOSTS = ["testserver"]
    assert client.post(reverse("login"), {"username": owner.email, "password": PASSWORD}).status_code == 302
    return client
