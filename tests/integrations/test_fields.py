from __future__ import annotations

import io
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError, SystemCheckError
from django.db import connection as database

from integrations.base.auth import CredentialManager, Tokens
from integrations.fields import CredentialUnreadable, Keyring, keyring
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


def put(row: Connection, column: str, stored: str) -> None:
    with database.cursor() as cursor:
        cursor.execute(f"UPDATE integrations_credential SET {column} = %s WHERE connection_id = %s", [stored, row.pk])  # noqa: S608


def stored_in(row: Connection, column: str) -> str:
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM integrations_credential WHERE connection_id = %s", [row.pk])  # noqa: S608
        return str(cursor.fetchone()[0])


@pytest.fixture
def second(organization: Any, stored: Connection) -> Connection:
    row = Connection.objects.create(organization=organization, provider="hubspot", name="B", external_account_id="2")
    CredentialManager(row.pk).store(Tokens("second-access", "second-refresh"))
    return row


def test_a_ciphertext_moved_to_another_row_does_not_decrypt(stored: Connection, second: Connection) -> None:
    put(second, "access_token", stored_in(stored, "access_token"))
    with pytest.raises(CredentialUnreadable, match="another row"):
        CredentialManager(second.pk).load()


def test_a_ciphertext_moved_to_another_column_does_not_decrypt(stored: Connection) -> None:
    put(stored, "refresh_token", stored_in(stored, "access_token"))
    with pytest.raises(CredentialUnreadable, match=r"Credential\.refresh_token"):
        CredentialManager(stored.pk).load()


def test_a_changed_ciphertext_does_not_decrypt(stored: Connection) -> None:
    text = stored_in(stored, "access_token")
    put(stored, "access_token", text[:-8] + ("AAAA" if text[-8:-4] != "AAAA" else "BBBB") + text[-4:])
    with pytest.raises(CredentialUnreadable):
        CredentialManager(stored.pk).load()


def test_the_plaintext_does_not_leave_by_values_nor_come_in_by_update(stored: Connection) -> None:
    assert "canary" not in str(list(Credential.objects.values("access_token")))
    with pytest.raises(FieldError, match="set it and save the row"):
        Credential.objects.update(access_token="in the clear")


def test_what_was_stored_before_the_binding_is_read_and_rotation_binds_it(stored: Connection, settings: Any) -> None:
    put(stored, "access_token", Fernet(settings.CREDENTIAL_KEYS[0]).encrypt(b"from before").decode())
    assert CredentialManager(stored.pk).load().access_token == "from before"
    call_command("rotate_credentials", stdout=io.StringIO())
    assert stored_in(stored, "access_token").startswith("b1.")
    assert CredentialManager(stored.pk).load().access_token == "from before"


def test_rotation_writes_everything_under_the_newest_key_and_says_that_the_old_can_go(
    stored: Connection, second: Connection, settings: Any
) -> None:
    newest = Fernet.generate_key().decode()
    settings.CREDENTIAL_KEYS = [newest, *settings.CREDENTIAL_KEYS]
    said = io.StringIO()
    call_command("rotate_credentials", stdout=said)
    assert "Credential.refresh_token: 2 written anew, 0 were" in said.getvalue()
    assert "older keys can be removed" in said.getvalue()
    settings.CREDENTIAL_KEYS = [newest]
    assert CredentialManager(stored.pk).load().access_token == "canary-access"
    assert CredentialManager(second.pk).load().refresh_token == "second-refresh"


def test_a_rotation_that_was_killed_goes_on_where_it_was(stored: Connection, second: Connection, settings: Any) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *settings.CREDENTIAL_KEYS]
    CredentialManager(stored.pk).store(CredentialManager(stored.pk).load())  # the half that was done
    said = io.StringIO()
    call_command("rotate_credentials", stdout=said)
    assert "Credential.access_token: 1 written anew, 1 were under the newest key already" in said.getvalue()


def test_rotation_never_puts_an_old_token_over_a_refreshed_one(
    stored: Connection, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *settings.CREDENTIAL_KEYS]
    seal = Keyring.seal

    def refresh_in_between(ring: Keyring, plain: str, place: str) -> str:
        sealed = seal(ring, plain, place)
        if plain == "canary-access":
            monkeypatch.setattr(Keyring, "seal", seal)
            CredentialManager(stored.pk).store(Tokens("refreshed", "refreshed-too"))
        return sealed

    monkeypatch.setattr(Keyring, "seal", refresh_in_between)
    call_command("rotate_credentials", stdout=io.StringIO())
    assert CredentialManager(stored.pk).load().access_token == "refreshed"


def test_rotation_stops_in_words_at_a_value_whose_key_is_missing(
    stored: Connection, second: Connection, settings: Any
) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    before = raw_row(stored)
    with pytest.raises(CommandError, match="Put the missing key back"):
        call_command("rotate_credentials", stdout=io.StringIO())
    assert raw_row(stored) == before
