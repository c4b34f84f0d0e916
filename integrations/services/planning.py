"""Which read of a connection's stream comes next."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from integrations.models import Connection, SyncCursor
from integrations.models.sync import FULL, WINDOW


def next_read(
    *, connection: Connection, stream: str, full: bool, overlap: timedelta, days_back: int
) -> tuple[str, SyncCursor]:
    """Return the mode, and the cursor at the place where to read on; called while no other run can.

    What changed is read since the earlier of `days_back` days ago and the end of the last complete read less `overlap`.
    """
    cursor, _ = SyncCursor.objects.get_or_create(connection=connection, stream=stream)
    now = timezone.now()
    if full or cursor.complete_until is None or cursor.full_read_started_at is not None:
        if full or cursor.full_read_started_at is None or not cursor.position:
            cursor.position, cursor.full_read_started_at = {}, now
            cursor.window_since = cursor.window_until = None
        mode = FULL
    else:
        mode = WINDOW
        if cursor.window_until is None or not cursor.position:
            cursor.position, cursor.window_until = {}, now
            cursor.window_since = min(cursor.complete_until - overlap, now - timedelta(days=days_back))
    cursor.save(update_fields=["position", "full_read_started_at", "window_since", "window_until", "updated_at"])
    return mode, cursor
