"""How Ctrl-C, `kill` and a closed terminal end us: by one exception, and never with a child half registered."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Signals that came while a child was being started; None while none is. A process has one set of handlers, so this
# is the module's and no object's.
_postponed: list[int] | None = None


def _end(number: int, _: object) -> None:
    if _postponed is not None:
        _postponed.append(number)
        return
    ignore_signals()  # here and not later: an impatient second signal must not leave a server behind
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


@contextmanager
def ends_in_order() -> Iterator[None]:
    """Turn the signals that end us into an exception, so that everything is taken down in its order, undisturbed.

    Once the way out has begun they stay ignored: a second one that comes as the interpreter ends would change our exit
    code.
    """
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        if number != signal.SIGHUP or before[number] != signal.SIG_IGN:  # nohup wants us to stay
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is _end:
                signal.signal(number, handler)


@contextmanager
def postponed() -> Iterator[None]:
    """Let a signal wait until a child that is being started is known to whoever will end it."""
    global _postponed
    _postponed = []
    try:
        yield
    finally:
        came, _postponed = _postponed, None
        if came:
            _end(came[0], None)


def ignore_signals() -> None:
    """Let nothing interrupt the way out."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
