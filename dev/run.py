"""Runs one command with a database and a broker in its environment, and takes both down after it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

from dev.children import end_process
from dev.environment import ROOT, VENV
from dev.say import Refusal
from dev.stack import stack


def run(words: list[str], *, test: bool) -> int:
    """Return the command's exit code; `test` uses the tests' own, faster and less careful database."""
    if not words:
        raise Refusal("Name the command to run after --, for example: python -m dev run -- python manage.py shell")
    with stack("test" if test else "run", durable=not test) as environment:
        environment["PATH"] = f"{VENV / 'bin'}{os.pathsep}{environment['PATH']}"
        environment.setdefault("TAXPOYNT_ENVIRONMENT", "sandbox")
        interactive = sys.stdin is not None and sys.stdin.isatty()
        # Its own group, so that it can be ended with all that it started; at a terminal it must stay in the
        # foreground's group to read from it.
        process = subprocess.Popen(words, cwd=ROOT, env=environment, process_group=None if interactive else 0)
        try:
            return _wait(process)
        finally:
            if process.poll() is None or not interactive:
                end_process(process.pid, signal.SIGTERM, group=not interactive)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for it; a Ctrl-C is passed on once, and what the command makes of it within 15 s is its answer."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(15)
        return 130
