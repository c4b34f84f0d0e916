"""What workers and beat tell of themselves: every few seconds a row, and with it how much was done and waits."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from integrations.broker import BrokerAway, count_waiting
from integrations.counting import tally
from integrations.models.queue import BEAT, WORKER
from integrations.services.queues import forget_process, note_minute, note_process

logger = structlog.get_logger(__name__)

EVERY = 10  # seconds between two pulses
CANARY = "integrations.tasks.hear_canary"
SENT_AT = "sent_at"  # the header of a canary


class WorkerPulse(threading.Thread):
    """Beats for one worker from a thread of its own, so that it beats while every child is at work."""

    def __init__(self, name: str, queues: Sequence[str]) -> None:
        super().__init__(name="pulse", daemon=True)
        self.worker, self.queues = name, list(queues)
        self.started_at = timezone.now()
        self._over = threading.Event()

    def run(self) -> None:
        """Beat until the worker ends; a database that is away is tried again."""
        while True:
            self._beat()
            if self._over.wait(EVERY):
                break

    def stop(self) -> None:
        """End the thread, and say that the worker is gone."""
        self._over.set()
        self.join(5)
        try:
            forget_process(self.worker)
        except (DatabaseError, InterfaceError):
            logger.warning("pulse_not_stored", worker=self.worker)

    def _beat(self) -> None:
        try:
            note_process(name=self.worker, kind=WORKER, queues=self.queues, started_at=self.started_at)
            self._tell_numbers()
        except (DatabaseError, InterfaceError) as problem:
            logger.warning("pulse_not_stored", worker=self.worker, reason=type(problem).__name__)
        finally:
            connection.close()  # one less that is open for nine seconds of ten

    def _tell_numbers(self) -> None:
        taken, failed = tally.empty()
        try:
            waiting = count_waiting(self.queues)
        except BrokerAway:
            waiting = {}
        for queue in {*self.queues, *taken, *failed}:
            note_minute(queue=queue, taken=taken[queue], failed=failed[queue], depth=waiting.get(queue))


class BeatPulse:
    """Beats for beat each time it sends something, so that one that hangs is silent."""

    def __init__(self) -> None:
        self.started_at = timezone.now()
        self.name = f"beat@{socket.gethostname()}"
        self._next = 0.0

    def before_publish(self, sender: str = "", headers: dict[str, Any] | None = None, **_: Any) -> None:
        """Give a canary the time that it leaves at, and beat when it is time to."""
        if sender == CANARY and headers is not None:
            headers[SENT_AT] = timezone.now().isoformat()
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        try:
            note_process(name=self.name, kind=BEAT, queues=[], started_at=self.started_at)
        except (DatabaseError, InterfaceError) as problem:
            logger.warning("pulse_not_stored", worker=self.name, reason=type(problem).__name__)


def sent_at(task: Any) -> datetime | None:
    """Return when beat sent the canary that is being heard; None for one that was not sent by beat."""
    told = getattr(task.request, SENT_AT, None)
    return datetime.fromisoformat(told) if told else None
