"""Runs one command with a database and a broker in its environment, and takes both down after it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys

from dev import environment
from dev.children import end_process
from dev.say import Refusal
from dev.signals import postponed
from dev.stack import launching, stack


def run(words: list[str], *, test: bool) -> int:
    """Return the command's exit code; `test` uses the tests' own, faster and less careful database."""
    if not words:
        raise Refusal("Name the command to run after --, for example: python -m dev run -- python manage.py shell")
    home = environment.VAR / ("test" if test else "run")
    with launching(home), stack(home, durable=not test) as found:
        found.setdefault("TAXPOYNT_ENVIRONMENT", "sandbox")
        return _run(words, found, interactive=sys.stdin is not None and sys.stdin.isatty())


def _run(words: list[str], found: dict[str, str], *, interactive: bool) -> int:
    """Run it in a group of its own, so that it can be ended with all that it started.

    At a terminal it stays in the foreground's group instead: it could not read from it otherwise.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        with postponed():
            process = subprocess.Popen(words, cwd=environment.ROOT, env=found, process_group=None if interactive else 0)
        return _as_shells_say(process.wait())
    except FileNotFoundError as problem:
        raise Refusal(f"There is no command {words[0]}.", exit_code=127) from problem
    except KeyboardInterrupt:
        return _interrupted(process, passed_on=interactive)
    finally:
        if process is not None and (process.poll() is None or not interactive):
            end_process(process.pid, signal.SIGTERM, group=not interactive)


def _interrupted(process: subprocess.Popen[bytes] | None, *, passed_on: bool) -> int:
    """Return what the command makes of a Ctrl-C within 15 s; a terminal has passed it on already."""
    if process is None:
        return 130
    if not passed_on:
        process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return _as_shells_say(process.wait(15))
    return 130


def _as_shells_say(code: int) -> int:
    """Return an exit code for the one of Popen, which is negative for whom a signal ended."""
    return code if code >= 0 else 128 - code
