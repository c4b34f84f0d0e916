"""Asks the broker, whichever it is, how many tasks wait."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

from integrations.queue_health import Report
from integrations.queues import QUEUES
from integrations.services.queues import report_queues

logger = structlog.get_logger(__name__)

PATIENCE = 3  # seconds for a connection: a page and a monitor wait for it


class BrokerAway(Exception):
    """The broker does not answer."""


def count_waiting(queues: Iterable[str]) -> dict[str, int]:
    """Return how many tasks wait in each queue, those that a worker holds already left out; raises BrokerAway."""
    try:
        with current_app.connection_for_read(connect_timeout=PATIENCE) as connection:
            connection.ensure_connection(max_retries=1, timeout=PATIENCE)
            return {queue: _count(connection, queue) for queue in queues}
    except (OperationalError, *current_app.connection_for_read().connection_errors) as problem:
        logger.warning("broker_away", reason=type(problem).__name__)
        raise BrokerAway from problem


def _count(connection: object, queue: str) -> int:
    with connection.channel() as channel:  # type: ignore[attr-defined]
        try:
            found: int = channel.queue_declare(queue, passive=True).message_count
        except connection.channel_errors:  # type: ignore[attr-defined]
            return 0  # nobody has used it yet, or Redis holds no empty list
        return found


def report_now() -> Report:
    """Return how the queues are now, by the broker's and the database's word."""
    try:
        waiting: dict[str, int] | None = count_waiting(queue.name for queue in QUEUES)
    except BrokerAway:
        waiting = None
    return report_queues(waiting=waiting)
