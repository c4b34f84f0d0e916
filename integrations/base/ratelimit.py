"""Keeps below a provider's limits: one window of calls for each account, shared by all processes through Redis."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

import redis
import structlog
from django.conf import settings

logger = structlog.get_logger(__name__)

GENERAL = "general"
# Of each window a little is left to urgent work at any time, and a fifth once urgent work had to wait.
RESERVE, RESERVE_WHEN_WAITED_FOR = 0.04, 0.2
MARGIN = 0.1  # seconds: a call arrives later than it is sent, and the provider counts arrivals
LONGEST_WAIT = 86_400.0  # a day: whatever is asked for, it is tried again then
LIMIT_KEPT = 3600  # seconds for which other processes believe a limit that one of them learned
REDIS_AWAY = 5.0  # seconds for which a process paces by itself when Redis did not answer

# Takes a place in the window or returns the microseconds until one is free. KEYS: the calls, the mark that urgent work
# waits. ARGV: window in microseconds, places for this caller, places for it while the mark stands, urgent, a name.
TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])
local places = tonumber(ARGV[2])
if ARGV[4] == '0' and redis.call('EXISTS', KEYS[2]) == 1 then places = tonumber(ARGV[3]) end
local taken = redis.call('ZCARD', KEYS[1])
if taken < places then
  redis.call('ZADD', KEYS[1], now, ARGV[5])
  redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] / 1000))
  return 0
end
if ARGV[4] == '1' then redis.call('SET', KEYS[2], '1', 'PX', 2000) end
local first = redis.call('ZRANGE', KEYS[1], taken - places, taken - places, 'WITHSCORES')
return math.max(1000, tonumber(first[2]) + ARGV[1] - now)
"""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What a provider says about its limits.

    `limit_header` and `window_header` name the answer headers with the calls in a window and its milliseconds; a
    provider that sends none is not paced. `lanes` are kinds of calls with a limit of their own: (calls, seconds).
    """

    limit_header: str = ""
    window_header: str = ""
    lanes: Mapping[str, tuple[int, float]] = field(default_factory=dict)


def wait_in(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer's headers ask to wait, a day at most; None when they name none."""
    asked = headers.get("Retry-After", "")
    if not (asked.isascii() and asked.replace(".", "", 1).isdigit()):
        return None
    return min(float(asked), LONGEST_WAIT)


class AccountPacer:
    """Spreads the calls to one account over the provider's window, whatever process they come from.

    `account` names the account to all processes; without one, and while Redis is away, a process paces by itself.
    Work that is not `urgent` leaves a part of the window to work that is. Safe for threads.
    """

    def __init__(self, limits: RateLimits, account: str = "", *, urgent: bool = False) -> None:
        self._limits = limits
        self._account = account
        self._urgent = urgent
        self._lock = threading.Lock()
        self._sent: dict[str, deque[float]] = {}
        self._window: tuple[int, float] | None = None
        self._alone_until = 0.0

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take the limit from an answer's headers, for this process and the others."""
        limit = headers.get(self._limits.limit_header, "")
        if not limit.isdigit():
            return
        milliseconds = headers.get(self._limits.window_header, "")
        window = (max(1, int(limit)), int(milliseconds) / 1000 if milliseconds.isdigit() else 10.0)
        if window != self._window:
            self._window = window
            self._ask(lambda redis_: redis_.set(self._key("limit"), f"{window[0]} {window[1]}", ex=LIMIT_KEPT))

    def wait(self, lane: str = GENERAL) -> float:
        """Sleep until a call may go out; return the seconds slept."""
        slept = 0.0
        while pause := self._take(lane):
            time.sleep(pause)
            slept += pause
        return slept

    def _take(self, lane: str) -> float:
        if self._window is None:
            self._window = self._learned()
        if self._window is None:
            return 0.0  # nothing says that this account's calls are counted at all
        calls, seconds = self._limits.lanes.get(lane, self._window)
        window = seconds + MARGIN
        places = calls if self._urgent else max(1, calls - max(1, round(calls * RESERVE)))
        yielding = max(1, round(calls * (1 - RESERVE_WHEN_WAITED_FOR)))
        arguments = [int(window * 1e6), places, yielding, int(self._urgent), uuid4().hex]
        wait = self._ask(
            lambda redis_: script(redis_, TAKE)(keys=[self._key(lane), self._key("urgent")], args=arguments)
        )
        return self._take_alone(lane, places, window) if wait is None else float(wait) / 1e6

    def _take_alone(self, lane: str, places: int, window: float) -> float:
        with self._lock:
            sent, now = self._sent.setdefault(lane, deque()), time.monotonic()
            while sent and sent[0] <= now - window:
                sent.popleft()
            if len(sent) < places:
                sent.append(now)
                return 0.0
            return sent[0] + window - now + 0.001

    def _learned(self) -> tuple[int, float] | None:
        kept = self._ask(lambda redis_: redis_.get(self._key("limit")))
        if not kept:
            return None
        calls, seconds = bytes(kept).decode().split()
        return int(calls), float(seconds)

    def _ask(self, question: Callable[[redis.Redis], Any]) -> Any:
        """Return what Redis answers, None without an account or while Redis is away."""
        if not self._account or time.monotonic() < self._alone_until:
            return None
        try:
            return question(server())
        except redis.RedisError as problem:
            logger.warning("pacing_alone", account=self._account, reason=type(problem).__name__)
            self._alone_until = time.monotonic() + REDIS_AWAY
            return None

    def _key(self, name: str) -> str:
        """Return a key of this installation: a broker may serve several, and an account's name is a row's number."""
        return f"pace:{{{settings.DATABASES['default']['NAME']}:{self._account}}}:{name}"


@cache
def server() -> redis.Redis:
    """Return this process's pooled connection; it must never hold a call up for long."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)


@cache
def script(of: redis.Redis, text: str) -> Callable[..., object]:
    """Return a script as a function, which sends its text only where it is not known yet."""
    registered: Callable[..., object] = of.register_script(text)
    return registered
