"""Rings the workers for syncs that somebody wants and that have not started, and judges connections' health."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
    _ring(get_connector_class(connection.provider).info.sync_task, [connection.pk], expires=RING_LASTS)


def ring_preview(connection: Connection) -> None:
    """Ask for a preview of a full read; with the broker away nobody has it, and it is asked for again by hand."""
    _ring(get_connector_class(connection.provider).info.preview_task, [connection.pk])


def ring_records(connection: Connection, external_ids: Iterable[str]) -> None:
    """Ask for records to be read again, one task each; what is not heard stays on its list."""
    task = get_connector_class(connection.provider).info.record_task
    for external_id in external_ids:
        _ring(task, [external_id, connection.pk])


def _ring(task: str, arguments: list[Any], **options: Any) -> None:
    def ring() -> None:
        try:
            current_app.send_task(task, args=arguments, **options)
        except OperationalError:
            logger.warning("broker_away", task=task)

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


@shared_task(name="integrations.tasks.check_connections")
def check_connections() -> int:
    """Judge the health of every connection of every organization."""
    with scopes_disabled():
        return check_health(Connection.objects.all())
