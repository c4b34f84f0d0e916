"""How often a token is refreshed when many processes find it expired at the same moment."""

from __future__ import annotations

import multiprocessing
from time import perf_counter

import requests
from django.conf import settings
from django.db import connection as database_in_use
from django.test.utils import get_runner
from django_scopes import scope

from accounts.models import Organization
from integrations.base.auth import CredentialManager, OAuthHandler
from integrations.base.registry import get_connector_class
from integrations.models import Connection
from integrations.services.connections import connect_account
from tests.benchmarks.refresher import expire_and_call
from tests.sandbox_process import SandboxProcess

PROCESSES, EXPIRIES = 20, 50
TOKEN_PATH = "/oauth/2026-03/token"


def race(*, database: str, url: str, connection_id: int, processes: int, expiries: int) -> list[int | None]:
    """Return the processes' exit codes; they use the database and the sandbox that are named."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(processes)
    runners = [
        context.Process(target=expire_and_call, args=(database, url, connection_id, expiries, together, number == 0))
        for number in range(processes)
    ]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(300)
        if runner.is_alive():
            runner.kill()
    return [runner.exitcode for runner in runners]


def connected(sandbox: SandboxProcess, organization: Organization) -> Connection:
    """Return a connection by a consent that was approved without its page."""
    back = "http://localhost/back"
    form = {
        "client_id": settings.HUBSPOT_CLIENT_ID, "redirect_uri": back, "decision": "approve",
        "scope": " ".join(get_connector_class("hubspot").oauth().scopes),
    }  # fmt: skip
    answer = requests.post(f"{sandbox.url}/oauth/authorize", data=form, allow_redirects=False, timeout=10)
    code = answer.headers["Location"].rpartition("code=")[2]
    tokens = OAuthHandler("hubspot", CredentialManager()).exchange_code_for_token(code, back)
    return connect_account(organization=organization, provider="hubspot", tokens=tokens)


def refreshes(sandbox: SandboxProcess) -> int:
    """Return how many calls the token endpoint has had."""
    return int(sandbox.received()["hubspot"]["by_path"].get(TOKEN_PATH, 0))


def run() -> None:
    """Print the calls of 20 processes that meet 50 expiries."""
    runner = get_runner(settings)(verbosity=0, interactive=False)
    names = runner.setup_databases()
    sandbox = SandboxProcess(deals=1)
    try:
        settings.HUBSPOT_API_BASE = sandbox.url
        settings.HUBSPOT_CLIENT_ID, settings.HUBSPOT_CLIENT_SECRET = "sandbox-client", "sandbox-secret"
        organization = Organization.objects.create(slug="bench", name="Bench Works Ltd")
        with scope(organization=organization):
            connection = connected(sandbox, organization)
            before, started = refreshes(sandbox), perf_counter()
            codes = race(
                database=str(database_in_use.settings_dict["NAME"]), url=sandbox.url, connection_id=connection.pk,
                processes=PROCESSES, expiries=EXPIRIES,
            )  # fmt: skip
            asked = refreshes(sandbox) - before
    finally:
        sandbox.stop()
        runner.teardown_databases(names)
    print(f"Refreshes: {PROCESSES} processes × {EXPIRIES} expiries made {asked} refresh calls (limit: {EXPIRIES}),")
    print(
        f"  {sum(code != 0 for code in codes)} processes failed, {perf_counter() - started:.0f} s with their starts.\n"
    )
