"""Tills' sales through real processes: what is rung up is stored and signed once, whatever becomes of the broker.

And a seller whose notices come by the thousand does not keep another's sale waiting.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
import redis
from django_scopes import scopes_disabled

from accounts.models import Organization
from dev.broker import Broker
from integrations.models import Connection, WebhookDelivery, WebhookEvent
from integrations.queues import HIGH
from integrations.services.webhooks import receive_delivery
from integrations.tasks import process_webhooks
from invoices.models import Invoice, Status
from pos.models import Sale
from tests.invoices.making import make_business
from tests.live import Live, environment, wait_until
from tests.pos.square.conftest import LARGE, SMALL, Tills, connect, square
from tests.queues.conftest import ring
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["square"]  # a fixture
TAKEN_UP = 30  # seconds: the promise
# `make bench ARGS=trouble` runs these tests at a greater size, and shows the figures that they print.
SALES = int(os.environ.get("TROUBLE_SALES", "30"))
AWAY = float(os.environ.get("TROUBLE_AWAY", "5"))  # seconds without a broker
FLOOD = 4_000  # notices of one event each; `make bench ARGS=queues` has fifty thousand
ALLOWED = 10.0  # seconds that another's sale may take beside it


@pytest.fixture
def till(transactional_db: None, organization: Organization, square: SandboxProcess) -> Connection:
    """Return the connection of a shop whose seller the authority knows."""
    make_business(organization, square.get("/_control/businesses")[0], hsn_code="2106.90", product_category="Food")
    return connect(organization, square, SMALL)


@pytest.fixture
def processes(server: Broker, till: Connection, square: SandboxProcess, tmp_path: Path) -> Iterator[Live]:
    """Yield a starter of workers and beat that know Square."""
    env = environment(
        broker_url=server.url, sandbox_url=square.url, MBS_RESOLVE_WAIT_SECONDS="0", SQUARE_BASE=square.url,
        SQUARE_APPLICATION_ID="sandbox-sq0idb-sandbox-client",
        SQUARE_APPLICATION_SECRET="sandbox-sq0csb-sandbox-secret", SQUARE_WEBHOOK_KEYS="key-in-use",
    )  # fmt: skip
    live = Live(env, tmp_path / "live.log")
    yield live
    live.end()
    print((tmp_path / "live.log").read_text()[-4000:])  # noqa: T201 - pytest shows it when the test fails


def notice(order_id: str, seller: str = SMALL) -> bytes:
    """Return the news of a payment as Square sends it."""
    payment = {"id": f"p{order_id}", "order_id": order_id}
    return orjson.dumps({
        "merchant_id": seller, "type": "payment.updated", "event_id": str(uuid4()),
        "created_at": "2026-11-20T10:00:00Z", "data": {"type": "payment", "id": "p", "object": {"payment": payment}},
    })  # fmt: skip


def tell(order_id: str) -> None:
    """Receive a notice as the web process does: stored, then rung for."""
    receive_delivery(provider="square", body=notice(order_id), headers={})
    ring(process_webhooks, queue=HIGH)


def ring_up(square: SandboxProcess, count: int, then: Callable[[], Any] = lambda: None) -> set[str]:
    """Ring up so many sales, tell of each, and do something after every fifth."""
    tills, sold = Tills(square, SMALL), set()
    for number in range(count):
        order = tills.ring_up(variant="plain")
        tell(order["id"])
        sold.add(order["id"])
        if number % 5 == 4:
            then()
    return sold


def are_stored(sold: set[str]) -> bool:
    """Tell whether these sales, and no others, are stored, and no event waits."""
    waits = WebhookEvent.objects.exclude(status__in=["processed", "ignored"]).exists()
    return not waits and set(Sale.objects.values_list("external_id", flat=True)) == sold


def tell_figure(what: str, sold: set[str], took: float) -> None:
    print(f"  {what}: {len(sold):,} sales, each stored once, the last {took:.1f} s after it (at most {TAKEN_UP})")  # noqa: T201


def check_each_signed_once(square: SandboxProcess, sold: set[str]) -> None:
    """Wait for the authority's seals: as many as sales, none twice, at what the till took."""
    signed = Invoice.objects.filter(status=Status.SIGNED)
    wait_until(lambda: signed.count() == len(sold), 90 + len(sold), "every sale's invoice signed")
    assert Counter(Invoice.objects.values_list("source_external_id", flat=True)) == Counter(sold)
    received = square.get("/_control/received?documents=0")["mbs"]
    assert len(received["signed"]) == len(sold)
    assert set(received["sign_attempts"].values()) == {1}
    took = sum(each["total"] for each in Tills(square, SMALL).truth()["sales"])
    assert sum(round(float(each["payable_amount"]) * 100) for each in received["signed"]) == took


def test_a_broker_that_is_flushed_while_sales_come_in_loses_none(
    processes: Live, server: Broker, square: SandboxProcess
) -> None:
    processes.worker()
    processes.beat()
    with redis.Redis.from_url(server.url) as client:
        sold = ring_up(square, SALES, then=client.flushall)
        client.flushall()
    took = wait_until(lambda: are_stored(sold), TAKEN_UP, "every sale after the flush")
    tell_figure(f"broker flushed {SALES // 5} times", sold, took)
    check_each_signed_once(square, sold)


def test_sales_of_a_worker_that_is_killed_are_taken_up_by_the_next(processes: Live, square: SandboxProcess) -> None:
    processes.beat()
    square.set(latency_ms=200)
    workers = [processes.worker()]

    def kill() -> None:
        wait_until(WebhookEvent.objects.filter(attempts__gte=1).exists, 20, "a worker at its work")
        processes.kill(workers.pop())
        workers.append(processes.worker())

    sold = ring_up(square, SALES // 2, then=kill)
    square.set(latency_ms=0)
    took = wait_until(lambda: are_stored(sold), TAKEN_UP, "the dead workers' sales")
    tell_figure(f"worker killed -9 {SALES // 10} times", sold, took)
    check_each_signed_once(square, sold)


def test_sales_that_come_while_the_broker_is_away_are_stored_soon_after_it_is_back(
    processes: Live, server: Broker, square: SandboxProcess
) -> None:
    processes.worker()
    processes.beat()
    wait_until(lambda: are_stored(set()), 1, "nothing to do")
    first = ring_up(square, 3)
    wait_until(lambda: are_stored(first), TAKEN_UP, "the sales of a quiet time")
    server.kill()
    until = time.monotonic() + AWAY
    sold = first | ring_up(square, SALES)
    time.sleep(max(0.0, until - time.monotonic()))
    server.start()
    took = wait_until(lambda: are_stored(sold), TAKEN_UP, "every sale after the broker is back")
    tell_figure(f"broker away for {AWAY:.0f} s", sold, took)
    check_each_signed_once(square, sold)


def test_a_flood_of_one_sellers_notices_does_not_keep_anothers_sale_waiting(
    processes: Live, till: Connection, other_organization: Organization, square: SandboxProcess
) -> None:
    flooded = {Tills(square, SMALL).ring_up(variant="plain")["id"] for _ in range(200)}
    calm = connect(other_organization, square, LARGE)
    sales = [Tills(square, LARGE).ring_up(variant="plain")["id"] for _ in range(12)]
    square.set(latency_ms=100)
    processes.worker("high_priority,standard,batch", "-c", "1")  # the least there can be: nothing but turns helps here
    processes.beat()
    told = sorted(flooded) * (FLOOD // len(flooded))
    WebhookDelivery.objects.bulk_create(WebhookDelivery(provider="square", body=notice(each)) for each in told)
    ring(process_webhooks, queue=HIGH)
    with scopes_disabled():
        flood = WebhookEvent.objects.filter(connection=till)
        wait_until(flood.filter(status="processed").exists, 30, "the flood has begun")
        for each in sales:
            receive_delivery(provider="square", body=notice(each, LARGE), headers={})
            ring(process_webhooks, queue=HIGH)
            time.sleep(0.5)
        waiting = WebhookDelivery.objects.filter(processed_at=None).exists()
        assert waiting or flood.exclude(status="processed").exists(), "a flood that is over proves nothing"
        own = WebhookEvent.objects.filter(connection=calm, processed_at__isnull=False)
        wait_until(lambda: own.count() == len(sales), 30, "the calm one's sales")
        waits = sorted((each.processed_at - each.received_at).total_seconds() for each in own if each.processed_at)
    assert waits[int(len(waits) * 0.95)] < ALLOWED, waits
