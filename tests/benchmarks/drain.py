"""Drains READY invoices with several workers at an allowed rate, and without one."""

from __future__ import annotations

import multiprocessing
from collections import deque

from django.conf import settings
from django.db import connection as database_in_use
from django.test.utils import get_runner
from django_scopes import scope

from invoices.models import Invoice, Status
from invoices.services.issuing import issue_drafts
from tests.benchmarks.drainer import drain
from tests.factories import make_organization
from tests.invoices.making import make_business, make_connection, make_draft
from tests.sandbox_process import SandboxProcess

WORKERS = 4
ALLOWED = 60  # calls a second; an invoice takes two
UNPACED = 400  # invoices


def run(invoices: int) -> None:
    """Print the share of the allowed rate that the workers come to, and what they would do without one."""
    runner = get_runner(settings)(verbosity=0, interactive=False)
    names = runner.setup_databases()
    sandbox = SandboxProcess(deals=1)
    try:
        organization = make_organization("drain")
        with scope(organization=organization):
            make_business(organization, sandbox.get("/_control/businesses")[0])
            account = make_connection(organization)
            print(f"Drain, {WORKERS} workers, two calls an invoice:")
            for number, allowed in ((UNPACED, 0), (invoices, ALLOWED)):
                drafts = [make_draft(account.pk) for _ in range(number)]
                issue_drafts(organization=organization, drafts=drafts)
                _let_workers_drain(sandbox.url, allowed)
                _report(sandbox, number, allowed)
            left = Invoice.objects.exclude(status=Status.SIGNED).count()
            print(f"  not signed at the end: {left}\n")
    finally:
        sandbox.stop()
        runner.teardown_databases(names)


def _let_workers_drain(url: str, allowed: int) -> None:
    context = multiprocessing.get_context("spawn")
    name = str(database_in_use.settings_dict["NAME"])
    workers = [context.Process(target=drain, args=(name, url, allowed)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {worker.exitcode for worker in workers} == {0}


def _report(sandbox: SandboxProcess, number: int, allowed: int) -> None:
    log = sandbox.get("/_control/mbs/log")
    at = [float(entry["at"]) for entry in log][-2 * number :]
    rate = (len(at) - 1) / (at[-1] - at[0])
    share = f"{rate / allowed:.1%} of it (asked: 90 %)" if allowed else "what this machine can do, the sandbox on it"
    bound = f"{allowed} calls/s allowed" if allowed else "without a pace"
    print(f"  {number:,} invoices, {bound}: {rate:.1f} calls/s, {share}; most in a second {_most(at)}")


def _most(at: list[float]) -> int:
    """Return the largest number of calls in any one second."""
    window: deque[float] = deque()
    most = 0
    for moment in at:
        window.append(moment)
        while window[0] <= moment - 1:
            window.popleft()
        most = max(most, len(window))
    return most
