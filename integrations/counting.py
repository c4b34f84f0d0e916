"""Counts what a worker's tasks came to, in its main process: only there are the tasks of all its children seen."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from celery import Task
from celery.exceptions import Ignore, Reject, Retry
from celery.worker.request import Request


class Tally:
    """Counts what this worker began and what failed, by queue, until somebody takes the numbers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def note_taken(self, queue: str) -> None:
        """Count a task that was begun."""
        with self._lock:
            self._taken[queue] += 1

    def note_failed(self, queue: str) -> None:
        """Count a task that ended with an error of ours."""
        with self._lock:
            self._failed[queue] += 1

    def empty(self) -> tuple[Counter[str], Counter[str]]:
        """Return what was begun and what failed since the last call."""
        with self._lock:
            numbers = self._taken, self._failed
            self._taken, self._failed = Counter(), Counter()
        return numbers


tally = Tally()


class CountedRequest(Request):  # type: ignore[misc]
    """A task as the main process has it."""

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        """Count it, when a child has begun it."""
        tally.note_taken(self._queue())
        super().on_accepted(pid, time_accepted)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        """Count it unless the task itself asked to be tried again or left."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if not isinstance(error, Retry | Ignore | Reject):
            tally.note_failed(self._queue())
        return super().on_failure(exc_info, send_failed_event, return_ok)

    def _queue(self) -> str:
        return str((self.delivery_info or {}).get("routing_key") or "")


class CountedTask(Task):  # type: ignore[misc]
    """Every task of ours: its worker counts it."""

    abstract = True
    Request = CountedRequest
