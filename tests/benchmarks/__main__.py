"""`make bench`: prints figures, each with what the machine could do at most. Benchmarks, not timed tests."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
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
    sales,
    sums,
    trouble,
    webhooks,
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How big the benchmarks are."""

    deals: int
    seconds: int
    rows: int
    invoices: int
    rate: float
    storm: int
    tasks: int
    webhooks: int
    sales: int


# Named ones run in full; all together they have to end while somebody waits.
FULL = Sizes(10_000, 60, 1_000_000, 5_000, 60, 4_000, 50_000, 50, 5_000_000)
REDUCED = Sizes(2_000, 15, 100_000, 500, 60, 400, 5_000, 50, 200_000)
KILLS_AN_INVOICE = 0.25
BENCHMARKS: dict[str, Callable[[Sizes, int], None]] = {
    "conversion": lambda _sizes, _kills: conversion.run(),
    "sums": lambda _sizes, _kills: sums.run(),
    "paper": lambda _sizes, _kills: paper.run(),
    "backfill": lambda sizes, _kills: backfill.run(sizes.deals),
    "paced": lambda sizes, _kills: backfill.run_paced(sizes.deals),
    "refreshes": lambda _sizes, _kills: refreshes.run(),
    "webhooks": lambda sizes, _kills: webhooks.run(2_000, sizes.seconds),
    "queues": lambda sizes, _kills: queues.run(sizes.tasks, sizes.webhooks, sizes.seconds),
    "queues-hubspot": lambda sizes, _kills: queues.run(sizes.tasks, sizes.webhooks, sizes.seconds, "hubspot"),
    "trouble": lambda sizes, _kills: trouble.run(sizes.deals // 20, sizes.seconds * 2),
    "lists": lambda sizes, _kills: lists.run(sizes.rows),
    "sales": lambda sizes, _kills: sales.run(sizes.sales),
    "drain": lambda sizes, _kills: drain.run(sizes.invoices, sizes.rate),
    "storm": lambda sizes, kills: drain.run_storm(sizes.storm, kills),
}


def main() -> int:
    """Run the benchmarks that were named, in full, or all of them, reduced."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which, in full; all, reduced, by default")
    parser.add_argument("--deals", type=int, help="deals of the backfill")
    parser.add_argument("--seconds", type=int, help="how long webhooks are sent, twice")
    parser.add_argument("--rows", type=int, help="invoices of the lists")
    parser.add_argument("--invoices", type=int, help="READY invoices that are drained")
    parser.add_argument("--rate", type=float, help="calls a second that the drain may make")
    parser.add_argument("--storm", type=int, help="invoices of the storm")
    parser.add_argument("--tasks", type=int, help="batch tasks that wait")
    parser.add_argument("--webhooks", type=int, help="webhooks a second while they wait")
    parser.add_argument("--sales", type=int, help="sales of tills that are stored already")
    parser.add_argument("--kills", type=int, help="workers that die in the storm; one for four invoices by default")
    options = parser.parse_args()
    sizes = _sizes(options)
    print(f"Python {platform.python_version()} on {os.cpu_count()} cores, {platform.machine()}\n")
    started = perf_counter()
    kills = round(sizes.storm * KILLS_AN_INVOICE) if options.kills is None else options.kills
    for name in options.names or BENCHMARKS:
        BENCHMARKS[name](sizes, kills)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"All in {perf_counter() - started:.0f} s; this process peaked at {memory} MB.")
    return 0


def _sizes(options: argparse.Namespace) -> Sizes:
    given = {
        "deals": options.deals,
        "seconds": options.seconds,
        "rows": options.rows,
        "invoices": options.invoices,
        "rate": options.rate,
        "storm": options.storm,
        "tasks": options.tasks,
        "webhooks": options.webhooks,
        "sales": options.sales,
    }
    chosen = {name: number for name, number in given.items() if number is not None}
    return replace(FULL if options.names else REDUCED, **chosen)


if __name__ == "__main__":
    sys.exit(main())
