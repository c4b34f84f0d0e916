"""Writes every stored secret anew under the newest encryption key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.fields import CredentialUnreadable
from integrations.services.keys import Rotation, encrypted_fields, rotate_field

PASSES = 5


class Command(BaseCommand):
    """`manage.py rotate_credentials`, after a new key was put first in CREDENTIAL_KEYS and every process restarted.

    It runs beside everything else, may be killed and run again, and says when the older keys can go.
    """

    help = "Write every stored secret anew under the newest key of CREDENTIAL_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate every encrypted column; raises CommandError with a sentence when one value cannot be read."""
        left = 0
        try:
            for model, field in encrypted_fields():
                left += self._rotate(f"{model.__name__}.{field.name}", model, field)
        except CredentialUnreadable as problem:
            raise CommandError(
                f"{problem} What was done until there stays. Put the missing key back into CREDENTIAL_KEYS, or connect "
                "that account again, and run this again."
            ) from problem
        if left:
            raise CommandError(
                f"{left} values were written by a process that has older keys. Restart every process with the new "
                "keys, then run this again. Keep the older keys until then."
            )
        self.stdout.write(
            "Every value is under the newest key. The older keys can be removed from CREDENTIAL_KEYS at the next "
            "restart; keep them as long as you keep database backups from before now."
        )

    def _rotate(self, name: str, model: Any, field: Any) -> int:
        rewritten = 0
        for _ in range(PASSES):
            done: Rotation = rotate_field(model, field)
            rewritten += done.rewritten
            if not done.left:
                break
        self.stdout.write(f"{name}: {rewritten} written anew, {done.newest} were under the newest key already.")
        return done.left
