from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from kombu.exceptions import OperationalError

from crm.models import Deal
from crm.services import sync_deals
from dev.broker import Broker
from integrations.models import Connection
from integrations.services.webhooks import receive_delivery
from integrations.tasks import process_webhooks
from invoices.models import Business
from sandbox.hubspot import PORTAL_ID
from tests.brokers import own_broker
from tests.invoices.making import make_business
from tests.live import Live, environment
from tests.sandbox_process import SandboxProcess
from tests.webhook_signing import event

Told = Callable[[list[str]], None]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Broker]:
    """Yield a broker of this test's own."""
    with own_broker(tmp_path) as started:
        yield started


@pytest.fixture
def business(connection: Connection, sandbox: SandboxProcess) -> Business:
    """Return the seller as the sandbox's authority knows it."""
    return make_business(connection.organization, sandbox.get("/_control/businesses")[0])


@pytest.fixture
def live(
    transactional_db: None, server: Broker, business: Business, connection: Connection, sandbox: SandboxProcess,
    tmp_path: Path,
) -> Iterator[Live]:  # fmt: skip
    """Yield a starter of workers and beat; the account's deals are read, and its won ones wait to be invoiced."""
    sync_deals(connection=connection)
    env = environment(broker_url=server.url, sandbox_url=sandbox.url, MBS_RESOLVE_WAIT_SECONDS="0")
    processes = Live(env, tmp_path / "live.log")
    yield processes
    processes.end()
    print((tmp_path / "live.log").read_text()[-4000:])  # noqa: T201 - pytest shows it when the test fails


@pytest.fixture
def tell(connection: Connection) -> Told:
    """Return a function that stores one delivery for each deal, and rings if the broker hears it."""
    number = 0

    def deliver(ids: list[str]) -> None:
        nonlocal number
        for deal in ids:
            number += 1
            entry = event(object_id=int(deal), portalId=PORTAL_ID, occurredAt=number)
            receive_delivery(provider="hubspot", body=orjson.dumps([entry]), headers={})
            ring(process_webhooks)

    return deliver


def ring(task: Any, **options: Any) -> None:
    """Send a task as the web process does: a broker that is away is no fault."""
    with suppress(OperationalError):
        task.apply_async(expires=40, **options)


def rename(sandbox: SandboxProcess, ids: list[str], name: str) -> None:
    """Edit deals at the provider."""
    for deal in ids:
        sandbox.edit("deals", deal, dealname=f"{name} {deal}")


def are_renamed(ids: list[str], name: str) -> bool:
    """Tell whether the deals here have the name that they have there."""
    return set(Deal.objects.filter(external_id__in=ids).values_list("name", flat=True)) == {
        f"{name} {deal}" for deal in ids
    }
