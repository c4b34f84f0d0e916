"""Model fields that are encrypted at rest under several keys, the newest first, and bound to their row and column.

AES-256-GCM with the table, the column and the row as associated data: a ciphertext copied to another row does not
decrypt. The keys are derived from CREDENTIAL_KEYS; a stored value begins with its key's number. Values from before
the binding (Fernet, "gAAAA…") can still be read; `manage.py rotate_credentials` writes them anew.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from django.dispatch import receiver

BOUND = "b1."  # begins every value that is bound to its row: the form's version
NONCE_BYTES = 12


class CredentialUnreadable(Exception):
    """A stored secret's key is not in CREDENTIAL_KEYS, or it was written for another row or column."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys by their number, the newest first, and the box that reads what was stored before the binding."""

    ciphers: dict[str, AESGCM] = field(repr=False)
    unbound: MultiFernet = field(repr=False)

    @property
    def newest(self) -> str:
        """Return the number of the key that encrypts."""
        return next(iter(self.ciphers))

    def seal(self, plain: str, place: str) -> str:
        """Return a text encrypted under the newest key, readable at `place` only ("table.column.row")."""
        nonce = os.urandom(NONCE_BYTES)
        box = nonce + self.ciphers[self.newest].encrypt(nonce, plain.encode(), place.encode())
        return f"{BOUND}{self.newest}.{urlsafe_b64encode(box).decode()}"

    def open(self, stored: str, place: str) -> str:
        """Return the text; raises CredentialUnreadable for an unknown key, another place or a changed value."""
        try:
            if not stored.startswith(BOUND):
                return self.unbound.decrypt(stored.encode()).decode()
            number, _, text = stored.removeprefix(BOUND).partition(".")
            box = urlsafe_b64decode(text)
            return self.ciphers[number].decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], place.encode()).decode()
        except KeyError as problem:
            raise CredentialUnreadable("it was stored with a key that is not in CREDENTIAL_KEYS.") from problem
        except InvalidToken as problem:
            raise CredentialUnreadable("it was stored with a key that is not in CREDENTIAL_KEYS.") from problem
        except (InvalidTag, ValueError) as problem:
            raise CredentialUnreadable("it was written for another row, or changed since.") from problem

    def is_newest(self, stored: str) -> bool:
        """Tell whether a stored value is bound and under the newest key."""
        return stored.startswith(f"{BOUND}{self.newest}.")


@lru_cache(maxsize=1)
def keyring() -> Keyring:
    """Return the keys; raises ImproperlyConfigured when there is none or one is malformed."""
    keys = getattr(settings, "CREDENTIAL_KEYS", None)
    if not keys:
        raise ImproperlyConfigured("CREDENTIAL_KEYS is empty, so nothing secret can be stored or read.")
    try:
        unbound = MultiFernet([Fernet(key) for key in keys])
    except ValueError as problem:
        raise ImproperlyConfigured(
            "CREDENTIAL_KEYS holds something that is not a Fernet key (32 bytes in URL-safe base64)."
        ) from problem
    secrets = [urlsafe_b64decode(key) for key in keys]
    ciphers = {_derived(secret, b"key number", 4).hex(): AESGCM(_derived(secret, b"key", 32)) for secret in secrets}
    return Keyring(ciphers, unbound)


def _derived(secret: bytes, purpose: bytes, length: int) -> bytes:
    info = b"taxpoynt encrypted field " + purpose
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)


@receiver(setting_changed)
def _forget_keys(*, setting: str, **_: Any) -> None:
    if setting == "CREDENTIAL_KEYS":
        keyring.cache_clear()


class Sealed:
    """A stored value as it came from the database, still encrypted; it opens on its row only."""

    __slots__ = ("stored",)

    def __init__(self, stored: str) -> None:
        self.stored = stored

    def __repr__(self) -> str:
        return "<sealed>"


class SealedAttribute(DeferredAttribute):
    """Decrypts when it is first read, because only then the row is known."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            value = instance.__dict__[self.field.attname] = self.field.opened(value, instance)  # type: ignore[attr-defined]
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        # Without a setter Python would read the instance's own dictionary first, and find the sealed value.
        instance.__dict__[self.field.attname] = value


class EncryptedMixin:
    """Encrypts when a row is saved, decrypts when the attribute is read; the column is text and cannot be searched.

    `bound_to` names the attribute that tells the row from all others: one that is known before the first INSERT.
    Written by saving a row only: `update()` and `bulk_update()` do not know the row and raise FieldError.
    A renamed table or column makes its values unreadable: its migration must write them anew.
    """

    descriptor_class: Any = SealedAttribute

    def __init__(self, *args: Any, bound_to: str = "pk", **kwargs: Any) -> None:
        self.bound_to = bound_to
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Tell migrations what it is bound to, so that a data migration writes what the models can read."""
        name, path, args, kwargs = super().deconstruct()  # type: ignore[misc]
        return name, path, args, kwargs if self.bound_to == "pk" else kwargs | {"bound_to": self.bound_to}

    def get_internal_type(self) -> str:
        """Keep migrations and forms on the text widget."""
        return "TextField"

    def db_type(self, connection: Any) -> str:
        """Return the column type."""
        return "text"

    def place(self, row: Any) -> str:
        """Return what the values of a row's column are bound to; raises FieldError for a row without its number."""
        number = row if isinstance(row, int) else getattr(row, self.bound_to)
        if number is None:
            raise FieldError(f"{self.model.__name__}.{self.name} is bound to {self.bound_to}, which is not known yet.")  # type: ignore[attr-defined]
        return f"{self.model._meta.db_table}.{self.column}.{number}"  # type: ignore[attr-defined]

    def opened(self, sealed: Sealed, row: Any) -> Any:
        """Return the value of a row; raises CredentialUnreadable."""
        try:
            return self.load(keyring().open(sealed.stored, self.place(row)))
        except CredentialUnreadable as problem:
            raise CredentialUnreadable(f"{self.model.__name__}.{self.name} cannot be read: {problem}") from problem  # type: ignore[attr-defined]

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        """Encrypt the value for its row."""
        value = getattr(model_instance, self.attname)  # type: ignore[attr-defined]
        return None if value is None else Sealed(keyring().seal(self.dump(value), self.place(model_instance)))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Return the ciphertext; raises FieldError for a value that does not come from a row's save."""
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise FieldError(f"{self.model.__name__}.{self.name} is encrypted for its row: set it and save the row.")  # type: ignore[attr-defined]
        return value.stored

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Return the ciphertext to be saved."""
        return self.get_db_prep_value(value, connection)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Sealed | None:
        """Leave the value sealed until its row is known."""
        return None if value is None else Sealed(value)

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
