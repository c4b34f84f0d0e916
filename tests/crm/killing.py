"""A sync in a process of its own that kills itself, as a power cut would, after some number of statements and calls."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import django
import requests
from django.db import connections

django.setup()


def sync_and_die(database_name: str, sandbox_url: str, connection_id: int, steps: int) -> None:
    """Sync a connection by small pages; die without a word at step number `steps`, at any place inside of a page."""
    from django.conf import settings
    from django_scopes import scope, scopes_disabled

    from crm.hubspot import connector
    from crm.services import invoice_due_deals, sync_deals
    from integrations.models import Connection

    connections["default"].settings_dict["NAME"] = database_name
    settings.HUBSPOT_API_BASE = sandbox_url
    connector.BATCH, connector.PAGES_A_TRANSACTION = 5, 1
    count_down(steps)
    with scopes_disabled():
        connection = Connection.objects.select_related("organization").get(pk=connection_id)
    with scope(organization=connection.organization):
        sync_deals(connection=connection, on_page=lambda _run: invoice_due_deals(connection=connection) and None)


def write_back_and_die(database_name: str, sandbox_url: str, connection_id: int, steps: int) -> None:
    """Write invoices to their deals; die without a word at step number `steps`."""
    from django.conf import settings
    from django_scopes import scope, scopes_disabled

    from crm.services import write_back_invoices
    from integrations.models import Connection

    connections["default"].settings_dict["NAME"] = database_name
    settings.HUBSPOT_API_BASE = sandbox_url
    count_down(steps)
    with scopes_disabled():
        connection = Connection.objects.select_related("organization").get(pk=connection_id)
    with scope(organization=connection.organization):
        write_back_invoices(connection=connection)


def count_down(steps: int) -> None:
    """Let every statement and every call count as one step, and kill this process at the last."""
    left = steps

    def step() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(execute: Callable[..., Any], *arguments: Any) -> Any:
        step()
        return execute(*arguments)

    send = requests.Session.send

    def call(self: requests.Session, *arguments: Any, **options: Any) -> Any:
        step()
        return send(self, *arguments, **options)

    requests.Session.send = call  # type: ignore[method-assign]
    connections["default"].execute_wrappers.append(statement)
