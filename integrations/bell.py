"""Rings a task from the web process without letting requests wait for the broker."""

from __future__ import annotations

import threading

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

logger = structlog.get_logger(__name__)

RING_LASTS = 40  # seconds; the sweep has rung many times by then


class Bell:
    """Rings one task for any number of threads: one of them speaks to the broker, the others only ask it to.

    With the broker away a ring takes seconds; were each request to wait for its own, all threads would stand there.
    """

    def __init__(self, task: str) -> None:
        self.task = task
        self._ringing = threading.Lock()
        self._wanted = threading.Event()

    def ring(self, queue: str) -> None:
        """Send the task once after this call began; a broker that is away is logged, and the sweep rings instead."""
        self._wanted.set()
        while self._wanted.is_set() and self._ringing.acquire(blocking=False):
            try:
                self._wanted.clear()
                current_app.send_task(self.task, queue=queue, expires=RING_LASTS)
            except OperationalError:
                logger.warning("broker_away", task=self.task)
                return
            finally:
                self._ringing.release()


webhooks_bell = Bell("integrations.tasks.process_webhooks")
