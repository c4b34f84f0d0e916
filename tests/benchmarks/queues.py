"""Queues: how soon a webhook is stored beside 50,000 waiting batch tasks, and beside another's flood."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count as counting
from pathlib import Path
from time import perf_counter

import requests
from django.conf import settings
from django.db import connection as database
from django.test.utils import get_runner
from django_scopes import scopes_disabled

from accounts.models import Organization
from dev.ports import free_port
from integrations.broker import count_waiting
from integrations.models import Connection, WebhookDelivery, WebhookEvent
from integrations.queues import BATCH
from integrations.tasks import hear_canary
from taxpoynt.celery import app
from tests.benchmarks.backfill import forget_limits
from tests.benchmarks.roads import ROADS, HubSpotRoad, Road
from tests.benchmarks.webhooks import backfill_beside, forget_events, let_settle, wait_for
from tests.brokers import own_broker
from tests.live import Live, environment
from tests.sandbox_process import SandboxProcess

TARGET_P95, TARGET_P99 = 300, 1000  # ms, webhook to stored
SENDERS = 20
FLOODER = "777"
NUMBERS = counting(1)  # of deliveries: no two are the same
WEB = "gunicorn taxpoynt.wsgi --workers 2 --threads 8 --worker-class gthread --log-level error"


def run(tasks: int, rate: int, seconds: int, provider: str = "square") -> None:
    """Print the percentiles with empty and with full queues, the speed flat out, and how a flood's neighbour fares."""
    runner = get_runner(settings)(verbosity=0, interactive=False)
    names = runner.setup_databases()
    try:
        with ExitStack() as stack, scopes_disabled():
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = stack.enter_context(own_broker(home))
            road = ROADS[provider](stack.enter_context(_sandbox(limits=False)))
            beside = HubSpotRoad(stack.enter_context(_sandbox(limits=True, deals=10_000)))
            _measure(server.url, road, beside, home, tasks, rate, seconds)
    finally:
        runner.teardown_databases(names)


@contextmanager
def _sandbox(*, limits: bool, deals: int = 2_000) -> Iterator[SandboxProcess]:
    sandbox = SandboxProcess(deals=deals, limits=limits)
    try:
        yield sandbox
    finally:
        sandbox.stop()


def _measure(broker_url: str, road: Road, beside: HubSpotRoad, home: Path, tasks: int, rate: int, seconds: int) -> None:
    connection = road.connect(_organization("bench"))
    with _processes(broker_url, road, home) as (url, live):
        print(f"{road.provider} webhooks at {rate}/s for {seconds} s to the processes of the Procfile:")
        account = connection.external_account_id
        warm = Sender(url, road, road.prepare(connection, rate * 2), account)
        warm.send(count=rate * 2, rate=rate)  # the processes load what they need
        let_settle()
        forget_events()
        empty = _phase("queues empty", warm.next(connection, rate * seconds), rate)
        other = beside.connect(_organization("nightly"))
        with _full(tasks) as depths:
            with backfill_beside(beside.sandbox.url, other.pk):  # what the one process of `batch` is at
                name = f"{tasks:,} batch tasks waiting behind a backfill at the provider's pace"
                full = _phase(name, warm.next(connection, rate * seconds), rate)
            print(f"    batch held {min(depths):,} to {max(depths):,} tasks; p95 took {full / empty:.1f} times as long")
            beside.sandbox.set(limits=False)
            forget_limits()
            with backfill_beside(beside.sandbox.url, other.pk):
                _phase("the same, the backfill flat out", warm.next(connection, rate * seconds), rate)
                with _batch_worker(live):
                    name = "the same, and another batch worker draining what waits flat out"
                    _phase(name, warm.next(connection, rate * seconds), rate)
        _flat_out(warm.next(connection, 5_000))
        _flood(warm, connection)


def _organization(slug: str) -> Organization:
    return Organization.objects.create(slug=slug, name=f"{slug.title()} Works Ltd")


@contextmanager
def _processes(broker_url: str, road: Road, home: Path) -> Iterator[tuple[str, Live]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = environment(broker_url=broker_url, sandbox_url=road.sandbox.url, PUBLIC_URL=url) | road.environment()
    live = Live(env, home / "live.log")
    try:
        live.start("python", "-m", *WEB.split(), "--bind", f"127.0.0.1:{port}")
        live.worker("high_priority")
        live.worker("standard")
        live.beat()
        wait_for(url)
        time.sleep(8)  # until workers and beat are there
        yield url, live
    finally:
        live.end()


@contextmanager
def _batch_worker(live: Live) -> Iterator[None]:
    process = live.start(
        "nice", "-n", "10", "python", "-m", "celery", "-A", "taxpoynt", "worker", "-Q", BATCH, "-c", "1",
        "-n", "batch@bench", "--without-mingle", "--without-gossip", "-l", "ERROR",
    )  # fmt: skip
    time.sleep(8)
    try:
        yield
    finally:
        live.kill(process)


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


class Sender:
    """Sends notices of one account's objects, each of them before any of them again."""

    def __init__(self, url: str, road: Road, ids: list[str], account: str) -> None:
        self.url, self.road, self.ids, self.account = url, road, ids, account

    def next(self, connection: Connection, count: int) -> Sender:
        """Return one for so many objects more, of which nothing was told."""
        return Sender(self.url, self.road, self.road.prepare(connection, count), self.account)

    def body(self, number: int) -> bytes:
        """Return the next delivery."""
        return self.road.body(self.ids[number % len(self.ids)], next(NUMBERS), self.account)

    def send(self, *, count: int, rate: int) -> list[float]:
        """Send by the clock and not by the answers, or as they are answered at a rate of 0; return seconds."""
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=SENDERS))
        took: list[float] = []
        start = perf_counter()

        def work(offset: int) -> None:
            for number in range(offset, count, SENDERS):
                body = self.body(number)
                due = start + number / rate if rate else perf_counter()
                time.sleep(max(0.0, due - perf_counter()))
                self._post(session, body)
                took.append(perf_counter() - due)  # from when it was due: a late start counts

        threads = [threading.Thread(target=work, args=(offset,)) for offset in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        session.close()
        return took

    def _post(self, session: requests.Session, body: bytes) -> None:
        headers = self.road.headers(body, self.url) | {"Content-Type": "application/json"}
        try:
            answer = session.post(self.url + self.road.path, data=body, headers=headers, timeout=30)
        except requests.ConnectionError:  # a kept connection that ended under it: sent again, as a provider does
            answer = session.post(self.url + self.road.path, data=body, headers=headers, timeout=30)
        answer.raise_for_status()  # whatever is refused ends the benchmark


def _phase(name: str, sender: Sender, rate: int) -> float:
    before, count = sender.road.stored(), len(sender.ids)
    took = sorted(sender.send(count=count, rate=rate))
    let_settle()
    acked = [took[int(len(took) * share)] * 1000 for share in (0.5, 0.99)]
    found, left, (p50, p95, p99) = _stored()
    print(f"  {name}: {len(took):,} sent, {found:,} events, {left:,} not processed,", end=" ")
    print(f"{sender.road.stored() - before:,} {sender.road.things} new;")
    print(
        f"    acknowledged p50 {acked[0]:.0f} ms, p99 {acked[1]:.0f} ms; webhook to stored p50 {p50:.0f} ms,", end=" "
    )
    print(f"p95 {p95:.0f} (target {TARGET_P95}), p99 {p99:.0f} (target {TARGET_P99})", flush=True)
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


def _flat_out(sender: Sender) -> None:
    start, count = perf_counter(), len(sender.ids)
    sender.send(count=count, rate=0)
    sent = perf_counter() - start
    let_settle()
    stored = perf_counter() - start
    found, left, _ = _stored()
    print(f"  flat out: {count:,} acknowledged at {count / sent:.0f}/s,", end=" ")
    print(f"{found - left:,} stored at {count / stored:.0f}/s", flush=True)
    forget_events()


def _flood(sender: Sender, flooder: Connection, events: int = 50_000) -> None:
    """Let one organization send a flood, another one delivery a second, and tell how long that one's take."""
    road, account = sender.road, flooder.external_account_id
    Connection.objects.filter(pk=flooder.pk).update(external_account_id=FLOODER)
    calm = road.connect(_organization("calm"))
    theirs = Sender(sender.url, road, road.prepare(flooder, 2_000), FLOODER)
    ours = Sender(sender.url, road, road.prepare(calm, 30), account)
    road.sandbox.set(latency_ms=50)
    WebhookDelivery.objects.bulk_create(
        (WebhookDelivery(provider=road.provider, body=theirs.body(number)) for number in range(events)), batch_size=2000
    )
    ours.send(count=30, rate=1)
    deadline = perf_counter() + 60
    while _stored(calm.pk)[:2] != (30, 0) and perf_counter() < deadline:
        time.sleep(0.5)
    waiting = WebhookEvent.objects.filter(connection=flooder).exclude(status="processed").count()
    unsplit = WebhookDelivery.objects.filter(processed_at=None).count()
    count, left, (p50, p95, _) = _stored(calm.pk)
    print(f"  one organization's flood of {events:,} deliveries ({unsplit:,} unsplit, {waiting:,} events", end=" ")
    print(f"waiting at the end): another's {count} events,")
    print(f"    {left} left, to stored p50 {p50:.0f} ms, p95 {p95:.0f} ms (target 10,000)", flush=True)
