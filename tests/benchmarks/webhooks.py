"""Webhooks: how soon a delivery is acknowledged, and how soon its deal is stored, with and beside a backfill."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import orjson
import requests
from django.conf import settings
from django.db import connection as database
from django.test.utils import get_runner
from django_scopes import scope

from accounts.models import Organization
from crm.models import Deal
from crm.services import sync_deals
from dev.ports import free_port
from integrations.base.auth import Tokens
from integrations.models import WebhookDelivery, WebhookEvent
from integrations.services.connections import connect_account
from sandbox.hubspot import PORTAL_ID
from tests.benchmarks.backfill import forget_limits
from tests.sandbox_process import SandboxProcess
from tests.webhook_signing import PATH, SECRET, event, headers

RATE = 100  # deliveries a second
SENDERS = 20
TARGET_MS = 250
ROOT = Path(__file__).resolve().parents[2]


def run(deals: int, seconds: int) -> None:
    """Print the percentiles of the acknowledgement and of the way to the stored deal."""
    runner = get_runner(settings)(verbosity=0, interactive=False)
    names = runner.setup_databases()
    try:
        _measure(deals, seconds)
    finally:
        runner.teardown_databases(names)


def _measure(deals: int, seconds: int) -> None:
    sandbox = SandboxProcess(deals=deals)
    try:
        settings.HUBSPOT_API_BASE = sandbox.url
        organization = Organization.objects.create(slug="bench", name="Bench Works Ltd")
        with scope(organization=organization):
            connection = connect_account(
                organization=organization, provider="hubspot", tokens=Tokens(access_token="pat-sandbox")
            )
            forget_limits()
            sync_deals(connection=connection)
            ids = list(Deal.objects.values_list("external_id", flat=True))
            with _servers(sandbox.url) as url:
                print(f"Webhooks, {RATE} deliveries/s for {seconds} s to gunicorn as in the Procfile, one CRM worker:")
                _send(url, ids, 2, first=-10_000)  # the processes load what they need on their first requests
                forget_events()
                _report("alone", _send(url, ids, seconds, first=0))
                with backfill_beside(sandbox.url, connection.pk):
                    _report("while a backfill runs", _send(url, ids, seconds, first=10_000_000))
    finally:
        sandbox.stop()


@contextmanager
def _servers(sandbox_url: str) -> Iterator[str]:
    """Yield the address of the web process, with a worker beside it that serves the CRM's queue."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = _environment(sandbox_url) | {"PUBLIC_URL": url}
    web = "taxpoynt.wsgi --workers 2 --threads 8 --worker-class gthread --log-level error"
    commands = [
        [sys.executable, "-m", "gunicorn", *web.split(), "--bind", f"127.0.0.1:{port}"],
        [sys.executable, "-m", "celery", "-A", "taxpoynt", "worker", "-Q", "standard", "-c", "2", "-l", "ERROR"],
    ]
    started = [subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.DEVNULL) for command in commands]
    try:
        wait_for(url)
        yield url
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)


def _environment(sandbox_url: str) -> dict[str, str]:
    facts = database.settings_dict
    address = f"{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
    return {
        **os.environ,
        "DATABASE_URL": f"postgresql://{address}",
        "HUBSPOT_API_BASE": sandbox_url,
        "HUBSPOT_WEBHOOK_SECRET": SECRET,
        "LOG_LEVEL": "ERROR",
    }


def wait_for(url: str) -> None:
    deadline = perf_counter() + 30
    while perf_counter() < deadline:
        try:
            requests.get(f"{url}/healthz", timeout=1)
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("The web process did not start.")


@contextmanager
def backfill_beside(sandbox_url: str, connection_id: int) -> Iterator[None]:
    """Read every deal again and again in a process of its own, as low in priority as the Procfile has it."""
    over = threading.Event()

    def again() -> None:
        command = ["nice", "-n", "10", sys.executable, "manage.py", "sync_connection", str(connection_id), "--full"]
        while not over.is_set():
            subprocess.run(command, env=_environment(sandbox_url), cwd=ROOT, capture_output=True, check=False)

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _send(url: str, ids: list[str], seconds: int, first: int) -> tuple[list[float], int]:
    """Send deliveries of one event at the rate, by the clock and not by the answers; return seconds, and refusals."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=SENDERS))
    took: list[float] = []
    refused: list[int] = []
    start = perf_counter()

    def sender(offset: int) -> None:
        for number in range(offset, RATE * seconds, SENDERS):
            entry = event(object_id=int(ids[number % len(ids)]), portalId=PORTAL_ID, occurredAt=first + number)
            body = orjson.dumps([entry])
            signed = headers(body, origin=url) | {"Content-Type": "application/json"}
            due = start + number / RATE
            time.sleep(max(0.0, due - perf_counter()))
            answer = session.post(url + PATH, data=body, headers=signed, timeout=10)
            took.append(perf_counter() - due)  # from when it was due: a late start counts
            if answer.status_code != 200:
                refused.append(answer.status_code)

    threads = [threading.Thread(target=sender, args=(offset,)) for offset in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.close()
    let_settle()
    return took, len(refused)


def let_settle() -> None:
    deadline = perf_counter() + 60
    while _is_busy() and perf_counter() < deadline:
        time.sleep(0.5)


def _is_busy() -> bool:
    waiting = WebhookEvent.objects.filter(status__in=["received", "failed"])
    return WebhookDelivery.objects.filter(processed_at=None).exists() or waiting.exists()


def _report(name: str, measured: tuple[list[float], int]) -> None:
    took, refused = measured
    in_order = sorted(took)
    p50, p99 = (in_order[int(len(in_order) * share)] * 1000 for share in (0.5, 0.99))
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE status <> 'processed'), percentile_cont(ARRAY[0.5, 0.95])"
            " WITHIN GROUP (ORDER BY extract(epoch FROM processed_at - received_at)) FROM integrations_webhookevent"
        )
        count, left, (stored50, stored95) = cursor.fetchone()
    print(
        f"  {name}: acknowledged p50 {p50:.1f} ms, p99 {p99:.1f} ms (target {TARGET_MS}), {refused} refused;", end=" "
    )
    print(f"{count:,} events, {left} left over, stored p50 {stored50 * 1000:.0f} ms, p95 {stored95 * 1000:.0f} ms")
    forget_events()


def forget_events() -> None:
    with database.cursor() as cursor:
        cursor.execute("TRUNCATE integrations_webhookevent")
