from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django_scopes import scopes_disabled

from accounts.models import User
from tests.admin.world import World, make_world
from tests.factories import make_user
from tests.sandbox_process import SandboxProcess

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def world(db: None, sandbox: SandboxProcess) -> World:
    """Return one row of every model. Its scope is closed again: the admin opens what it needs by itself."""
    with scopes_disabled():
        return make_world(sandbox.get("/_control/businesses")[0])


@pytest.fixture
def staff(db: None, client: Client) -> Client:
    """Return a browser of a member of staff who may do everything."""
    client.force_login(User.objects.create_superuser("staff@taxpoynt.example"), backend=BACKEND)
    return client


@pytest.fixture
def looker(db: None) -> Client:
    """Return a browser of a member of staff who has been given no rights at all."""
    browser = Client()
    browser.force_login(make_user(is_staff=True), backend=BACKEND)
    return browser


@pytest.fixture
def act(staff: Client, django_capture_on_commit_callbacks: Any) -> Callable[..., Any]:
    """Return a function that chooses rows in a list, runs an action on them, and commits."""

    def run(model: str, action: str, *rows: Any, **more: str) -> Any:
        chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows], **more}
        with django_capture_on_commit_callbacks(execute=True):
            return staff.post(reverse(f"admin:{model}_changelist"), chosen)

    return run


def said(response: HttpResponse) -> list[str]:
    """Return the sentences that a response shows the next time a page is opened."""
    return [str(message) for message in get_messages(response.wsgi_request)]
