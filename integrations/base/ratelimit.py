"""Keeps below a provider's limit by what its own answers say about it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping


class WindowPacer:
    """Spreads the calls of one client over a rolling window.

    It learns the window from two headers of the answers, one with the number of calls and one with the milliseconds,
    and leaves a reserve for real-time work; a provider that sends none is not paced. Safe for threads.
    """

    reserve_share = 0.1

    def __init__(self, limit_header: str = "", window_header: str = "") -> None:
        self._limit_header = limit_header
        self._window_header = window_header
        self._lock = threading.Lock()
        self._sent: deque[float] = deque()
        self._limit = 0
        self._window = 10.0

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take the limit from an answer's headers."""
        limit = headers.get(self._limit_header, "")
        if not limit.isdigit():
            return
        window = headers.get(self._window_header, "")
        with self._lock:
            self._limit = max(1, int(int(limit) * (1 - self.reserve_share)))
            self._window = int(window) / 1000 if window.isdigit() else 10.0

    def wait(self) -> float:
        """Sleep until a call may go out; return the seconds slept."""
        slept = 0.0
        while True:
            with self._lock:
                pause = self._pause(time.monotonic())
                if not pause:
                    self._sent.append(time.monotonic())
                    return slept
            time.sleep(pause)
            slept += pause

    def _pause(self, now: float) -> float:
        while self._sent and self._sent[0] <= now - self._window:
            self._sent.popleft()
        if not self._limit or len(self._sent) < self._limit:
            return 0.0
        return self._sent[0] + self._window - now + 0.01
