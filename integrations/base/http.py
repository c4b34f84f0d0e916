"""The one door for outgoing calls: one session, every call with a timeout, every failure as one of our errors."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import quote

import orjson
import requests
import structlog
from requests.adapters import HTTPAdapter

from integrations.base.errors import (
    InvalidResponse,
    RateLimited,
    RequestRejected,
    TransientError,
    UnknownOutcome,
)
from integrations.base.ratelimit import GENERAL, AccountPacer, RateLimits, wait_in

logger = structlog.get_logger(__name__)

USER_AGENT = "TaxPoynt/0.1"
POOL_SIZE = 16  # above the number of fetchers of one run, so that no connection is opened and thrown away
TRIES = 3
SHORTEST_SECRET = 8
MAX_WAIT = 15.0  # seconds; a longer wait belongs to the task, not to a worker that sits still
LONG_WAIT = 60.0  # seconds; who asks for more must not be asked again before it is over
GATEWAY_STATUSES = frozenset({423, 502, 503, 504, 521, 522, 523, 524})


class Pacer(Protocol):
    """What spreads a client's calls."""

    def wait(self, lane: str = GENERAL) -> float:
        """Sleep until a call may go out; return the seconds slept."""

    def observe(self, headers: Mapping[str, str]) -> None:
        """Hear what an answer says about its limits."""


@dataclass(slots=True)
class CallStatistics:
    """What a client did: numbers of calls and retries, and seconds waited; shared by the threads of one run."""

    calls: int = 0
    retries: int = 0
    waited_seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, calls: int = 0, retries: int = 0, waited: float = 0.0) -> None:
        """Count under the lock."""
        with self.lock:
            self.calls += calls
            self.retries += retries
            self.waited_seconds += waited


@dataclass(frozen=True, slots=True)
class Observed:
    """What the newest answer told beside its content; `at` is our clock when it came, in seconds since 1970."""

    seconds: float
    headers: Mapping[str, str] = field(repr=False)
    at: float

    @property
    def skew_seconds(self) -> int | None:
        """Return how far the other side's clock is ahead of ours, None when it does not tell its time."""
        try:
            # The header has whole seconds only, so that the half that it lacks on average is added.
            theirs = parsedate_to_datetime(self.headers["Date"]).timestamp() + 0.5
        except (KeyError, TypeError, ValueError):
            return None
        return round(theirs - (self.at - self.seconds / 2))


def asked_wait(response: requests.Response) -> float | None:
    """Return the seconds that an answer asks to wait, a day at most; None when it names none."""
    return wait_in(response.headers)


class ApiClient:
    """Calls one outside system.

    `headers` is called before each request, so that a fresh token is always used. `limited_wait` reads the wait in
    seconds from an answer that asks to wait and names no Retry-After; `waitable` are the provider's own statuses for
    *later*, each with its sentence; `pacer` is waited for before each call. A repeat happens only where it is
    harmless: `repeatable`.
    Raises RateLimited and TransientError after three tries, UnknownOutcome when an unrepeatable call broke off,
    RequestRejected for any other answer of 400 and above, InvalidResponse for a body that is not JSON.
    """

    def __init__(
        self,
        *,
        provider: str,
        name: str,
        base_url: str,
        headers: Callable[[], Mapping[str, str]] | None = None,
        limited_wait: Callable[[requests.Response], float | None] | None = None,
        pacer: Pacer | None = None,
        waitable: Mapping[int, str] | None = None,
        connect_timeout: float = 10.0,
        read_timeout: float = 30.0,
    ) -> None:
        self.provider = provider
        self.name = name
        self.base_url = base_url
        self.statistics = CallStatistics()
        self.observed: Observed | None = None
        self._headers = headers or dict
        self._limited_wait = limited_wait
        self._waitable = waitable or {}
        self._timeout = (connect_timeout, read_timeout)
        self._pacer: Pacer = pacer or AccountPacer(RateLimits())
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT
        # Proxies and .netrc of the machine must not reroute or add credentials to a tenant's calls.
        self._session.trust_env = False
        adapter = HTTPAdapter(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def get(self, path: str, **options: Any) -> Any:
        """Return the decoded answer of a GET."""
        return self.call("GET", path, **options)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        body: bytes | None = None,
        form: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        read_timeout: float | None = None,
        lane: str = GENERAL,
    ) -> Any:
        """Make one call and return its decoded JSON (None for an empty body).

        `body` is sent byte for byte as JSON; `repeatable` defaults to True for GET only; `lane` is the pacer's.
        """
        response = self.send(
            method,
            path,
            params=params,
            data=body if body is not None else form if form is not None else _dumps(json),
            content_type="application/x-www-form-urlencoded" if form is not None else "application/json",
            repeatable=method == "GET" if repeatable is None else repeatable,
            read_timeout=read_timeout,
            lane=lane,
        )
        return self._decode(response)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None,
        data: Any,
        content_type: str,
        repeatable: bool,
        read_timeout: float | None,
        lane: str = GENERAL,
    ) -> requests.Response:
        """Send with up to three tries and return an answer below 400."""
        timeout = (self._timeout[0], read_timeout or self._timeout[1])
        for attempt in range(TRIES):
            last = not repeatable or attempt == TRIES - 1
            try:
                self.statistics.add(calls=1, waited=self._pacer.wait(lane))
                secret = self._headers()
                response = self._session.request(
                    method,
                    self.base_url + path,
                    params=params,
                    data=data,
                    headers={**secret, "Content-Type": content_type, "Accept": "application/json"},
                    timeout=timeout,
                    allow_redirects=False,
                )
            except requests.ConnectTimeout as problem:
                error: TransientError | UnknownOutcome = self._unreachable(problem)
            except requests.RequestException as problem:
                error = self._broken_off(problem, repeatable)
            else:
                self._pacer.observe(response.headers)
                self.observed = Observed(response.elapsed.total_seconds(), response.headers, time.time())
                if response.status_code < 400:
                    return response
                error = self._refusal(response, _scrubbed(response.content, secret, data))
            if last or isinstance(error, UnknownOutcome) or (error.retry_after or 0) > LONG_WAIT:
                raise error
            self._pause(error, attempt)
        raise AssertionError("unreachable: the last try returns or raises")

    def _pause(self, error: TransientError, attempt: int) -> None:
        wait = min(error.retry_after or 0.5 * 2**attempt, MAX_WAIT)
        logger.info("call_retried", provider=self.provider, reason=type(error).__name__, wait=round(wait, 2))
        self.statistics.add(retries=1, waited=wait)
        time.sleep(wait)

    def _unreachable(self, problem: Exception) -> TransientError:
        logger.warning("call_unreachable", provider=self.provider, reason=type(problem).__name__)
        return TransientError(f"{self.name} could not be reached.", provider=self.provider)

    def _broken_off(self, problem: Exception, repeatable: bool) -> TransientError | UnknownOutcome:
        refused_before_sending = isinstance(problem, requests.ConnectionError) and "NewConnectionError" in repr(problem)
        if repeatable or refused_before_sending:
            return self._unreachable(problem)
        logger.warning("call_broke_off", provider=self.provider, reason=type(problem).__name__)
        return UnknownOutcome(
            f"The connection to {self.name} broke off before its answer came, so the outcome is not known yet.",
            provider=self.provider,
        )

    def _refusal(self, response: requests.Response, content: bytes) -> TransientError:
        """Return the error to wait on; raises RequestRejected for an answer that no repeat will change."""
        facts = {
            "provider": self.provider,
            "status": response.status_code,
            "request_id": _request_id(_loads_or_none(content)),
        }
        status = response.status_code
        if status == 429:
            return RateLimited(f"{self.name} asks for fewer calls.", retry_after=self._wait_for(response), **facts)
        if status in self._waitable or status in GATEWAY_STATUSES or status >= 500:
            sentence = self._waitable.get(status, f"{self.name} does not answer properly (HTTP {status}).")
            return TransientError(sentence, retry_after=self._wait_for(response), **facts)
        raise RequestRejected(
            f"{self.name} refused the request (HTTP {response.status_code}).",
            body=_loads_or_none(content),
            **facts,
        )

    def _wait_for(self, response: requests.Response) -> float | None:
        asked = asked_wait(response)
        return self._limited_wait(response) if asked is None and self._limited_wait else asked

    def _decode(self, response: requests.Response) -> Any:
        if not response.content:
            return None
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError as problem:
            raise InvalidResponse(
                f"{self.name} sent an answer that cannot be read (not JSON).",
                provider=self.provider,
                status=response.status_code,
            ) from problem


def _dumps(value: Any) -> bytes | None:
    return None if value is None else orjson.dumps(value)


def _scrubbed(content: bytes, headers: Mapping[str, str], form: Any) -> bytes:
    """Return an error's body without the credentials of its own call: some systems repeat what they were given."""
    sent = [value.rpartition(" ")[2] for value in headers.values()]
    if isinstance(form, bytes):
        form = _loads_or_none(form)
    if isinstance(form, Mapping):
        sent += [value for name, value in form.items() if name != "grant_type" and isinstance(value, str)]
    for secret in filter(lambda value: len(value) >= SHORTEST_SECRET, sent):
        for spelling in {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}:
            content = content.replace(spelling.encode(), "•••".encode())
    return content


def _loads_or_none(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _request_id(body: Any) -> str:
    """Return the outside system's own reference for an error: HubSpot's correlationId or MBS's error.id."""
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    return str(body.get("correlationId") or (error.get("id", "") if isinstance(error, dict) else ""))
