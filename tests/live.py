"""Real processes of the product on the tests' database: workers and beat that may be killed, and a web process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection as database

from tests.webhook_signing import SECRET

ROOT = Path(__file__).resolve().parents[1]
BEAT = ("beat", "--scheduler", "django_celery_beat.schedulers:DatabaseScheduler", "--pidfile", "")


def environment(*, broker_url: str, sandbox_url: str, **more: str) -> dict[str, str]:
    """Return the environment of a process that works on the tests' database with this broker and this provider."""
    facts = database.settings_dict
    address = f"{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
    return {
        **os.environ,
        "DATABASE_URL": f"postgresql://{address}",
        "REDIS_URL": broker_url,
        "HUBSPOT_API_BASE": sandbox_url,
        "HUBSPOT_WEBHOOK_SECRET": SECRET,
        "MBS_BASE_URL": sandbox_url,
        "MBS_CALLS_PER_SECOND": "0",
        "MBS_CALLS_PER_SECOND_PER_BUSINESS": "0",
        "TAXPOYNT_ENVIRONMENT": "sandbox",
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "taxpoynt.settings",
        **more,
    }


class Live:
    """Starts processes that share one environment, and ends those that are left."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self.env = env
        self.log = log
        self.processes: list[subprocess.Popen[bytes]] = []

    def worker(self, queues: str = "high_priority,standard,batch", *words: str) -> subprocess.Popen[bytes]:
        """Start a worker of some queues."""
        name = f"w{len(self.processes)}@{os.getpid()}"
        quiet = ("--without-mingle", "--without-gossip", "-l", "WARNING")
        return self.celery("worker", "-Q", queues, "-c", "2", "-n", name, *quiet, *words)

    def beat(self) -> subprocess.Popen[bytes]:
        """Start beat with the schedule of the database."""
        return self.celery(*BEAT, "-l", "WARNING")

    def celery(self, *words: str) -> subprocess.Popen[bytes]:
        """Start one of Celery's programs, in a process group of its own."""
        return self.start(sys.executable, "-m", "celery", "-A", "taxpoynt", *words)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program, in a process group of its own."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env=self.env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process and its children as a power cut would."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        self.processes.remove(process)

    def end(self) -> None:
        """End what is left."""
        for process in list(self.processes):
            self.kill(process)


def wait_until(is_so: Callable[[], Any], seconds: float, what: str) -> float:
    """Return after how many seconds something was so; raises AssertionError when it was not in time."""
    started = time.monotonic()
    while not is_so():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - started
