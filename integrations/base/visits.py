"""Counts what strangers ask of a public page, for each address, so that nobody can read a whole list off it."""

from __future__ import annotations

import ipaddress
from functools import cache

import redis
import structlog
from django.conf import settings
from django.http import HttpRequest

logger = structlog.get_logger(__name__)


def is_within(request: HttpRequest, *, door: str, calls: int, seconds: int) -> bool:
    """Count one visit of the request's address at a door; tell whether it is within the calls of the window.

    The window begins with the first visit. While Redis is away everybody is let in: the page must not go with it.
    """
    key = f"visits:{{{settings.DATABASES['default']['NAME']}:{door}}}:{neighbourhood(address_of(request))}"
    try:
        with _server().pipeline() as pipe:
            pipe.incr(key)
            pipe.expire(key, seconds, nx=True)
            visits = pipe.execute()[0]
    except redis.RedisError as problem:
        logger.warning("visits_not_counted", door=door, reason=type(problem).__name__)
        return True
    return int(visits) <= calls


def address_of(request: HttpRequest) -> str:
    """Return where a request comes from: behind a proxy the last address, the only one that the proxy wrote itself."""
    if settings.SECURE_PROXY_SSL_HEADER:
        forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if forwarded:
            return forwarded[:45]
    return str(request.META.get("REMOTE_ADDR", ""))


def neighbourhood(address: str) -> str:
    """Return what is counted as one visitor: an IPv4 address, or the /64 that one IPv6 customer has to itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(parsed if parsed.version == 4 else ipaddress.ip_network((parsed, 64), strict=False))


@cache
def _server() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
