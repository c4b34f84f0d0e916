"""Keeps a steady pace where a limit is ours to choose: calls leave one by one, whatever process they come from.

Each caller takes the next free instant and sleeps until it comes. A system that asks for a wait moves the instant for
everybody. Nobody may hold a transaction or a row lock while waiting here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import redis
import structlog
from django.conf import settings

from integrations.base.ratelimit import REDIS_AWAY, script, server, wait_in

logger = structlog.get_logger(__name__)

HEADROOM = 0.97  # of the calls allowed: they arrive less evenly than they leave
BURST = 0.05  # seconds of unused calls that may be made up for, so that a late start costs no place
LONGEST_SLEEP = 30.0  # seconds; a caller under way goes on then, whoever has not begun asks held_for() first
LONGEST_HOLD = 3600.0

# Takes the next instant; returns the microseconds until it. KEYS: the next free instant, the end of a hold.
# ARGV: microseconds between two calls, those that may be made up for.
TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now - ARGV[2])
local held = tonumber(redis.call('GET', KEYS[2]) or 0)
if ARGV[1] ~= '0' then
  redis.call('SET', KEYS[1], string.format('%.0f', at + ARGV[1]), 'PX', 120000)
end
return math.max(0, at - now, held - now)
"""
# Lets nobody begin for so many microseconds; the longer of two holds stays. KEYS: the end of the hold. ARGV: how long.
HOLD = """
local t = redis.call('TIME')
local ends = t[1] * 1000000 + t[2] + ARGV[1]
if tonumber(redis.call('GET', KEYS[1]) or 0) < ends then
  redis.call('SET', KEYS[1], string.format('%.0f', ends), 'PX', math.ceil(ARGV[1] / 1000))
end
return 0
"""
# Returns the microseconds that a hold lasts.
HELD = """
local t = redis.call('TIME')
return math.max(0, tonumber(redis.call('GET', KEYS[1]) or 0) - (t[1] * 1000000 + t[2]))
"""


class SteadyPace:
    """So many calls a second under one name; 0 counts none but still keeps a hold.

    While Redis is away a process keeps the pace by itself. Safe for threads.
    """

    def __init__(self, name: str, calls_a_second: float) -> None:
        self._keys = [_key(name, "next"), _key(name, "held")]
        self._interval = 1 / (calls_a_second * HEADROOM) if calls_a_second > 0 else 0.0
        self._lock = threading.Lock()
        self._next = 0.0
        self._alone_until = 0.0

    def wait(self) -> float:
        """Sleep until a call may go out; return the seconds slept."""
        arguments = [int(self._interval * 1e6), int(BURST * 1e6)]
        taken = self._ask(lambda: script(server(), TAKE)(keys=self._keys, args=arguments))
        pause = min(LONGEST_SLEEP, self._take_alone() if taken is None else float(taken) / 1e6)
        if pause > 0:
            time.sleep(pause)
        return pause

    def hold(self, seconds: float) -> None:
        """Let nobody begin for so long, an hour at most."""
        microseconds = int(min(seconds, LONGEST_HOLD) * 1e6)
        with self._lock:
            self._next = max(self._next, time.monotonic() + microseconds / 1e6)
        self._ask(lambda: script(server(), HOLD)(keys=self._keys[1:], args=[microseconds]))

    def held_for(self) -> float:
        """Return the seconds for which nothing new should begin, because a wait was asked for."""
        held = self._ask(lambda: script(server(), HELD)(keys=self._keys[1:], args=[]))
        return float(held or 0) / 1e6

    def _take_alone(self) -> float:
        with self._lock:
            now = time.monotonic()
            at = max(self._next, now - BURST)
            self._next = at + self._interval
            return max(0.0, at - now)

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Return what Redis answers, None while it is away."""
        if time.monotonic() < self._alone_until:
            return None
        try:
            return question()
        except redis.RedisError as problem:
            logger.warning("pacing_alone", account=self._keys[0], reason=type(problem).__name__)
            self._alone_until = time.monotonic() + REDIS_AWAY
            return None


class Paces:
    """Several paces at once, for a client: the narrowest first, so that nobody takes a place of all and then waits."""

    def __init__(self, *paces: SteadyPace) -> None:
        self._paces = paces

    def wait(self, lane: str = "") -> float:
        """Sleep until a call may go out by each of them; return the seconds slept."""
        return sum(pace.wait() for pace in self._paces)

    def observe(self, headers: Mapping[str, str]) -> None:
        """Hold all calls when an answer asks for a wait: it does not say whose calls it counts."""
        seconds = wait_in(headers)
        if seconds:
            self._paces[-1].hold(seconds)


def _key(name: str, what: str) -> str:
    """Return a key of this installation; the braces keep a pace's keys together in a cluster."""
    return f"pace:{{{settings.DATABASES['default']['NAME']}:{name}}}:{what}"
