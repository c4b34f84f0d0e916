"""Model fields that are encrypted at rest under several keys, the newest first.

The field named in the first brief for this (django-fernet-fields 0.6) does not import on Django 4 and later.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import models
from django.dispatch import receiver


class CredentialUnreadable(Exception):
    """A stored secret was encrypted with a key that is not in CREDENTIAL_KEYS."""


@lru_cache(maxsize=1)
def keyring() -> MultiFernet:
    """Return the keys as one box; raises ImproperlyConfigured when there is none or one is malformed."""
    keys = getattr(settings, "CREDENTIAL_KEYS", None)
    if not keys:
        raise ImproperlyConfigured("CREDENTIAL_KEYS is empty, so nothing secret can be stored or read.")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as problem:
        raise ImproperlyConfigured(
            "CREDENTIAL_KEYS holds something that is not a Fernet key (32 bytes in URL-safe base64)."
        ) from problem


@receiver(setting_changed)
def _forget_keys(*, setting: str, **_: Any) -> None:
    if setting == "CREDENTIAL_KEYS":
        keyring.cache_clear()


class EncryptedMixin:
    """Encrypts on the way in, decrypts on the way out; the column is text and cannot be searched."""

    def get_internal_type(self) -> str:
        """Keep migrations and forms on the text widget."""
        return "TextField"

    def db_type(self, connection: Any) -> str:
        """Return the column type."""
        return "text"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Encrypt a value; expressions (bulk_update's CASE) pass through and encrypt their own parts."""
        if value is None or hasattr(value, "as_sql"):
            return value
        return keyring().encrypt(self.dump(value).encode()).decode()

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Encrypt a value to be saved."""
        return self.get_db_prep_value(value, connection)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        """Decrypt a stored value; raises CredentialUnreadable under a wrong key."""
        if value is None:
            return None
        try:
            return self.load(keyring().decrypt(value.encode()).decode())
        except InvalidToken as problem:
            raise CredentialUnreadable(
                f"{self.model.__name__}.{self.name} was stored with a key that is not in CREDENTIAL_KEYS."  # type: ignore[attr-defined]
            ) from problem

    def get_lookup(self, name: str) -> Any:
        """Allow only isnull: equal plaintexts have unequal ciphertexts, so any other search would lie."""
        if name != "isnull":
            raise FieldError(f"{type(self).__name__} cannot be searched ({name}).")
        return super().get_lookup(name)  # type: ignore[misc]

    def dump(self, value: Any) -> str:
        """Return the text to encrypt."""
        return str(value)

    def load(self, text: str) -> Any:
        """Return the value from its decrypted text."""
        return text


class EncryptedTextField(EncryptedMixin, models.TextField):
    """Text encrypted at rest."""


class EncryptedJSONField(EncryptedMixin, models.JSONField):
    """JSON encrypted at rest."""

    def get_prep_value(self, value: Any) -> Any:
        """Leave the value alone; it is dumped when it is encrypted."""
        return value

    def dump(self, value: Any) -> str:
        """Return compact JSON."""
        return json.dumps(value, cls=self.encoder, separators=(",", ":"))

    def load(self, text: str) -> Any:
        """Return the decoded JSON."""
        return json.loads(text, cls=self.decoder)
