"""`make demo`: everything started, the main job done as a person would do it, and told in a table."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from dev import environment, template
from dev.browser import Browser
from dev.ports import Ports
from dev.say import Refusal, on_terminal, rewrite, say, step
from dev.services import Services, end_orphans, settings_for
from dev.signals import ignore_signals
from dev.stack import launching, stack
from dev.summary import print_addresses, print_summary
from dev.verdict import differences

PATIENCE = 120  # seconds for the main job; it takes about ten
PEOPLE = ("owner", "accountant", "operator", "viewer", "auditor")
PASSWORD = "taxpoynt-demo-2026"  # noqa: S105 - the demo's, printed for whoever runs it
UNFINISHED = ("ready", "submitting", "unknown")


def demo(*, once: bool) -> int:
    """Run the demo; with `once` end after the summary, with 0 only if the authority holds what it should."""
    ports = Ports.from_environment()
    home = environment.VAR / "demo"
    with launching(home):
        end_orphans(home)  # before the ports are looked at: an orphan may hold one
        ports.check_free()
        say("TaxPoynt demo")
        with _running(home, ports) as services:
            return _show(services, ports, once=once)


def _show(services: Services, ports: Ports, *, once: bool) -> int:
    started = time.monotonic()
    try:
        progress = _main_job(ports, services)
    except Refusal:
        services.check()  # a process that ended says more than the page that did not answer
        raise
    seconds = time.monotonic() - started
    faults = differences(f"http://127.0.0.1:{ports.sandbox}")
    if not _is_over(progress):
        faults.append(f"After {PATIENCE} s the main job is not over. The logs are in var/demo/log.")
    print_summary(progress, seconds, faults)
    _connect_tills(ports, services)
    print_addresses(ports, PEOPLE, PASSWORD)
    if once:
        return 1 if faults else 0
    return _serve(services)


@contextmanager
def _running(home: Path, ports: Ports) -> Iterator[Services]:
    with ExitStack() as ends:
        with step("Starting database and broker"):
            found = ends.enter_context(stack(home, durable=True, fresh=True))
        _check_yours()
        services = Services(home, settings_for(found, ports), ports)
        ends.callback(services.end)
        ends.callback(_say_ending)
        _start(services, found["DATABASE_URL"])
        yield services


def _say_ending() -> None:
    ignore_signals()
    with contextlib.suppress(OSError):  # a terminal that has closed is no reason to leave anything running
        say("\n  Ending all processes.")


def _start(services: Services, url: str) -> None:
    with step("Starting the sandbox, and making the tables of a fresh database"):
        services.start_sandbox()
        _make_tables(services, url)
    with step("Starting web, workers and beat, and making the demo's organization and people"):
        services.start_product()
        services.manage("setup_demo")
        services.wait()
        services.announce_changes()


def _make_tables(services: Services, url: str) -> None:
    """Migrate; in a cluster of ours keep the outcome, and copy it from the second start on."""
    ours = not os.environ.get("DATABASE_URL")
    if ours and template.restore(url):
        return
    services.manage("migrate", "--verbosity", "0")
    if ours:
        template.keep(url)


def _check_yours() -> None:
    """Raise Refusal when the database or the broker that you named does not answer, or is in use already."""
    if url := os.environ.get("DATABASE_URL"):
        try:
            with psycopg.connect(url, connect_timeout=5) as connection:
                _check_unused(connection)
        except psycopg.Error as problem:
            raise Refusal(
                "The database that DATABASE_URL names did not answer. Check that PostgreSQL runs there, "
                f"or unset DATABASE_URL and one is started for you.\n  ({problem})"
            ) from problem
    if url := os.environ.get("REDIS_URL"):
        try:
            with redis.Redis.from_url(url, socket_connect_timeout=5) as broker:
                broker.ping()
        except (redis.RedisError, ValueError) as problem:
            raise Refusal(
                "The broker that REDIS_URL names did not answer. Check that it runs there, "
                f"or unset REDIS_URL and one is started for you.\n  ({problem})"
            ) from problem


def _check_unused(connection: psycopg.Connection[Any]) -> None:
    """Raise Refusal for a database that holds a demo already: the sandbox's authority has forgotten it."""
    there = connection.execute("SELECT to_regclass('accounts_organization')").fetchone()
    if there and there[0] and connection.execute("SELECT 1 FROM accounts_organization LIMIT 1").fetchone():
        raise Refusal(
            "DATABASE_URL points to a database that is in use already, and the demo would mix with what it holds. "
            "Give an empty database, or unset DATABASE_URL and one is started for you."
        )


def _signed_in(ports: Ports) -> Browser:
    browser = Browser(f"http://127.0.0.1:{ports.web}")
    browser.open("/login/")
    browser.submit("", {"username": ""}, username=f"{PEOPLE[0]}@demo.example", password=PASSWORD)
    return browser


def _main_job(ports: Ports, services: Services) -> dict[str, Any]:
    """Sign in as the owner, connect HubSpot through its consent page, and watch until all is signed or held."""
    with step("Signing in as the owner"):
        browser = _signed_in(ports)
    with step("Connecting HubSpot through its consent page"):
        browser.open("/connections/")
        browser.submit("/connect/hubspot/")
        answer = browser.submit("/oauth/authorize", {"decision": "approve"})
        found = re.search(r"/connections/(\d+)/", answer.url)
        if found is None:
            raise Refusal(f"The consent came back to {answer.url} and not to the connection.", exit_code=1)
    return _watch(browser, found[1], services)


def _connect_tills(ports: Ports, services: Services) -> None:
    """Connect Square through its consent page, with a week of sales behind it; new ones arrive by webhook."""
    browser = _signed_in(ports)
    with step("Connecting Square through its consent page"):
        services.control("square/history", sales=60, days=7)
        browser.open("/connections/")
        browser.submit("/connect/square/")
        answer = browser.submit("/oauth2/authorize", decision="allow")
        if not re.search(r"/connections/(\d+)/", answer.url):
            raise Refusal(f"The consent came back to {answer.url} and not to the connection.", exit_code=1)


def _watch(browser: Browser, connection: str, services: Services) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    last_line = 0.0
    while True:
        services.check()
        progress: dict[str, Any] = browser.get_json(f"/connections/{connection}/progress.json")
        line = _line(progress)
        rewrite(line)
        if not on_terminal() and time.monotonic() - last_line > 2:
            say(f"  {line}")
            last_line = time.monotonic()
        if _is_over(progress) or time.monotonic() > deadline:
            rewrite("")
            return progress
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
