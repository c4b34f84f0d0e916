"""The broker is only a bell: flushed, killed or away, and with workers killed, all is done, once, and soon again."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
import redis

from crm.models import Deal
from dev.broker import Broker
from dev.verdict import compare
from integrations.models import Connection, RunStatus, SyncRun, WebhookEvent
from integrations.services.connections import request_sync
from invoices.models import Invoice
from tests.live import Live, wait_until
from tests.queues.conftest import Told, are_renamed, rename
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)

TAKEN_UP = 30  # seconds: the promise


def all_ids() -> list[str]:
    return list(Deal.objects.order_by("pk").values_list("external_id", flat=True))


def nothing_waits() -> bool:
    return not WebhookEvent.objects.exclude(status__in=["processed", "ignored"]).exists()


def check_each_done_once(sandbox: SandboxProcess) -> None:
    """Wait for the last invoices, then compare with the authority's own books: each deal once, each signed once."""
    wait_until(lambda: compare(sandbox.received()["mbs"], sandbox.expected()) == [], 60, "all invoices signed")
    sources = Counter(Invoice.objects.exclude(number=None).values_list("source_external_id", flat=True))
    assert max(sources.values()) == 1
    assert max(sandbox.received()["mbs"]["sign_attempts"].values()) == 1


def test_a_broker_that_is_flushed_in_mid_work_loses_nothing(
    live: Live, server: Broker, sandbox: SandboxProcess, tell: Told
) -> None:
    live.worker()
    live.beat()
    ids = all_ids()
    rename(sandbox, ids, "Flushed")
    with redis.Redis.from_url(server.url) as client:
        for start in range(0, len(ids), 10):
            tell(ids[start : start + 10])
            client.flushall()
            time.sleep(0.3)
        client.flushall()
    wait_until(lambda: are_renamed(ids, "Flushed") and nothing_waits(), TAKEN_UP, "every event after the flush")
    check_each_done_once(sandbox)


def test_a_broker_that_dies_and_comes_back_finds_its_workers_again(
    live: Live, server: Broker, sandbox: SandboxProcess, tell: Told
) -> None:
    live.worker()
    live.beat()
    ids = all_ids()
    tell(ids[:3])
    wait_until(nothing_waits, TAKEN_UP, "the events of a quiet time")
    rename(sandbox, ids, "Away")
    server.kill()
    tell(ids)
    time.sleep(8)
    server.start()
    wait_until(lambda: are_renamed(ids, "Away") and nothing_waits(), TAKEN_UP, "every event after the broker is back")
    check_each_done_once(sandbox)


def test_events_of_a_worker_that_is_killed_are_taken_up_by_the_next(
    live: Live, sandbox: SandboxProcess, tell: Told
) -> None:
    live.beat()
    ids = all_ids()
    rename(sandbox, ids, "Killed")
    sandbox.set(latency_ms=300)
    worker = live.worker()
    for start in range(0, 30, 10):
        tell(ids[start : start + 10])
        wait_until(lambda: WebhookEvent.objects.filter(attempts__gte=1).exists(), 20, "a worker at its work")
        time.sleep(0.2 * (start // 10))
        live.kill(worker)
        worker = live.worker()
    sandbox.set(latency_ms=0)
    took = wait_until(lambda: are_renamed(ids[:30], "Killed") and nothing_waits(), TAKEN_UP, "the dead worker's events")
    assert took < TAKEN_UP
    check_each_done_once(sandbox)


def test_a_sync_whose_worker_is_killed_goes_on_within_half_a_minute(
    live: Live, connection: Connection, sandbox: SandboxProcess
) -> None:
    def runs() -> list[Any]:
        return list(SyncRun.objects.order_by("pk").values_list("status", flat=True))[1:]

    live.beat()
    sandbox.set(latency_ms=1500)
    worker = live.worker()
    request_sync(connection=connection)
    wait_until(lambda: runs() == [RunStatus.RUNNING], TAKEN_UP, "a wanted sync")
    live.kill(worker)
    sandbox.set(latency_ms=0)
    live.worker()
    wait_until(
        lambda: runs() == [RunStatus.PARTIAL, RunStatus.SUCCEEDED],
        TAKEN_UP,
        "a run that goes on where the dead one was",
    )
