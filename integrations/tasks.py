"""Rings the workers for syncs that somebody wants and that have not started."""

from __future__ import annotations

import structlog
from celery import current_app, shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from integrations.base.registry import get_connector_class
from integrations.models import Connection
from integrations.services.connections import connections_waiting_for_sync

logger = structlog.get_logger(__name__)

# Seconds after which a ring that nobody heard is void: the sweep has rung again by then, and a busy queue must not
# fill with a sync for every half minute that it was busy.
RING_LASTS = 40


def ring_sync(connection: Connection) -> None:
    """Send a connection's sync to its queue once the transaction is committed.

    With the broker away it is not lost: the wish is in the database and the sweep rings again.
    """
    task = get_connector_class(connection.provider).info.sync_task
    connection_id = connection.pk

    def ring() -> None:
        try:
            current_app.send_task(task, args=[connection_id], expires=RING_LASTS)
        except OperationalError:
            logger.warning("broker_away", task=task, connection=connection_id)

    transaction.on_commit(ring)


@shared_task(name="integrations.tasks.ring_wanted_syncs")
def ring_wanted_syncs() -> int:
    """Ring for each wanted sync again; one that is running already answers that it is."""
    waiting = connections_waiting_for_sync()
    for connection in waiting:
        try:
            ring_sync(connection)
        except Exception:  # one connection's fault must not stop the sweep for those after it
            logger.exception("sync_not_rung", connection=connection.pk)
    return len(waiting)
