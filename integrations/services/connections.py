"""Connecting, disconnecting and asking for a sync."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import CharField, OuterRef, Q, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from django_scopes import scopes_disabled

from accounts.models import Organization, User
from integrations.base.auth import CredentialManager, Tokens
from integrations.base.connector import Account, BaseConnector, ConnectionConfig
from integrations.base.errors import IntegrationError, ReauthorizationRequired
from integrations.base.registry import connector_classes, get_connector_class
from integrations.models import Connection, ConnectionStatus, Credential, RunStatus, SyncRun
from integrations.models.sync import PREVIEW
from integrations.services.health import note_health
from integrations.services.leases import SYNC, is_leased

logger = structlog.get_logger(__name__)

NIGHTLY_HOUR = "2"
NIGHTLY_ZONE = "Africa/Lagos"


class ConnectRefused(Exception):
    """An account that cannot be connected; `str()` is the sentence for people."""


def connect_account(
    *, organization: Organization, provider: str, tokens: Tokens, connected_by: User | None = None
) -> Connection:
    """Identify the account that the tokens open, and make or renew this organization's connection to it.

    Raises ConnectRefused when the account is connected elsewhere, and what the connector's `authenticate` raises.
    The nightly sync is scheduled and the first sync asked for in the same transaction.
    """
    connector_class = get_connector_class(provider)
    connector = connector_class(ConnectionConfig(credentials=CredentialManager(tokens=tokens)))
    try:
        account = connector.authenticate()
    finally:
        connector.close()
    try:
        with transaction.atomic():
            connection, was_disconnected = _save_connection(organization, provider, account, tokens, connected_by)
            schedule_nightly_sync(connection, again=was_disconnected)
            request_sync(connection=connection)
            note_health(connection)
    except IntegrityError as conflict:
        raise ConnectRefused(
            f"The {connector_class.info.name} account {account.name} belongs to another organization here, and its "
            "deals must not be invoiced twice, so nothing was changed. Connect a different account, or ask support to "
            "move it."
        ) from conflict
    logger.info("connected", provider=provider, connection=connection.pk)
    return connection


def _save_connection(
    organization: Organization, provider: str, account: Account, tokens: Tokens, connected_by: User | None
) -> tuple[Connection, bool]:
    """Return the saved connection, and whether it was disconnected before."""
    known = Connection.objects.filter(
        organization=organization, provider=provider, external_account_id=account.external_id
    )
    # The same account again is the same connection, whatever state it was in: its deals are already known by it.
    connection = known.select_for_update().first() or Connection(
        organization=organization, provider=provider, external_account_id=account.external_id
    )
    was_disconnected = connection.status == ConnectionStatus.DISCONNECTED
    connection.name = account.name
    connection.status = ConnectionStatus.ACTIVE
    connection.problem = ""
    connection.time_zone = account.time_zone
    connection.currency = account.currency
    connection.account_facts = dict(account.facts)
    connection.scopes = list(tokens.scopes)
    connection.connected_by = connected_by or connection.connected_by
    connection.last_good_call_at = timezone.now()
    connection.save()
    if not tokens.refresh_token:  # a key does not renew itself, and must not be renewed by an older consent
        Credential.objects.filter(connection=connection).delete()
    CredentialManager(connection.pk).store(tokens)
    return connection, was_disconnected


def schedule_nightly_sync(connection: Connection, *, again: bool = False) -> None:
    """Make the nightly sync of a connection, once; staff may then change or disable it in the admin.

    `again` enables it after a disconnect had disabled it.
    """
    crontab, _ = CrontabSchedule.objects.get_or_create(
        minute="0",
        hour=NIGHTLY_HOUR,
        day_of_week="*",
        day_of_month="*",
        month_of_year="*",
        timezone=NIGHTLY_ZONE,
    )
    nightly, _ = PeriodicTask.objects.get_or_create(
        name=f"Nightly sync of connection {connection.pk}",
        defaults={
            "crontab": crontab,
            "task": get_connector_class(connection.provider).info.sync_task,
            "args": json.dumps([connection.pk]),
            "queue": "batch",
            "description": f"{connection.organization}: {connection}",
        },
    )
    if again:
        _enable(nightly, True)


def _enable(task: PeriodicTask, enabled: bool) -> None:
    task.enabled = enabled
    task.save()  # and never update(): beat is told of a change by save


def request_sync(*, connection: Connection) -> None:
    """Note in the database that a sync is wanted; whoever rings the workers may fail, this stays."""
    Connection.objects.filter(pk=connection.pk).update(sync_requested_at=timezone.now())


def mark_needs_reauthorization(*, connection: Connection, problem: ReauthorizationRequired) -> None:
    """Stop reading a connection whose grant is gone, and say why.

    A connection that got new tokens after the refusal is left alone: it was the old grant that was refused.
    """
    with transaction.atomic():
        # Reconnecting holds this row until its new tokens are stored too, so they are seen once it is ours.
        locked = Connection.objects.select_for_update().filter(pk=connection.pk, status=ConnectionStatus.ACTIVE)
        renewed = Credential.objects.filter(connection_id=connection.pk, updated_at__gt=problem.raised_at)
        if locked.first() and not renewed.exists():
            Connection.objects.filter(pk=connection.pk).update(
                status=ConnectionStatus.NEEDS_REAUTHORIZATION, problem=problem.sentence
            )
    connection.refresh_from_db(fields=["status", "problem"])
    note_health(connection)


def put_off(*, connection: Connection, seconds: float) -> None:
    """Leave an account alone for as long as its provider asked, and want a sync once that is over."""
    now = timezone.now()
    connection.not_before = now + timedelta(seconds=seconds)
    Connection.objects.filter(pk=connection.pk).update(not_before=connection.not_before, sync_requested_at=now)


def pause(*, connection: Connection) -> bool:
    """Stop reading a connection until it is resumed; False when it was not being read."""
    paused = Connection.objects.filter(pk=connection.pk, status=ConnectionStatus.ACTIVE).update(
        status=ConnectionStatus.PAUSED, sync_requested_at=None
    )
    connection.refresh_from_db(fields=["status"])
    note_health(connection)
    return bool(paused)


def resume(*, connection: Connection) -> bool:
    """Read a paused connection again, beginning with what changed meanwhile; False when it was not paused."""
    resumed = Connection.objects.filter(pk=connection.pk, status=ConnectionStatus.PAUSED).update(
        status=ConnectionStatus.ACTIVE, sync_requested_at=timezone.now()
    )
    connection.refresh_from_db(fields=["status"])
    note_health(connection)
    return bool(resumed)


def disconnect(*, connection: Connection) -> str:
    """Tell the provider, wipe the tokens even if that fails, and stop the nightly sync; deals and invoices stay.

    Returns "" or, when the provider could not be told, the sentence that says so and what to do there.
    """
    untold = ""
    try:
        untold = _tell_provider(connection)
    finally:
        with transaction.atomic():
            Connection.objects.filter(pk=connection.pk).update(
                status=ConnectionStatus.DISCONNECTED, problem=untold, sync_requested_at=None
            )
            CredentialManager(connection.pk).wipe()
            for nightly in PeriodicTask.objects.filter(name=f"Nightly sync of connection {connection.pk}"):
                _enable(nightly, False)
    connection.refresh_from_db(fields=["status", "problem"])
    note_health(connection)
    logger.info("disconnected", provider=connection.provider, connection=connection.pk, told=not untold)
    return untold


def _tell_provider(connection: Connection) -> str:
    if connection.provider not in connector_classes():
        return f"No connector called {connection.provider} is installed here, so its provider was not told."
    connector = connector_for(connection)
    try:
        connector.on_disconnecting()
    except ReauthorizationRequired:
        return ""  # the grant was withdrawn there already
    except IntegrationError as problem:
        logger.warning("provider_not_told", connection=connection.pk, reason=type(problem).__name__)
        return f"{connector.info.name} was not told: {problem.sentence} {connector.info.disconnect_by_hand}".strip()
    finally:
        connector.close()
    return ""


def connections_waiting_for_sync() -> list[Connection]:
    """Return active connections of every organization whose wanted sync has not started, or whose run lost its worker.

    A run whose worker was killed or cut off has used up its wish; one that is alive renews its lease.
    """
    now = timezone.now()
    number = Cast(OuterRef("connection_id"), CharField())
    is_alive = is_leased(Value(f"{SYNC} "), number, Value(" "), OuterRef("stream"))
    with scopes_disabled():
        abandoned = SyncRun.objects.filter(~is_alive, status=RunStatus.RUNNING).exclude(mode=PREVIEW)
        return list(
            Connection.objects.filter(
                Q(not_before=None) | Q(not_before__lte=now),
                Q(sync_requested_at__isnull=False) | Q(pk__in=abandoned.values("connection_id")),
                status=ConnectionStatus.ACTIVE,
            ).order_by("sync_requested_at")[:100]
        )


def connector_for(
    connection: Connection, *, urgent: bool = False, options: Mapping[str, Any] | None = None
) -> BaseConnector:
    """Return the connector that speaks to this connection's account, with its stored tokens.

    `urgent` work may use what a backfill leaves free of the account's limits; `options` are added to the stored ones.
    """
    return get_connector_class(connection.provider)(
        ConnectionConfig(
            credentials=CredentialManager(connection.pk),
            connection_id=connection.pk,
            options={**connection.options, **(options or {})},
            time_zone=connection.time_zone,
            currency=connection.currency,
            urgent=urgent,
        )
    )
