from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from accounts.models import Organization
from integrations.base.auth import CredentialManager, Tokens
from integrations.base.errors import ReauthorizationRequired, TransientError
from integrations.models import Connection


@pytest.fixture
def stored(organization: Organization) -> Connection:
    row = Connection.objects.create(organization=organization, provider="hubspot", name="A", external_account_id="1")
    CredentialManager(row.pk).store(Tokens("old", "kept", timezone.now() + timedelta(hours=1)))
    return row


def fresh(refresh_token: str) -> Tokens:
    return Tokens("new", refresh_token, timezone.now() + timedelta(hours=1))


@pytest.mark.django_db(transaction=True)
def test_any_number_of_workers_whose_token_was_refused_refresh_it_once(stored: Connection) -> None:
    asked: list[str] = []
    got: list[str] = []
    together = threading.Barrier(8)

    def refresh(refresh_token: str) -> Tokens:
        asked.append(refresh_token)
        time.sleep(0.1)
        return fresh(refresh_token)

    def worker() -> None:
        try:
            manager = CredentialManager(stored.pk)
            used = manager.load().access_token
            together.wait(10)
            got.append(manager.renew(refresh, used=used).access_token)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert got == ["new"] * 8
    assert asked == ["kept"]


def test_a_refresh_that_fails_in_passing_leaves_the_tokens_as_they_were(stored: Connection) -> None:
    def refresh(_: str) -> Tokens:
        raise TransientError("away")

    with pytest.raises(TransientError):
        CredentialManager(stored.pk).renew(refresh, used="old")
    tokens = CredentialManager(stored.pk).load()
    assert (tokens.access_token, tokens.refresh_token) == ("old", "kept")


def test_the_old_refresh_token_is_kept_when_none_comes_back(stored: Connection) -> None:
    CredentialManager(stored.pk).store(Tokens("newer", "", timezone.now()))
    assert CredentialManager(stored.pk).load().refresh_token == "kept"


def test_a_wiped_connection_asks_to_be_connected_again(stored: Connection) -> None:
    CredentialManager(stored.pk).wipe()
    with pytest.raises(ReauthorizationRequired, match="Connect the account again"):
        CredentialManager(stored.pk).load()
