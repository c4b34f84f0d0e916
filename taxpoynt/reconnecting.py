"""How workers and beat come back to a broker that was away: soon, and however long it was."""

from __future__ import annotations

from typing import Any

from celery.app.amqp import AMQP
from kombu import Connection

LONGEST_WAIT = 3  # seconds between two tries


class SoonBack(Connection):  # type: ignore[misc]
    """Tries every one to three seconds.

    Kombu waits two seconds longer after each try, up to thirty: after two minutes of silence a worker would come back
    half a minute after its broker, and nothing in Celery's settings changes it.
    """

    def ensure_connection(self, *args: Any, **options: Any) -> Connection:
        """Return once the broker answers, or raise after `max_retries`; arguments as kombu's."""
        waits = {"interval_start": 1, "interval_step": 1, "interval_max": LONGEST_WAIT}
        return super().ensure_connection(*args, **waits | options)


class Amqp(AMQP):  # type: ignore[misc]
    """Celery's own, with our connections."""

    Connection = SoonBack
