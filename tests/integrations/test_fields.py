from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection as database

from integrations.base.auth import CredentialManager, Tokens
from integrations.fields import CredentialUnreadable, keyring
from integrations.models import Connection, Credential
from integrations.services.keys import refuse_wrong_keys, unreadable_field


@pytest.fixture
def stored(organization: Any) -> Connection:
    row = Connection.objects.create(
        organization=organization, provider="hubspot", name="HubSpot 1", external_account_id="1"
    )
    CredentialManager(row.pk).store(Tokens("canary-access", "canary-refresh"))
    return row


def raw_row(row: Connection) -> str:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT access_token || ' ' || refresh_token FROM integrations_credential WHERE connection_id = %s",
            [row.pk],
        )
        return str(cursor.fetchone()[0])


def test_a_token_is_not_in_the_database_in_the_clear(stored: Connection) -> None:
    assert "canary" not in raw_row(stored)
    assert CredentialManager(stored.pk).load().access_token == "canary-access"


def test_a_token_stays_readable_when_a_newer_key_comes_first(stored: Connection, settings: Any) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *settings.CREDENTIAL_KEYS]
    assert CredentialManager(stored.pk).load().refresh_token == "canary-refresh"


def test_the_newest_key_encrypts(stored: Connection, settings: Any) -> None:
    newest = Fernet.generate_key().decode()
    settings.CREDENTIAL_KEYS = [newest, *settings.CREDENTIAL_KEYS]
    CredentialManager(stored.pk).store(Tokens("second", "second-refresh"))
    settings.CREDENTIAL_KEYS = [newest]
    assert CredentialManager(stored.pk).load().access_token == "second"


def test_a_wrong_key_reads_nothing_and_says_which_field(stored: Connection, settings: Any) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CredentialUnreadable, match="Credential"):
        CredentialManager(stored.pk).load()
    assert unreadable_field() is not None


def test_a_process_with_a_wrong_key_refuses_to_start_and_overwrites_nothing(stored: Connection, settings: Any) -> None:
    before = raw_row(stored)
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SystemExit, match=r"TaxPoynt cannot start: .* Nothing was changed"):
        refuse_wrong_keys()
    with pytest.raises(SystemCheckError, match="not in CREDENTIAL_KEYS"):
        call_command("check")
    assert raw_row(stored) == before


def test_the_right_key_starts(stored: Connection) -> None:
    refuse_wrong_keys()


@pytest.mark.parametrize(("keys", "sentence"), [([], "is empty"), (["not-a-key"], "not a Fernet key")])
def test_no_key_or_a_malformed_one_is_refused_in_words(keys: list[str], sentence: str, settings: Any) -> None:
    settings.CREDENTIAL_KEYS = keys
    with pytest.raises(ImproperlyConfigured, match=sentence):
        keyring()


def test_an_encrypted_column_cannot_be_searched(db: None) -> None:
    with pytest.raises(FieldError, match="cannot be searched"):
        Credential.objects.filter(access_token="canary-access").exists()


def test_no_repr_shows_a_token(stored: Connection) -> None:
    tokens = CredentialManager(stored.pk).load()
    shown = f"{tokens!r} {stored!r} {stored.credential!r} {stored.credential}"
    assert "canary" not in shown
