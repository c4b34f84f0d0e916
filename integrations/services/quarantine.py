"""Records that could not be read or used: set aside with their bytes and the reason, released when they can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson
from django.utils import timezone

from integrations.base.records import Unreadable
from integrations.models import Connection, Quarantine, SyncRun


def set_aside(
    *, connection: Connection, stream: str, unreadable: Sequence[Unreadable], run: SyncRun | None = None
) -> None:
    """Keep each record with its reason on the stream's open list, once however often it is met."""
    for record in unreadable:
        Quarantine.objects.update_or_create(
            connection=connection,
            stream=stream,
            external_id=record.external_id[:100],
            resolved_at=None,
            defaults={"reason": record.reason, "payload": orjson.dumps(record.payload).decode(), "run": run},
        )


def release(*, connection: Connection, stream: str, external_ids: Iterable[str]) -> set[str]:
    """Close the entries of records that are well again, and return their ids."""
    held = Quarantine.objects.filter(connection=connection, stream=stream, resolved_at=None)
    again = set(held.values_list("external_id", flat=True)).intersection(external_ids)
    if again:
        held.filter(external_id__in=again).update(resolved_at=timezone.now())
    return again
