"""`queue_health`: say how the queues are, with an exit code for monitors."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from integrations.broker import report_now
from integrations.queue_health import Level, Report


class Command(BaseCommand):
    """Prints what is wrong and one line a queue."""

    help = "Say how the queues are. Ends with 0 when all is well, 1 for a warning, 2 when something is critical."
    requires_system_checks: list[str] = []  # a monitor asks every minute, and they take seconds

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell, and end with the level as the exit code."""
        try:
            report = report_now()
        except DatabaseError as problem:
            raise CommandError(
                "PostgreSQL does not answer, so nothing is known of the queues.", returncode=2
            ) from problem
        for fault in report.all_faults():
            self.stdout.write(f"{fault.level.word.upper()}: {fault.sentence}")
        for line in _lines(report):
            self.stdout.write(line)
        if report.level != Level.OK:
            sys.exit(int(report.level))


def _lines(report: Report) -> list[str]:
    lines = []
    for judged in report.queues:
        facts = judged.facts
        depth = "?" if facts.depth is None else f"{facts.depth:,}"
        due = sum(work.count for work in facts.due)
        age = int(facts.age(report.at).total_seconds())
        lines.append(
            f"{facts.queue.name}: {judged.level.word} · {len(facts.alive(report.at))} workers · {depth} tasks wait · "
            f"{due:,} rows due, the oldest for {age} s · "
            f"{facts.taken():,} begun and {facts.failed():,} failed in an hour"
        )
    return lines
