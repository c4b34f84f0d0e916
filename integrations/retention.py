"""Deleting what is past its time, so that nobody waits for it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

AT_ONCE = 1_000  # rows a transaction: some tens of milliseconds


def delete_in_parts(rows: QuerySet[Any]) -> int:
    """Delete rows a thousand a transaction, and return how many went.

    A row that somebody else has locked is left for the next time, so that neither waits for the other.
    """
    count = 0
    while True:
        with transaction.atomic():
            free = rows.order_by("pk").select_for_update(skip_locked=True, of=("self",))
            ids = list(free.values_list("pk", flat=True)[:AT_ONCE])
            if not ids:
                return count
            rows.model._base_manager.filter(pk__in=ids).delete()
        count += len(ids)
