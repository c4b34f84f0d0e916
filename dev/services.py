"""The demo's processes: the sandbox, the web, one worker a queue, and beat."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

from dev.children import Child, command_of, end_process, is_alive
from dev.environment import ROOT
from dev.ports import Ports
from dev.say import Refusal
from dev.signals import postponed

REMEMBERED = "pids.json"  # a running demo's processes, for the next one after a hard death
QUEUES = {"high_priority": 1, "standard": 2, "batch": 1}  # worker processes of each


def settings_for(environment: dict[str, str], ports: Ports) -> dict[str, str]:
    """Return the environment in which everything points to the sandbox."""
    sandbox = f"http://127.0.0.1:{ports.sandbox}"
    ours = {
        **environment,
        "PYTHONUNBUFFERED": "1",
        "PUBLIC_URL": f"http://127.0.0.1:{ports.web}",
        "TAXPOYNT_ENVIRONMENT": "sandbox",
        "HUBSPOT_API_BASE": sandbox,
        "HUBSPOT_APP_BASE": sandbox,
        "HUBSPOT_CLIENT_ID": "sandbox-client",
        "HUBSPOT_CLIENT_SECRET": "sandbox-secret",
        "SQUARE_BASE": sandbox,
        "SQUARE_APPLICATION_ID": "sandbox-sq0idb-sandbox-client",
        "SQUARE_APPLICATION_SECRET": "sandbox-sq0csb-sandbox-secret",
        "SQUARE_WEBHOOK_KEYS": "demo-signature-key",
        "PAYSTACK_BASE": sandbox,
        "MBS_BASE_URL": sandbox,
        "MBS_CALLS_PER_SECOND": "0",
        "MBS_CALLS_PER_SECOND_PER_BUSINESS": "0",
        "LOG_JSON": "false",
    }
    ours.pop("DEBUG", None)  # the demo shows the product as it runs
    return ours


def end_orphans(home: Path) -> None:
    """End what a demo that was killed hard left running."""
    remembered = home / REMEMBERED
    with contextlib.suppress(OSError, ValueError):
        for pid, words in json.loads(remembered.read_text()):
            if is_alive(pid) and words in command_of(pid):
                end_process(pid, signal.SIGTERM, patience=3, group=True)
    remembered.unlink(missing_ok=True)


class Services:
    """Starts the demo's processes, watches them, and ends them."""

    def __init__(self, home: Path, environment: dict[str, str], ports: Ports) -> None:
        self._home = home
        self._environment = environment
        self._ports = ports
        self._children: list[Child] = []
        self._known: list[tuple[int, str]] = []
        self._remembered = home / REMEMBERED

    def manage(self, *words: str) -> None:
        """Run a management command; raises Refusal with the end of what it said."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
            raise Refusal(f"manage.py {words[0]} failed:\n{said}", exit_code=1)

    def start_sandbox(self) -> None:
        """Start the sandbox; it answers long before anybody asks it."""
        self._start("sandbox", "-m", "sandbox", "--port", str(self._ports.sandbox))

    def announce_changes(self) -> None:
        """Let the sandbox send both providers' webhooks to the web, signed as each of them does."""
        public, secret = self._environment["PUBLIC_URL"], self._environment["HUBSPOT_CLIENT_SECRET"]
        key = self._environment["SQUARE_WEBHOOK_KEYS"]
        self.control(
            "settings",
            webhook_target={"url": f"{public}/webhooks/hubspot/", "secret": secret},
            square_webhook_target={"url": f"{public}/webhooks/square/", "secret": key},
        )

    def control(self, what: str, **body: Any) -> None:
        """Do something in the sandbox as its people would."""
        with requests.Session() as session:
            session.trust_env = False  # no proxy between us and this machine
            address = f"http://127.0.0.1:{self._ports.sandbox}/_control/{what}"
            session.post(address, json=body, timeout=30).raise_for_status()

    def start_product(self) -> None:
        """Start the web, the workers and beat."""
        bind = f"127.0.0.1:{self._ports.web}"
        self._start(
            "web", "-m", "gunicorn", "taxpoynt.wsgi", "--bind", bind, "--workers", "1", "--threads", "8",
            "--worker-class", "gthread",
        )  # fmt: skip
        celery = ("-m", "celery", "-A", "taxpoynt")
        for queue, processes in QUEUES.items():
            self._start(
                f"worker-{queue}", *celery, "worker", "-Q", queue, "--concurrency", str(processes), "-n", f"{queue}@%h",
                "--without-mingle", "--without-gossip", "-l", "INFO",
            )  # fmt: skip
        scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
        self._start("beat", *celery, "beat", "--scheduler", scheduler, "--pidfile", "", "-l", "INFO")

    def wait(self) -> None:
        """Wait until the sandbox and the web answer."""
        self._wait_for("sandbox", f"http://127.0.0.1:{self._ports.sandbox}/api")
        self._wait_for("web", f"http://127.0.0.1:{self._ports.web}/readyz")

    def check(self) -> None:
        """Raise Refusal when one of them has ended by itself."""
        for child in self._children:
            if child.has_ended():
                raise Refusal(
                    f"The process “{child.name}” ended by itself. Its log, {child.log.relative_to(ROOT)}, ends:\n"
                    f"{child.last_lines()}",
                    exit_code=1,
                )

    def end(self) -> None:
        """End all of them, the last started first."""
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        for child in reversed(self._children):
            child.end(patience=8)
        self._remembered.unlink(missing_ok=True)

    def _start(self, name: str, *words: str) -> None:
        log = self._home / "log" / f"{name}.log"
        with postponed():
            child = Child(name, [sys.executable, *words], log=log, env=self._environment, cwd=ROOT)
            self._children.append(child)
            self._known.append((child.process.pid, " ".join(words[:6])))
            self._remembered.write_text(json.dumps(self._known))

    def _wait_for(self, name: str, address: str) -> None:
        deadline = time.monotonic() + 60
        with requests.Session() as session:
            session.trust_env = False  # no proxy between us and this machine
            while time.monotonic() < deadline:
                self.check()
                with contextlib.suppress(requests.RequestException):
                    if session.get(address, timeout=5).ok:
                        return
                time.sleep(0.1)
        raise Refusal(f"The process “{name}” did not answer at {address} within a minute.", exit_code=1)
