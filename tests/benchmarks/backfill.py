"""The backfill: every deal with its lines, companies and contacts, over HTTP into PostgreSQL."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import orjson
import redis
import requests
from django.conf import settings
from django.db import connection as database
from django.test.utils import get_runner
from django_scopes import scope

from accounts.models import Organization
from crm.hubspot import mapping
from crm.models import Contact, Deal, DealLine
from crm.services import sync_deals
from integrations.base.auth import Tokens
from integrations.models import Connection, SyncCursor
from integrations.services.connections import connect_account
from tests.sandbox_process import SandboxProcess

RUNS = 3
LATENCY, LIMIT, WINDOW = 150, 190, 10  # milliseconds a call; calls in so many seconds, for a service key
PEERS = "peers on the same work, another day: dlt 818, tuned 1,314 · official SDK with COPY 805 · Meltano 517"


def run(deals: int) -> None:
    """Print first pass, second pass, the client's own limit, and memory at two sizes."""
    runner = get_runner(settings)(verbosity=0, interactive=False)
    names = runner.setup_databases()
    try:
        _measure(deals)
    finally:
        runner.teardown_databases(names)


def _measure(deals: int) -> None:
    sandbox = SandboxProcess(deals=deals)
    try:
        settings.HUBSPOT_API_BASE = sandbox.url
        organization = Organization.objects.create(slug="bench", name="Bench Works Ltd")
        with scope(organization=organization):
            connection = connect_account(
                organization=organization, provider="hubspot", tokens=Tokens(access_token="pat-sandbox")
            )
            forget_limits()
            first = [_first_pass(connection) for _ in range(RUNS)]
            lines = DealLine.objects.count()
            second = [_pass(connection) for _ in range(RUNS)]
            bare = [_bare_client(sandbox.url) for _ in range(RUNS)]
    finally:
        sandbox.stop()
    print(f"Backfill of {deals:,} deals, {lines:,} lines and their parties, without latency (median of {RUNS}):")
    _line("first pass, into empty tables", deals, first, statistics.median(bare))
    _line("second pass, nothing changed", deals, second, statistics.median(bare))
    _line("limit: lists and lines decoded and thrown away", deals, bare, statistics.median(bare))
    print(f"  {PEERS}\n")


def run_paced(deals: int) -> None:
    """Print how near a backfill comes to what the provider's limit allows, with 150 ms for each call."""
    runner = get_runner(settings)(verbosity=0, interactive=False)
    names = runner.setup_databases()
    sandbox = SandboxProcess(deals, "--latency", str(LATENCY), limits=True)
    try:
        settings.HUBSPOT_API_BASE = sandbox.url
        organization = Organization.objects.create(slug="paced", name="Paced Works Ltd")
        with scope(organization=organization):
            connection = connect_account(
                organization=organization, provider="hubspot", tokens=Tokens(access_token="pat-sandbox")
            )
            time.sleep(WINDOW)  # so that the first window is empty
            started = perf_counter()
            run = sync_deals(connection=connection, full=True)
            seconds = perf_counter() - started
    finally:
        sandbox.stop()
        runner.teardown_databases(names)
    ceiling = run.calls * WINDOW / LIMIT
    print(f"Backfill of {run.read:,} deals with {LATENCY} ms a call and {LIMIT} calls in {WINDOW} s:")
    print(f"  calls {run.calls:,} · refused and repeated {run.retries:,} · waited {run.waited_seconds:,.0f} s")
    print(f"  the limit's steady pace: {ceiling:.1f} s, {run.read / ceiling:,.0f} deals/s")
    share = f"{ceiling / seconds:.0%} of it"
    print(f"  measured:                {seconds:.1f} s, {run.read / seconds:,.0f} deals/s, {share}\n")


def _line(name: str, deals: int, seconds: list[float], limit: float) -> None:
    median = statistics.median(seconds)
    share = f"{limit / median:.0%} of the limit"
    print(f"  {name:<48} {deals / median:>8,.0f} deals/s   {median:6.2f} s   {share}")


def forget_limits() -> None:
    """Forget the limits that an earlier benchmark's account of the same number had."""
    server = redis.Redis.from_url(settings.REDIS_URL)
    for key in server.scan_iter("pace:*"):
        server.delete(key)


def _first_pass(connection: Connection) -> float:
    with database.cursor() as cursor:
        tables = ", ".join(model._meta.db_table for model in (Deal, DealLine, Contact))
        cursor.execute(f"TRUNCATE {tables}, crm_company CASCADE")
    SyncCursor.objects.all().delete()
    return _pass(connection)


def _pass(connection: Connection) -> float:
    started = perf_counter()
    run = sync_deals(connection=connection, full=True)
    seconds = perf_counter() - started
    assert run.status == "succeeded", run.sentence
    time.sleep(0.2)
    return seconds


def _bare_client(url: str) -> float:
    """Make the same calls with nothing behind them: one lister ahead of four fetchers."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = "Bearer pat-sandbox"
    names = mapping.PropertyNames()
    started = perf_counter()

    def lines(ids: list[str]) -> None:
        body = orjson.dumps({"inputs": [{"id": i} for i in ids], "properties": names.of_line()})
        answer = session.post(f"{url}/crm/objects/2026-09/line_items/batch/read", data=body)
        orjson.loads(answer.content)

    after = ""
    with ThreadPoolExecutor(4) as pool:
        while True:
            params = {
                "limit": "100",
                "properties": ",".join(names.of_deal()),
                "associations": "companies,contacts,line_items",
            }
            answer = session.get(
                f"{url}/crm/objects/2026-09/deals", params=params | ({"after": after} if after else {})
            )
            page = orjson.loads(answer.content)
            ids = [line for raw in page["results"] for line in mapping.inline_ids(raw, "line items")]
            for start in range(0, len(ids), 100):
                pool.submit(lines, ids[start : start + 100])
            after = page.get("paging", {}).get("next", {}).get("after", "")
            if not after:
                break
    session.close()
    return perf_counter() - started
