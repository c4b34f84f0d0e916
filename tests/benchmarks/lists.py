"""The lists of invoices at a million rows: every address through the real views, in order of a shuffle."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.test import Client
from django.test.utils import get_runner

from accounts.lists import COUNTED
from accounts.models import Role
from tests.factories import make_member, make_user
from tests.invoices.lists import ADMIN, LISTS, Listed
from tests.invoices.many import Tenant, fill

ROUNDS = 10
TARGET_MS = 300
BACKEND = "django.contrib.auth.backends.ModelBackend"


def run(rows: int) -> None:
    """Fill a database, ask for every list some rounds over, and print the percentiles of each and of all."""
    runner = get_runner(settings)(verbosity=0, interactive=False)
    settings.ALLOWED_HOSTS = ["testserver"]  # and not Django's own preparation, which copies each template's context
    names = runner.setup_databases()
    try:
        started = perf_counter()
        tenants = fill(rows)
        with database.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE invoices_invoice")  # as autovacuum leaves it
        print(f"{rows:,} invoices made in {perf_counter() - started:.0f} s.")
        for tenant in (tenants[0], tenants[-1]):
            print(f"Lists of an organization with {tenant.rows:,} of {rows:,} invoices, ms:")
            _report(measure(tenant, ROUNDS))
    finally:
        runner.teardown_databases(names)


@dataclass(slots=True)
class Taken:
    """The seconds that one list took, from the request to the answer, and those of them that the database took."""

    whole: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)


def measure(tenant: Tenant, rounds: int) -> dict[Listed, Taken]:
    """Return what each list took; the organization's owner asks, and staff in the admin."""
    owner, staff = Client(), Client()
    owner.force_login(make_member(tenant.organization, Role.OWNER), backend=BACKEND)
    staff.force_login(make_user(is_staff=True, is_superuser=True), backend=BACKEND)
    organization = tenant.organization.pk
    took = {listed: Taken() for listed in LISTS}
    for asked in (owner.get("/invoices/changes/"), staff.get("/admin/")):  # what every page loads once
        assert asked.status_code == 200, asked
    for turn in range(rounds):
        for listed in random.Random(turn).sample(LISTS, len(LISTS)):
            queries: list[float] = []
            started = perf_counter()
            with database.execute_wrapper(clock(queries)):
                answer = (staff if listed.path == ADMIN else owner).get(listed.address(organization, COUNTED))
            took[listed].whole.append(perf_counter() - started)
            took[listed].database.append(sum(queries))
            assert answer.status_code == 200, (listed.name, answer.status_code)
    return took


def clock(taken: list[float]) -> Callable[..., Any]:
    """Return a wrapper of statements that adds the seconds of each to `taken`."""

    def timed(execute: Callable[..., Any], *arguments: Any) -> Any:
        started = perf_counter()
        try:
            return execute(*arguments)
        finally:
            taken.append(perf_counter() - started)

    return timed


def _report(took: dict[Listed, Taken]) -> None:
    print(f"  {'':<34}{'p50':>8}{'p95':>8}{'p99':>8}   in the database p50, p95")
    for listed, taken in took.items():
        _line(listed.name, taken)
    every = took.values()
    _line("all of them", Taken([s for each in every for s in each.whole], [s for each in every for s in each.database]))
    slow = [listed.name for listed, taken in took.items() if at(taken.whole, 0.95) > TARGET_MS]
    print(f"  asked: p95 below {TARGET_MS}; above it: {', '.join(slow) or 'none'}\n")


def _line(name: str, taken: Taken) -> None:
    whole = "".join(f"{at(taken.whole, share):>8.0f}" for share in (0.5, 0.95, 0.99))
    print(f"  {name:<34}{whole}   {at(taken.database, 0.5):>8.0f}{at(taken.database, 0.95):>8.0f}")


def at(seconds: list[float], share: float) -> float:
    """Return the milliseconds that such a share took at most."""
    in_order = sorted(seconds)
    return in_order[min(len(in_order) - 1, int(len(in_order) * share))] * 1000
