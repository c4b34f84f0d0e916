"""Whether the encryption keys at hand can read what is stored, and the writing anew under the newest one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import DatabaseError
from django.db import connection as database
from django.db.models import Model

from integrations.fields import CredentialUnreadable, EncryptedMixin, keyring

BATCH = 200


@dataclass(slots=True)
class Rotation:
    """What a rotation found: values written anew, under the newest key already, and changed by others meanwhile."""

    rewritten: int = 0
    newest: int = 0
    left: int = 0


def encrypted_fields() -> Iterator[tuple[type[Model], Any]]:
    """Yield each model with each of its encrypted fields."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedMixin):
                yield model, field


def unreadable_field() -> str | None:
    """Return the first encrypted field whose newest stored value cannot be read ("Credential.access_token"), else None.

    A database that is away or not migrated has nothing to say here; others report that.
    """
    for model, field in encrypted_fields():
        rows = model._base_manager.exclude(**{f"{field.name}__isnull": True}).order_by("-pk")
        try:
            for row in rows.only("pk", field.bound_to, field.name)[:1]:
                getattr(row, field.name)
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


def rotate_field(model: type[Model], field: Any) -> Rotation:
    """Write every value of a column anew under the newest key, while others read and write it.

    Each value is its own UPDATE that compares first: a token refreshed meanwhile is never overwritten by an old one,
    and no lock is held for longer than one row. Killed, it is run again. Raises CredentialUnreadable.
    """
    done = Rotation()
    after = 0
    rows = model._base_manager.exclude(**{f"{field.name}__isnull": True}).order_by("pk")
    while batch := list(rows.filter(pk__gt=after).values_list("pk", field.bound_to, field.name)[:BATCH]):
        for pk, number, sealed in batch:
            if keyring().is_newest(sealed.stored):
                done.newest += 1
            elif _rewrite(model, field, pk, number, sealed.stored):
                done.rewritten += 1
            else:
                done.left += 1
        after = batch[-1][0]
    return done


def _rewrite(model: type[Model], field: Any, pk: int, number: int, stored: str) -> bool:
    place = field.place(number)
    try:
        fresh = keyring().seal(keyring().open(stored, place), place)
    except CredentialUnreadable as problem:
        raise CredentialUnreadable(f"{model.__name__} {pk}, {field.name}: {problem}") from problem
    quote = database.ops.quote_name
    table, column, key = (quote(str(name)) for name in (model._meta.db_table, field.column, model._meta.pk.column))
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = %s WHERE {key} = %s AND {column} = %s",  # noqa: S608 (names of our models)
            [fresh, pk, stored],
        )
        return bool(cursor.rowcount)
