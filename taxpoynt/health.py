"""Whether this process is alive and whether it can do its work."""

from __future__ import annotations

import sys
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone

from integrations.broker import BrokerAway, count_waiting
from integrations.partitions import alarm

OUTAGE = (
    "The database does not answer, so this page cannot be shown. Nothing that was accepted is lost. "
    "Try again in a minute."
)


def healthz(request: HttpRequest) -> JsonResponse:
    """Say that the process is alive; asks nothing of anything else."""
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether database, broker and migrations are in order: 200 when all are, else 503 with a sentence each."""
    checks: dict[str, Callable[[], str]] = {
        "database": _database,
        "broker": _broker,
        "migrations": _migrations,
    }
    found = {name: check() for name, check in checks.items()}
    ready = all(sentence == "ok" for sentence in found.values())
    status = "ready" if ready else "not ready"
    return JsonResponse({"status": status, **found, "partitions": _partitions()}, status=200 if ready else 503)


def _partitions() -> str:
    """Return a warning only: without a partition rows go to the default one, so traffic must not be turned away."""
    try:
        return alarm(timezone.now())
    except DatabaseError:
        return "Unknown while PostgreSQL does not answer."


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "PostgreSQL does not answer. Pages and syncs wait until it does."
    return "ok"


def _broker() -> str:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)
    try:
        client.ping()
    except redis.RedisError:
        return "Redis does not answer. Work is accepted and starts when it does."
    finally:
        client.close()
    if settings.BROKER_URL != settings.REDIS_URL:
        try:
            count_waiting([])
        except BrokerAway:
            return "The broker that BROKER_URL names does not answer. Work is accepted and starts when it does."
    return "ok"


def _migrations() -> str:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "Unknown while PostgreSQL does not answer."
    return f"{len(missing)} migrations are not applied. Run manage.py migrate." if missing else "ok"


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an error of ours; one that is the database being away is told as that. Needs no database itself."""
    problem = sys.exc_info()[1]
    if isinstance(problem, OperationalError | InterfaceError):
        return render(None, "503.html", {"sentence": OUTAGE}, status=503)
    return render(None, "500.html", status=500)
