"""What is said of the queues, from facts alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.charts import HEIGHT, WIDTH, chart
from integrations.queue_health import DueWork, Level, Minute, Process, QueueFacts, Report, judge
from integrations.queues import BATCH, HIGH, QUEUES

NOW = datetime(2026, 11, 23, 13, 10, tzinfo=UTC)  # ten past two in Lagos
NAMES = [queue.name for queue in QUEUES]


def worker(queue: str, ago: float = 3) -> Process:
    return Process(f"{queue}@host", "worker", (queue,), NOW - timedelta(seconds=ago))


def beat(ago: float = 3) -> Process:
    return Process("beat@host", "beat", (), NOW - timedelta(seconds=ago))


def facts(name: str, **known: Any) -> QueueFacts:
    heard = NOW - timedelta(seconds=5)
    well = {"workers": (worker(name),), "canary_sent_at": heard, "canary_heard_at": heard, "depth": 0}
    return QueueFacts(queue=next(queue for queue in QUEUES if queue.name == name), **{**well, **known})


def judged(*, beats: list[Process] | None = None, broker: bool = True, **of: QueueFacts) -> Report:
    each = [of.get(name) or facts(name) for name in NAMES]
    return judge(each, [beat()] if beats is None else beats, is_broker_there=broker, now=NOW)


def said(report: Report) -> list[tuple[Level, str]]:
    return [(fault.level, fault.sentence) for fault in report.all_faults()]


def test_when_all_is_well_nothing_is_said() -> None:
    report = judged()
    assert said(report) == []
    assert report.level == Level.OK


def test_a_queue_without_a_worker_is_critical_with_since_when_what_waits_and_what_to_do() -> None:
    gone = facts(HIGH, workers=(worker(HIGH, ago=500),), canary_heard_at=NOW - timedelta(seconds=480))
    [(level, sentence)] = said(judged(**{HIGH: gone}))
    assert level == Level.CRITICAL
    assert sentence == (
        "No worker serves high_priority since 14:02: sales wait. "
        "Start one with: celery -A taxpoynt worker -Q high_priority -n high_priority@%h"
    )


def test_yesterdays_end_is_told_with_its_day() -> None:
    gone = facts(HIGH, workers=(worker(HIGH, ago=86_000),), canary_heard_at=None)
    [(_, sentence)] = said(judged(**{HIGH: gone}))
    assert "since 22 Nov, 14:16" in sentence


def test_a_worker_is_missed_after_half_a_minute_and_not_before() -> None:
    assert judged(**{HIGH: facts(HIGH, workers=(worker(HIGH, ago=29),))}).level == Level.OK
    assert judged(**{HIGH: facts(HIGH, workers=(worker(HIGH, ago=31),))}).level == Level.CRITICAL


@pytest.mark.parametrize(
    ("name", "seconds", "level"),
    [
        (HIGH, 59, Level.OK), (HIGH, 61, Level.CRITICAL),
        (BATCH, 3599, Level.OK), (BATCH, 3601, Level.WARNING),
    ],
)  # fmt: skip
def test_a_worker_that_is_there_and_takes_nothing_is_told_by_the_queues_patience(
    name: str, seconds: int, level: Level
) -> None:
    silent = facts(name, canary_heard_at=NOW - timedelta(seconds=seconds), depth=50_000)
    report = judged(**{name: silent})
    assert report.level == level
    if level:
        assert "though 1 worker is there (50000 tasks wait)" in report.all_faults()[0].sentence


def test_a_broker_that_is_away_is_told_once_and_no_silence_with_it() -> None:
    silent = facts(HIGH, canary_heard_at=NOW - timedelta(hours=2), depth=None)
    [(level, sentence)] = said(judged(broker=False, **{HIGH: silent}))
    assert level == Level.CRITICAL
    assert "The broker does not answer" in sentence


def test_a_silent_beat_is_critical_and_is_not_told_again_as_the_silence_of_each_queue() -> None:
    silent = facts(HIGH, canary_heard_at=NOW - timedelta(hours=2))
    [(level, sentence)] = said(judged(beats=[beat(ago=300)], **{HIGH: silent}))
    assert level == Level.CRITICAL
    assert "Beat has been silent since 14:05" in sentence


def test_work_that_waits_too_long_and_work_that_failed_are_warnings() -> None:
    late = DueWork(HIGH, "webhook deliveries", 2313, NOW - timedelta(minutes=12))
    found = facts(HIGH, due=(late,), minutes=(Minute(NOW, taken=9, failed=2),))
    assert said(judged(**{HIGH: found})) == [
        (
            Level.WARNING,
            "2313 webhook deliveries wait for high_priority, the oldest for 12 minutes. Add a worker if it stays so.",
        ),
        (
            Level.WARNING,
            "2 tasks of high_priority ended with an error of ours in the last hour. The log has them by task id.",
        ),
    ]


@given(st.lists(st.none() | st.integers(0, 10**7), max_size=70))
def test_every_point_of_a_chart_is_inside_it_and_every_known_minute_has_one(values: list[int | None]) -> None:
    drawn = chart("x", values)
    points = [tuple(map(float, point.split(","))) for line in drawn.lines for point in line.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert len({x for x, _ in points}) == sum(value is not None for value in values)
