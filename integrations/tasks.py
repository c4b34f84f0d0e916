"""Rings the workers for syncs that somebody wants and that have not started, and judges connections' health."""

from __future__ import annotations

import structlog
from celery import current_app, shared_task
from django.db import transaction
from django_scopes import scopes_disabled
from kombu.exceptions import OperationalError

from integrations.base.registry import get_connector_class
from integrations.models import Connection
from integrations.services.connections import connections_waiting_for_sync
from integrations.services.health import check_health

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
        ring_sync(connection)
    return len(waiting)


@shared_task(name="integrations.tasks.check_connections")
def check_connections() -> int:
    """Judge the health of every connection of every organization."""
    with scopes_disabled():
        return check_health(Connection.objects.all())
