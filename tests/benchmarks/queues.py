"""Queues: how soon a webhook is stored beside 50,000 waiting batch tasks, and beside another's flood."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import orjson
import requests
from django.conf import settings
from django.db import connection as database
from django.test.utils import get_runner
from django_scopes import scope, scopes_disabled

from accounts.models import Organization
from crm.models import Deal
from crm.services import sync_deals
from dev.ports import free_port
from integrations.base.auth import Tokens
from integrations.broker import count_waiting
from integrations.models import Connection, WebhookDelivery, WebhookEvent
from integrations.queues import BATCH, STANDARD
from integrations.services.connections import connect_account
from integrations.tasks import hear_canary
from sandbox.hubspot import PORTAL_ID
from taxpoynt.celery import app
from tests import webhook_signing
from tests.benchmarks.backfill import forget_limits
from tests.benchmarks.webhooks import backfill_beside, forget_events, let_settle, wait_for
from tests.brokers import own_broker
from tests.live import Live, environment
from tests.sandbox_process import SandboxProcess

TARGET_P95, TARGET_P99 = 300, 1000  # ms, webhook to stored
SENDERS = 20
FLOODER = 777
WEB = "gunicorn taxpoynt.wsgi --workers 2 --threads 8 --worker-class gthread --log-level error"


@dataclass(frozen=True, slots=True)
class Road:
    """A provider's way in: another one takes another of these."""

    provider: str
    path: str
    queue: str
    body: Callable[[str, int, int], bytes]  # of an object's id, a number that no other delivery has, and an account
    headers: Callable[[bytes, str], dict[str, str]]  # of a body and our address


def _hubspot_body(external_id: str, number: int, account: int) -> bytes:
    return orjson.dumps([webhook_signing.event(object_id=int(external_id), portalId=account, occurredAt=number)])


HUBSPOT = Road(
    provider="hubspot",
    path=webhook_signing.PATH,
    queue=STANDARD,
    body=_hubspot_body,
    headers=lambda body, origin: webhook_signing.headers(body, origin=origin),
)


def run(tasks: int, rate: int, seconds: int, road: Road = HUBSPOT) -> None:
    """Print the percentiles with empty and with full queues, the speed flat out, and how a flood's neighbour fares."""
    runner = get_runner(settings)(verbosity=0, interactive=False)
    names = runner.setup_databases()
    try:
        with tempfile.TemporaryDirectory() as home, own_broker(Path(home)) as server, scopes_disabled():
            sandbox = SandboxProcess(deals=2_000)
            try:
                settings.HUBSPOT_API_BASE = sandbox.url
                _measure(server.url, sandbox, Path(home), tasks, rate, seconds, road)
            finally:
                sandbox.stop()
    finally:
        runner.teardown_databases(names)


def _measure(
    broker_url: str, sandbox: SandboxProcess, home: Path, tasks: int, rate: int, seconds: int, road: Road
) -> None:
    connection = _connect("bench")
    with scope(organization=connection.organization):
        sync_deals(connection=connection)
        Deal.objects.update(invoice_due=False)
        ids = list(Deal.objects.values_list("external_id", flat=True))
    with _processes(broker_url, sandbox.url, home) as url:
        print(f"{road.provider} webhooks at {rate}/s for {seconds} s to the processes of the Procfile:")
        _send(url, road, ids, count=rate * 2, rate=rate, first=-(10**6))  # the processes load what they need
        forget_events()
        empty = _phase("queues empty", url, road, ids, rate, seconds, first=0)
        with _full(tasks) as depths, backfill_beside(sandbox.url, connection.pk):
            full = _phase(f"{tasks:,} batch tasks waiting, a backfill beside", url, road, ids, rate, seconds, 10**7)
        print(f"    batch held {min(depths):,} to {max(depths):,} tasks; p95 took {full / empty:.1f} times as long")
        _flat_out(url, road, ids)
        _flood(url, road, connection, ids, sandbox)


def _connect(slug: str) -> Connection:
    organization = Organization.objects.create(slug=slug, name=f"{slug.title()} Works Ltd")
    with scope(organization=organization):
        forget_limits()
        return connect_account(organization=organization, provider="hubspot", tokens=Tokens(access_token="pat-sandbox"))


@contextmanager
def _processes(broker_url: str, sandbox_url: str, home: Path) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    live = Live(environment(broker_url=broker_url, sandbox_url=sandbox_url, PUBLIC_URL=url), home / "live.log")
    try:
        live.start("python", "-m", *WEB.split(), "--bind", f"127.0.0.1:{port}")
        live.worker("high_priority")
        live.worker("standard")
        live.start("nice", "-n", "10", "python", "-m", "celery", "-A", "taxpoynt", "worker", "-Q", BATCH, "-c", "1",
                   "-n", "batch@bench", "--without-mingle", "--without-gossip", "-l", "ERROR")  # fmt: skip
        live.beat()
        wait_for(url)
        time.sleep(8)  # until workers and beat are there
        yield url
    finally:
        live.end()


@contextmanager
def _full(tasks: int) -> Iterator[list[int]]:
    """Keep this many small tasks waiting in the batch queue; yields the depths that were seen."""
    over = threading.Event()
    depths: list[int] = []

    def fill() -> None:
        with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
            for _ in range(tasks - count_waiting([BATCH])[BATCH]):
                hear_canary.apply_async(args=[BATCH], queue=BATCH, producer=producer)

    def keep() -> None:
        while not over.wait(5):
            depths.append(count_waiting([BATCH])[BATCH])
            fill()

    fill()
    depths.append(count_waiting([BATCH])[BATCH])
    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield depths
    finally:
        over.set()
        thread.join()
        with app.connection_for_write() as connection:
            connection.default_channel.queue_purge(BATCH)


def _send(
    url: str, road: Road, ids: list[str], *, count: int, rate: int, first: int, account: int = PORTAL_ID
) -> list[float]:
    """Send deliveries by the clock and not by the answers, or as they are answered at a rate of 0; return seconds."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=SENDERS))
    took: list[float] = []
    start = perf_counter()

    def sender(offset: int) -> None:
        for number in range(offset, count, SENDERS):
            body = road.body(ids[number % len(ids)], first + number, account)
            due = start + number / rate if rate else perf_counter()
            time.sleep(max(0.0, due - perf_counter()))
            headers = road.headers(body, url) | {"Content-Type": "application/json"}
            try:
                answer = session.post(url + road.path, data=body, headers=headers, timeout=30)
            except requests.ConnectionError:  # a kept connection that ended under it: sent again, as a provider does
                answer = session.post(url + road.path, data=body, headers=headers, timeout=30)
            answer.raise_for_status()  # whatever is refused ends the benchmark
            took.append(perf_counter() - due)  # from when it was due: a late start counts

    threads = [threading.Thread(target=sender, args=(offset,)) for offset in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.close()
    return took


def _phase(name: str, url: str, road: Road, ids: list[str], rate: int, seconds: int, first: int) -> float:
    took = sorted(_send(url, road, ids, count=rate * seconds, rate=rate, first=first))
    let_settle()
    acked = [took[int(len(took) * share)] * 1000 for share in (0.5, 0.99)]
    count, left, (p50, p95, p99) = _stored()
    print(f"  {name}: {len(took):,} sent, {count:,} events, {count - left:,} stored;")
    print(
        f"    acknowledged p50 {acked[0]:.0f} ms, p99 {acked[1]:.0f} ms; webhook to stored p50 {p50:.0f} ms,", end=" "
    )
    print(f"p95 {p95:.0f} (target {TARGET_P95}), p99 {p99:.0f} (target {TARGET_P99})")
    forget_events()
    return p95


def _stored(connection_id: int | None = None) -> tuple[int, int, tuple[float, float, float]]:
    """Return how many events there are, how many are not processed, and percentiles of the way in ms."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE status <> 'processed'), percentile_cont(ARRAY[0.5, 0.95, 0.99])"
            " WITHIN GROUP (ORDER BY extract(epoch FROM processed_at - received_at) * 1000)"
            " FROM integrations_webhookevent WHERE %s::bigint IS NULL OR connection_id = %s",
            [connection_id, connection_id],
        )
        count, left, percentiles = cursor.fetchone()
    return count, left, tuple(percentiles)


def _flat_out(url: str, road: Road, ids: list[str], count: int = 5_000) -> None:
    start = perf_counter()
    _send(url, road, ids, count=count, rate=0, first=2 * 10**7)
    sent = perf_counter() - start
    let_settle()
    stored = perf_counter() - start
    found, left, _ = _stored()
    print(f"  flat out: {count:,} acknowledged at {count / sent:.0f}/s,", end=" ")
    print(f"{found - left:,} stored at {count / stored:.0f}/s")
    forget_events()


def _flood(
    url: str, road: Road, flooder: Connection, ids: list[str], sandbox: SandboxProcess, events: int = 50_000
) -> None:
    """Let one organization send a flood, another one delivery a second, and tell how long that one's take."""
    Connection.objects.filter(pk=flooder.pk).update(external_account_id=str(FLOODER))
    calm = _connect("calm")
    sandbox.set(latency_ms=50)
    told = [
        webhook_signing.event(object_id=int(ids[n % len(ids)]), portalId=FLOODER, occurredAt=n) for n in range(events)
    ]
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(provider=road.provider, body=orjson.dumps(told[at : at + 100])) for at in range(0, events, 100)
    )
    _send(url, road, ids, count=30, rate=1, first=3 * 10**7)
    deadline = perf_counter() + 60
    while _stored(calm.pk)[:2] != (30, 0) and perf_counter() < deadline:
        time.sleep(0.5)
    waiting = WebhookEvent.objects.filter(connection=flooder).exclude(status="processed").count()
    count, left, (p50, p95, _) = _stored(calm.pk)
    print(f"  one organization's flood of {events:,} events ({waiting:,} left at the end): another's {count} events,")
    print(f"    {left} left, to stored p50 {p50:.0f} ms, p95 {p95:.0f} ms (target 10,000)")
