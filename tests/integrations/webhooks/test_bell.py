from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from integrations.bell import Bell


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    rung: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda task, queue, **_: rung.append(queue))
    return rung


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.1)


def test_requests_of_one_moment_share_one_ring_for_each_queue(sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.bell.GATHERED", 1.0)  # a busy machine takes its time to start threads
    bell = Bell("integrations.tasks.process_webhooks")
    threads = [threading.Thread(target=bell.ring, args=(queue,)) for queue in ["standard"] * 50 + ["high_priority"] * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: sent)
    assert sorted(sent) == ["high_priority", "standard"]


def test_a_ring_after_the_last_one_was_sent_is_sent_too(sent: list[str]) -> None:
    bell = Bell("integrations.tasks.process_webhooks")
    for number in (1, 2, 3):
        bell.ring("standard")
        wait_for(lambda number=number: len(sent) >= number)
    assert sent == ["standard"] * 3


def test_a_broker_that_is_away_silences_one_ring_and_not_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def refuse(_task: str, queue: str, **_: Any) -> None:
        tries.append(queue)
        raise OperationalError

    monkeypatch.setattr(current_app, "send_task", refuse)
    bell = Bell("integrations.tasks.process_webhooks")
    for number in (1, 2):
        bell.ring("standard")
        wait_for(lambda number=number: len(tries) >= number)
    assert tries == ["standard", "standard"]
