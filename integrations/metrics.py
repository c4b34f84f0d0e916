"""The queues' figures for Prometheus, gathered when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector

from integrations.broker import report_now
from integrations.queue_health import QueueFacts, Report

logger = structlog.get_logger(__name__)

PREFIX = "taxpoynt_queue"
# What is told of each queue: name, help, and how it is read of the queue's facts at an instant; None is left out.
FIGURES: tuple[tuple[str, str, Callable[[QueueFacts, datetime], Any]], ...] = (
    ("depth", "Tasks waiting in the broker.", lambda facts, at: facts.depth),
    ("due_rows", "Rows of the database that are due.", lambda facts, at: sum(work.count for work in facts.due)),
    ("oldest_due_seconds", "Age of the oldest due row.", lambda facts, at: facts.age(at).total_seconds()),
    ("workers", "Workers that serve it and are alive.", lambda facts, at: len(facts.alive(at))),
    ("begun_last_hour", "Tasks begun in the last hour.", lambda facts, at: facts.taken()),
    ("failed_last_hour", "Tasks that failed in the last hour.", lambda facts, at: facts.failed()),
    ("canary_age_seconds", "Since a canary was heard.", lambda facts, at: _age(facts.canary_heard_at, at)),
)


class QueuesCollector(Collector):
    """Tells the queues' figures to whoever scrapes; with the database away it tells that and nothing else."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name nothing beforehand: registering must not need the database."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the figures of this moment."""
        try:
            report = report_now()
        except (DatabaseError, InterfaceError):
            logger.warning("queues_not_told")
            yield GaugeMetricFamily(f"{PREFIX}_known", "Whether the queues' figures could be read.", 0)
            return
        yield GaugeMetricFamily(f"{PREFIX}_known", "Whether the queues' figures could be read.", 1)
        yield from _families(report)


def _families(report: Report) -> Iterator[GaugeMetricFamily]:
    alive = sum(beat.is_alive(report.at) for beat in report.beats)
    yield GaugeMetricFamily("taxpoynt_beats", "Beats that are alive; one is wanted.", alive)
    level = GaugeMetricFamily(f"{PREFIX}_level", "0 ok, 1 warning, 2 critical.", labels=["queue"])
    level.add_metric(["all"], report.level)
    for judged in report.queues:
        level.add_metric([judged.facts.queue.name], judged.level)
    yield level
    for name, told, read in FIGURES:
        family = GaugeMetricFamily(f"{PREFIX}_{name}", told, labels=["queue"])
        for judged in report.queues:
            value = read(judged.facts, report.at)
            if value is not None:
                family.add_metric([judged.facts.queue.name], value)
        yield family


def _age(instant: datetime | None, at: datetime) -> float | None:
    return None if instant is None else (at - instant).total_seconds()


def register() -> None:
    """Let /metrics tell the queues' figures."""
    REGISTRY.register(QueuesCollector())
