"""Rolling windows of calls, as HubSpot counts them."""

import time
from collections import deque


class RollingWindow:
    """Allows `limit` calls in any `seconds`; a refused call is not counted."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._calls: deque[float] = deque()

    def take(self) -> bool:
        """Count one call; returns False when the window is full."""
        now = time.monotonic()
        while self._calls and self._calls[0] <= now - self.seconds:
            self._calls.popleft()
        if len(self._calls) >= self.limit:
            return False
        self._calls.append(now)
        return True

    @property
    def remaining(self) -> int:
        """How many calls the window still allows, as of the last call."""
        return self.limit - len(self._calls)
