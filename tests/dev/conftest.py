"""Launchers that run in folders of their own, and leave nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev.environment import ROOT
from dev.postgres import Postgres

# The command line, with what it makes kept in a folder of its own; tests that run under nohup must not pass that on.
COMMAND = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from pathlib import Path
from dev import environment
environment.VAR = Path(sys.argv.pop(1))
from dev.__main__ import main
sys.exit(main())
"""

Launch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Return what starts `python -m dev WORDS` in tmp_path; all that it started is gone after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **variables: str) -> subprocess.Popen[str]:
        ours = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(tmp_path), *words],
            cwd=ROOT,
            env={**ours, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)
    for lock in tmp_path.glob("*/lock"):
        Postgres(lock.parent, durable=False).remove()
