"""How these commands speak: calm lines with the seconds a step took, and sentences when something is refused."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Refusal(Exception):
    """Something that cannot go on; `str()` is the sentence for people."""

    def __init__(self, sentence: str, exit_code: int = 2) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def say(text: str = "") -> None:
    """Print a line at once."""
    print(text, flush=True)


def complain(text: str) -> None:
    """Print a line to the error stream at once."""
    print(text, file=sys.stderr, flush=True)


def on_terminal() -> bool:
    """Tell whether a line can be written over."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def rewrite(text: str) -> None:
    """Print over the last line of a terminal; on anything else, nothing."""
    if on_terminal():
        width = shutil.get_terminal_size().columns
        print(f"\r\x1b[2K{('  ' + text)[: width - 1]}", end="", flush=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Name a step before it starts and, on the same line, the seconds it took once it is done."""
    started = time.monotonic()
    print(f"  {name} … ", end="", flush=True)
    try:
        yield
    except BaseException:
        say()
        raise
    say(f"{time.monotonic() - started:.1f} s")
