"""`make bench`: prints figures, each with what the machine could do at most. Benchmarks, not timed tests."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
from time import perf_counter

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taxpoynt.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")
django.setup()

from tests.benchmarks import (  # noqa: E402 - after Django is set up
    backfill,
    conversion,
    drain,
    lists,
    paper,
    queues,
    refreshes,
    sums,
    webhooks,
)

NAMES = (
    "conversion", "sums", "drain", "storm", "paper", "backfill", "paced", "refreshes", "webhooks", "queues", "lists",
)  # fmt: skip


def main() -> int:  # noqa: C901 - one line for each of them
    """Run the benchmarks that were named, or all."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="which; all by default")
    parser.add_argument("--deals", type=int, default=10_000, help="deals of the backfill")
    parser.add_argument("--invoices", type=int, default=5_000, help="READY invoices that are drained")
    parser.add_argument("--rate", type=float, default=100, help="calls a second that the drain may make")
    parser.add_argument("--storm", type=int, default=4_000, help="invoices of the storm")
    parser.add_argument("--kills", type=int, default=1_000, help="workers that die in the storm")
    parser.add_argument("--seconds", type=int, default=60, help="how long webhooks are sent, twice")
    parser.add_argument("--tasks", type=int, default=50_000, help="batch tasks that wait")
    parser.add_argument("--webhooks", type=int, default=50, help="webhooks a second while they wait")
    parser.add_argument("--rows", type=int, default=1_000_000, help="invoices of the lists")
    options = parser.parse_args()
    names = options.names or list(NAMES)
    print(f"Python {platform.python_version()} on {os.cpu_count()} cores, {platform.machine()}\n")
    started = perf_counter()
    if "conversion" in names:
        conversion.run()
    if "sums" in names:
        sums.run()
    if "drain" in names:
        drain.run(options.invoices, options.rate)
    if "storm" in names:
        drain.run_storm(options.storm, options.kills)
    if "paper" in names:
        paper.run()
    if "backfill" in names:
        backfill.run(options.deals)
    if "paced" in names:
        backfill.run_paced(options.deals)
    if "refreshes" in names:
        refreshes.run()
    if "webhooks" in names:
        webhooks.run(2_000, options.seconds)
    if "queues" in names:
        queues.run(options.tasks, options.webhooks, options.seconds)
    if "lists" in names:
        lists.run(options.rows)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"All in {perf_counter() - started:.0f} s; this process peaked at {memory} MB.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
