"""How these commands speak: calm lines with the seconds a step took, and sentences when something is refused."""

from __future__ import annotations

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


def rewrite(text: str) -> None:
    """Print over the last line; on anything but a terminal, nothing."""
    if sys.stdout.isatty():
        print(f"\r\x1b[2K  {text}", end="", flush=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Name a step, and the seconds it took once it is done."""
    started = time.monotonic()
    rewrite(f"{name} …")
    yield
    mark = "\r\x1b[2K" if sys.stdout.isatty() else ""
    say(f"{mark}  {name} ({time.monotonic() - started:.1f} s)")
