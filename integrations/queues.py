"""The three queues: how urgent each is, and what waits in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

HIGH, STANDARD, BATCH = "high_priority", "standard", "batch"


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: its weight (more is sooner), what waits when nobody serves it, how long its work may wait."""

    name: str
    weight: int
    waits: str
    patience: timedelta


QUEUES = (
    Queue(HIGH, 10, "sales wait", timedelta(seconds=60)),
    Queue(STANDARD, 5, "deals and invoices wait", timedelta(minutes=5)),
    # A backfill may have its worker for most of an hour, and that is no fault.
    Queue(BATCH, 2, "backfills and reports wait", timedelta(hours=1)),
)
