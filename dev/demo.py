"""`make demo`: everything started, the main job done as a person would do it, and told in a table."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from dev.browser import Browser
from dev.environment import ROOT, VENV
from dev.ports import Ports
from dev.say import Refusal, rewrite, say, step
from dev.services import Services, end_orphans, settings_for
from dev.stack import is_free, stack
from dev.summary import print_addresses, print_summary
from dev.verdict import differences

PATIENCE = 120  # seconds for the main job; it takes about ten
PEOPLE = ("owner", "accountant", "operator", "viewer", "auditor")
PASSWORD = "taxpoynt-demo-2026"  # noqa: S105 - the demo's, printed for whoever runs it
UNFINISHED = ("ready", "submitting", "unknown")


def demo(*, once: bool) -> int:
    """Run the demo; with `once` end after the summary, with 0 only if the authority holds what it should."""
    home = ROOT / "var" / "demo"
    if is_free(home):
        end_orphans(home)  # before the ports are looked at: an orphan may hold one
    ports = Ports.from_environment()
    say("TaxPoynt demo")
    with _running(home, ports) as services:
        started = time.monotonic()
        progress = _main_job(ports, services)
        seconds = time.monotonic() - started
        faults = differences(f"http://127.0.0.1:{ports.sandbox}")
        print_summary(progress, seconds, faults)
        print_addresses(ports, PEOPLE, PASSWORD)
        if once:
            return 1 if faults else 0
        return _serve(services)


@contextmanager
def _running(home: Path, ports: Ports) -> Iterator[Services]:
    home.mkdir(parents=True, exist_ok=True)
    own_database = not os.environ.get("DATABASE_URL")
    with step("Starting database and broker" if own_database else "Looking for database and broker"):
        context = stack("demo", durable=True, fresh=True)
        environment = context.__enter__()
    try:
        environment["PATH"] = f"{VENV / 'bin'}{os.pathsep}{environment['PATH']}"
        services = Services(home, settings_for(environment, ports), ports)
        if not own_database:
            _check_unused(environment["DATABASE_URL"])
        try:
            _start(services)
            yield services
        finally:
            say("\n  Ending all processes.")
            services.end()
    finally:
        context.__exit__(None, None, None)


def _start(services: Services) -> None:
    with step("Starting the sandbox, and making the tables of a fresh database"):
        services.start_sandbox()
        services.manage("migrate", "--verbosity", "0")
    with step("Starting web, workers and beat, and making the demo's organization and people"):
        services.start_product()
        services.manage("setup_demo")
        services.wait()


def _check_unused(url: str) -> None:
    """Raise Refusal for a database of yours that holds a demo already: the sandbox's authority has forgotten it."""
    with psycopg.connect(url) as connection:
        there = connection.execute("SELECT to_regclass('accounts_organization')").fetchone()
        if there and there[0] and connection.execute("SELECT 1 FROM accounts_organization LIMIT 1").fetchone():
            raise Refusal(
                "DATABASE_URL points to a database that is in use already, and the demo would mix with what it holds. "
                "Give an empty database, or unset DATABASE_URL and one is started for you."
            )


def _main_job(ports: Ports, services: Services) -> dict[str, Any]:
    """Sign in as the owner, connect HubSpot through its consent page, and watch until all is signed or held."""
    browser = Browser(f"http://127.0.0.1:{ports.web}")
    with step("Signing in as the owner"):
        browser.open("/login/")
        browser.submit("", {"username": ""}, username=f"{PEOPLE[0]}@demo.example", password=PASSWORD)
    with step("Connecting HubSpot through its consent page"):
        browser.open("/connections/")
        browser.submit("/connect/hubspot/")
        answer = browser.submit("/oauth/authorize", {"decision": "approve"})
        found = re.search(r"/connections/(\d+)/", answer.url)
        if found is None:
            raise Refusal(f"The consent came back to {answer.url} and not to the connection.", exit_code=1)
    return _watch(browser, found[1], services)


def _watch(browser: Browser, connection: str, services: Services) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    last_line = 0.0
    while True:
        services.check()
        progress: dict[str, Any] = browser.get_json(f"/connections/{connection}/progress.json")
        line = _line(progress)
        rewrite(line)
        if not os.isatty(1) and time.monotonic() - last_line > 2:
            say(f"  {line}")
            last_line = time.monotonic()
        if _is_over(progress):
            rewrite("")
            return progress
        if time.monotonic() > deadline:
            raise Refusal(
                f"After {PATIENCE} s the main job is not over: {line}. The logs are in var/demo/log.", exit_code=1
            )
        time.sleep(0.25)


def _line(progress: dict[str, Any]) -> str:
    invoices = progress["invoices"]
    waiting = sum(invoices[name] for name in UNFINISHED)
    return (
        f"Sync {progress['status']} · {progress['read']} deals read · {invoices['signed']} signed · "
        f"{waiting} on their way · {invoices['draft']} held"
    )


def _is_over(progress: dict[str, Any]) -> bool:
    ended = progress["status"] in {"succeeded", "partial", "failed"}
    return ended and not progress["due_deals"] and not sum(progress["invoices"][name] for name in UNFINISHED)


def _serve(services: Services) -> int:
    say("\n  Serving until Ctrl-C.")
    while True:
        services.check()
        time.sleep(1)
