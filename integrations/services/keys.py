"""Whether the encryption keys at hand can read what is stored."""

from __future__ import annotations

import sys

from django.apps import apps
from django.db import DatabaseError

from integrations.fields import CredentialUnreadable, EncryptedMixin


def unreadable_field() -> str | None:
    """Return the first encrypted field whose newest stored value cannot be read ("Credential.access_token"), else None.

    A database that is away or not migrated has nothing to say here; others report that.
    """
    for model in apps.get_models():
        for field in model._meta.fields:
            if not isinstance(field, EncryptedMixin):
                continue
            try:
                rows = model._base_manager.exclude(**{f"{field.name}__isnull": True}).order_by("-pk")
                list(rows.values_list(field.name, flat=True)[:1])
            except CredentialUnreadable:
                return f"{model.__name__}.{field.name}"
            except DatabaseError:
                return None
    return None


def refuse_wrong_keys() -> None:
    """End the process with a sentence when the keys cannot read what is stored."""
    field = unreadable_field()
    if field is not None:
        sys.exit(
            f"TaxPoynt cannot start: {field} was stored with an encryption key that is not in CREDENTIAL_KEYS. "
            "Nothing was changed. Put the key back (newest first, older ones after it) and start again."
        )
