from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings

from integrations.base import ratelimit
from integrations.base.ratelimit import AccountPacer, RateLimits

LIMITS = RateLimits("X-Max", "X-Window", lanes={"search": (5, 1.0)})


@pytest.fixture
def account() -> str:
    return f"example:{uuid4().hex}"


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    ratelimit.server.cache_clear()
    yield
    ratelimit.server.cache_clear()


def paced(account: str, calls: int, milliseconds: int, *, urgent: bool = False) -> AccountPacer:
    pacer = AccountPacer(LIMITS, account, urgent=urgent)
    pacer.observe({"X-Max": str(calls), "X-Window": str(milliseconds)})
    return pacer


def passed(pacer: AccountPacer, seconds: float, lane: str = "general") -> int:
    """Return how many calls pass without waiting until one would wait or the time is over."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until and pacer._take(lane) == 0:
        count += 1
    return count


def test_calls_are_spread_over_the_providers_own_window(account: str) -> None:
    pacer = paced(account, 10, 200)
    waits = [pacer.wait() for _ in range(12)]
    assert sum(waits[:9]) == 0
    assert 0.1 < sum(waits) < 0.9


def test_a_provider_that_names_no_limit_is_not_paced(account: str) -> None:
    pacer = AccountPacer(LIMITS, account)
    pacer.observe({})
    assert sum(pacer.wait("search") for _ in range(100)) == 0


def test_a_limit_that_one_process_learned_holds_for_the_next(account: str) -> None:
    paced(account, 10, 60_000)
    assert passed(AccountPacer(LIMITS, account), 5) == 9


def _send(database: str, account: str, out: Any) -> None:
    django_settings.DATABASES["default"]["NAME"] = database
    out.put(passed(AccountPacer(LIMITS, account), 5))


def test_processes_share_one_window(account: str) -> None:
    paced(account, 60, 60_000)
    database = django_settings.DATABASES["default"]["NAME"]
    out = multiprocessing.get_context("spawn").Queue()
    workers = [
        multiprocessing.get_context("spawn").Process(target=_send, args=(database, account, out)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    counts = [out.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(20)
    assert sum(counts) == 58, "60 less the reserve of urgent work, however many processes"


def test_searches_have_a_limit_of_their_own(account: str) -> None:
    pacer = paced(account, 10, 60_000)
    assert passed(pacer, 5) == 9
    assert passed(pacer, 0.5, "search") == 4


def test_urgent_work_finds_room_that_a_backfill_left_and_makes_it_yield(account: str) -> None:
    backfill, urgent = paced(account, 50, 400), paced(account, 50, 400, urgent=True)
    assert passed(backfill, 5) == 48
    assert passed(urgent, 5) == 2
    assert urgent._take("general") > 0, "it had to wait, and said so"
    time.sleep(0.6)
    assert passed(backfill, 5) == 40


def test_accounts_do_not_share_a_window(account: str) -> None:
    assert passed(paced(account, 10, 60_000), 5) == 9
    assert passed(paced(f"{account}-other", 10, 60_000), 5) == 9


def test_with_redis_away_a_process_paces_itself(account: str, redis_away: None) -> None:
    started = time.monotonic()
    assert passed(paced(account, 10, 60_000), 5) == 9
    assert time.monotonic() - started < 3
