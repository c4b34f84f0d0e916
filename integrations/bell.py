"""Rings a task from the web process without letting requests wait for the broker."""

from __future__ import annotations

import threading

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

logger = structlog.get_logger(__name__)

RING_LASTS = 40  # seconds; the sweep has rung many times by then
GATHERED = 0.03  # seconds in which requests share one ring: a task for each of a hundred a second is a worker's third


class Bell:
    """Rings one task for any number of threads: a thread of its own speaks to the broker, the others only wake it.

    With the broker away a ring takes seconds; were each request to wait for its own, all threads would stand there.
    """

    def __init__(self, task: str) -> None:
        self.task = task
        self._lock = threading.Lock()
        self._wanted: set[str] = set()

    def ring(self, queue: str) -> None:
        """Send the task to a queue once, a moment after this call; rings asked for meanwhile are one with it."""
        with self._lock:
            is_first = not self._wanted
            self._wanted.add(queue)
        if is_first:
            timer = threading.Timer(GATHERED, self._send)
            timer.daemon = True  # the sweep rings for what a web process that ends leaves behind
            timer.start()

    def _send(self) -> None:
        with self._lock:
            queues, self._wanted = self._wanted, set()
        for queue in sorted(queues):
            try:
                current_app.send_task(self.task, queue=queue, expires=RING_LASTS)
            except OperationalError:
                logger.warning("broker_away", task=self.task)


webhooks_bell = Bell("integrations.tasks.process_webhooks")
