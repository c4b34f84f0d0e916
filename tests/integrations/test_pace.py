"""A steady pace that all processes share: calls leave one by one, and a wait that is asked for counts for everybody."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from integrations.base import ratelimit
from integrations.base.pace import HEADROOM, Paces, SteadyPace

RATE = 50


@pytest.fixture
def name() -> str:
    """Return a name that no other test paces by."""
    return f"test-{uuid4().hex}"


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    """Let the pace look for Redis where nothing listens."""
    ratelimit.server.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    yield
    ratelimit.server.cache_clear()


def leave(paces: list[SteadyPace], each: int) -> list[float]:
    """Let as many threads as there are paces make calls; return the instants at which they left, in order."""
    left: list[float] = []

    def call(pace: SteadyPace) -> None:
        for _ in range(each):
            pace.wait()
            left.append(time.monotonic())

    threads = [threading.Thread(target=call, args=(pace,)) for pace in paces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(left)


def test_callers_that_know_nothing_of_each_other_keep_one_pace_and_use_it_up(name: str) -> None:
    left = leave([SteadyPace(name, RATE) for _ in range(4)], 25)
    least = (len(left) - 1) / (RATE * HEADROOM)
    assert least - 0.3 <= left[-1] - left[0] <= least * 1.1
    most = max(sum(start <= each < start + 0.5 for each in left) for start in left)
    assert most <= RATE * 0.5 + RATE * 0.05 + 2, "little may be made up for"


def test_two_names_do_not_wait_for_each_other(name: str) -> None:
    started = time.monotonic()
    leave([SteadyPace(f"{name}-{number}", 10) for number in range(8)], 2)
    assert time.monotonic() - started < 0.5


@pytest.mark.usefixtures("redis_away")
def test_without_redis_a_process_keeps_the_pace_by_itself(name: str) -> None:
    pace = SteadyPace(name, RATE)
    left = leave([pace, pace], 15)
    assert left[-1] - left[0] >= 29 / (RATE * HEADROOM) - 0.3


@pytest.mark.parametrize("rate", [RATE, 0])
def test_a_wait_that_an_answer_asks_for_holds_everybody(name: str, rate: int) -> None:
    Paces(SteadyPace(f"{name}-own", rate), SteadyPace(name, rate)).observe({"Retry-After": "1"})
    other = SteadyPace(name, rate)
    assert 0.8 < other.held_for() <= 1
    Paces(other).observe({"Retry-After": "0.1"})
    assert other.held_for() > 0.7, "the longer of two waits stays"
    assert 0.7 < other.wait() <= 1
    assert other.held_for() == 0


def test_an_answer_that_asks_for_nothing_holds_nobody(name: str) -> None:
    pace = SteadyPace(name, RATE)
    Paces(pace).observe({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
    Paces(pace).observe({})
    assert pace.held_for() == 0


def test_a_wait_of_hours_does_not_keep_a_caller_asleep(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("integrations.base.pace.time.sleep", slept.append)
    pace = SteadyPace(name, RATE)
    pace.hold(7200)
    pace.wait()
    assert slept == [30.0]
    assert 3500 < pace.held_for() <= 3600
