"""How an outage's backlog is handed in: the share of the allowed rate, and a storm ten times that of the tests."""

from __future__ import annotations

import multiprocessing
from time import perf_counter

from django.conf import settings
from django.db import connection as database
from django.test.utils import get_runner
from django_scopes import scope, scopes_disabled

from accounts.models import Organization
from invoices.models import Invoice, Status
from invoices.services.issuing import issue_drafts
from tests.benchmarks.backfill import forget_limits
from tests.factories import make_organization
from tests.invoices.making import make_business, make_connection, make_draft
from tests.invoices.storming import drafts_for_a_storm, ride_out, submit_at
from tests.oracle import accepted_twice, blind_resends, judge
from tests.sandbox_process import SandboxProcess

CHUNK = 100
WORKERS = 2
CALLS_EACH = 2  # validate and sign


def run(invoices: int, rate: float) -> None:
    """Drain READY invoices with several workers at an allowed rate of calls, and print the share that was used."""
    with _database() as organization, _sandbox(organization) as (sandbox, connection_id):
        _issue(organization, [make_draft(connection_id) for _ in range(invoices)])
        forget_limits()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.invoices.storming"])
        name = str(database.settings_dict["NAME"])
        started = perf_counter()
        workers = [context.Process(target=submit_at, args=(name, sandbox.url, rate)) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seconds = perf_counter() - started
        with scopes_disabled():
            signed = Invoice.objects.filter(status=Status.SIGNED).count()
        assert signed == invoices, f"{signed} of {invoices} were signed"
        used = signed * CALLS_EACH / seconds
        print(
            f"Drain of {invoices:,} READY invoices, {WORKERS} workers: {used:,.1f} calls/s of {rate:g} allowed, "
            f"{used / rate:.0%} (asked 90 %), {seconds:,.0f} s with the start of the workers.\n"
        )


def run_storm(invoices: int, kills: int) -> None:
    """Ride out a storm as in the tests, larger, and print how it ended."""
    with _database() as organization, _sandbox(organization) as (sandbox, connection_id):
        _issue(organization, drafts_for_a_storm(connection_id, invoices))
        sandbox.set(mbs_storm={"rate": 0.5, "seed": 7, "seconds": 0.1}, mbs_whole_quantity=True)
        started = perf_counter()
        with scopes_disabled():
            storm = ride_out(sandbox.url, kills=kills)
        seconds = perf_counter() - started
        log = sandbox.get("/_control/mbs/log")
        twice, blind = len(accepted_twice(log)), len(blind_resends(log))
        told = ", ".join(f"{count:,} {status}" for status, count in sorted(storm.statuses.items()))
        print(
            f"Storm: {invoices:,} invoices, half of all answers faulty, {storm.kills:,} workers killed -9: {told}; "
            f"{twice} accepted twice, {blind} blind resends, {len(judge(log)):,} numbers, {seconds:,.0f} s.\n"
        )
        assert not twice
        assert not blind
        assert set(storm.statuses) <= {Status.SIGNED, Status.REJECTED}


class _database:  # noqa: N801 - reads as the statement that it is
    """A test database with one organization; gone afterwards."""

    def __enter__(self) -> Organization:
        self.runner = get_runner(settings)(verbosity=0, interactive=False)
        self.old = self.runner.setup_databases()
        settings.MBS_RESOLVE_WAIT_SECONDS = 0
        return make_organization("adupe")

    def __exit__(self, *_: object) -> None:
        self.runner.teardown_databases(self.old)


class _sandbox:  # noqa: N801
    """The sandbox, with a profile and an account for the organization."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization

    def __enter__(self) -> tuple[SandboxProcess, int]:
        self.process = SandboxProcess(deals=1)
        settings.MBS_BASE_URL = self.process.url
        with scope(organization=self.organization):
            make_business(self.organization, self.process.get("/_control/businesses")[0])
            connection = make_connection(self.organization)
        return self.process, connection.pk

    def __exit__(self, *_: object) -> None:
        self.process.stop()


def _issue(organization: Organization, drafts: list[object]) -> None:
    with scope(organization=organization):
        for start in range(0, len(drafts), CHUNK):
            issue_drafts(organization=organization, drafts=drafts[start : start + CHUNK])  # type: ignore[arg-type]
