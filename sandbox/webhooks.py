"""Sends events to the app as HubSpot does: at least once, in no promised order, again until it is acknowledged."""

import heapq
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from random import Random
from threading import Condition, Thread
from typing import Any
from urllib.parse import urldefrag, urlsplit

import orjson

from sandbox.dataset import Change
from sandbox.settings import Settings
from sandbox.webhook_events import batches, event_of, is_subscribed, signed_headers

SENDERS = 10  # requests in flight, HubSpot's default for one account
MOST_RETRIES, SHOWN = 10, 200
GATHERING, SHUFFLING = 0.03, 0.15  # seconds in which events are put together, and in which they are mixed up


@dataclass(slots=True, eq=False)
class Delivery:
    """One request to the app with its events; `status` is the last answer, None without one."""

    url: str
    secret: str
    events: list[dict[str, Any]]
    due: float
    attempts: int = 0
    status: int | None = None
    state: str = "pending"
    error: str = ""
    seconds: list[float] = field(default_factory=list)
    acknowledged: float = 0.0

    def shown(self) -> dict[str, Any]:
        """Return it as the control endpoint shows it."""
        return {
            "status": self.status,
            "state": self.state,
            "attempts": self.attempts,
            "error": self.error,
            "seconds": [round(value, 4) for value in self.seconds],
            "events": self.events,
        }


class Webhooks:
    """Gathers events, and sends them from threads of its own; none of its methods waits for the app."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.by_app = False  # whether the changes of this moment come from a call of the app
        self.counts: Counter[str] = Counter()
        self._changed = Condition()
        self._due: list[tuple[float, int, Delivery | None]] = []  # None: time to send what was gathered
        self._number = 0
        self._gathered: list[dict[str, Any]] = []
        self._collected: list[dict[str, Any]] | None = None
        self._shown: deque[Delivery] = deque(maxlen=SHOWN)
        self._threads: list[Thread] = []
        self._stopped = False
        self._random = Random(settings.seed)

    def stop(self) -> None:
        """Send nothing more; what is under way ends by itself."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def heard(self, change: Change) -> None:
        """Take up a change of a record, when there is somebody to tell."""
        settings = self.settings
        if not (settings.webhooks_on and settings.webhook_target and is_subscribed(change)):
            return
        event = event_of(
            change,
            generic=settings.webhook_form == "generic",
            by_app=self.by_app,
            occurred_at=int((time.time() + settings.clock_skew_s) * 1000),
            random=self._random,
        )
        if self._collected is not None:
            self._collected.append(event)
            return
        with self._changed:
            if not self._gathered:
                gathering = SHUFFLING if settings.webhook_shuffle else GATHERING if settings.webhook_batch > 1 else 0
                self._push(time.monotonic() + gathering, None)
            self._gathered.append(event)

    @contextmanager
    def collecting(self) -> Iterator[list[dict[str, Any]]]:
        """Keep the events of the block back, for the caller to deliver; only while nobody else can make changes."""
        self._collected = []
        try:
            yield self._collected
        finally:
            self._collected = None

    def deliver(self, events: list[dict[str, Any]]) -> Delivery:
        """Send these events in one request, now."""
        with self._changed:
            return self._make(events, time.monotonic())

    def report(self) -> dict[str, Any]:
        """Return how many requests were sent, how many deliveries are done, given up and open, and the last 200."""
        with self._changed:
            counts = self.counts
            pending = counts["made"] - counts["delivered"] - counts["failed"] + bool(self._gathered)
            return {
                "sent": counts["sent"],
                "delivered": counts["delivered"],
                "failed": counts["failed"],
                "pending": pending,
                "deliveries": [delivery.shown() for delivery in self._shown],
            }

    def _push(self, due: float, delivery: Delivery | None) -> None:
        self._number += 1
        heapq.heappush(self._due, (due, self._number, delivery))
        if not self._threads:
            self._threads = [Thread(target=self._work, daemon=True) for _ in range(SENDERS)]
            for thread in self._threads:
                thread.start()
        self._changed.notify_all()

    def _make(self, events: list[dict[str, Any]], due: float) -> Delivery:
        target = self.settings.webhook_target or {}
        delivery = Delivery(urldefrag(target.get("url", "")).url, target.get("secret", ""), events, due)
        self.counts["made"] += 1
        self._shown.append(delivery)
        self._push(due, delivery)
        return delivery

    def _send_gathered(self) -> None:
        settings, events = self.settings, self._gathered
        self._gathered = []
        if not settings.webhook_target:
            return
        if settings.webhook_shuffle:
            self._random.shuffle(events)
        for batch in batches(events, settings.webhook_batch):
            for _ in range(1 + settings.webhook_duplicates):
                late = self._random.random() * SHUFFLING if settings.webhook_shuffle else 0
                self._make(batch, time.monotonic() + settings.webhook_delay_ms / 1000 + late)

    def _work(self) -> None:
        while (delivery := self._next()) is not None:
            self._attempt(delivery)

    def _next(self) -> Delivery | None:
        """Wait for the next delivery that is due; None ends the thread."""
        with self._changed:
            while not self._stopped:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                delivery = heapq.heappop(self._due)[2]
                if delivery is not None:
                    return delivery
                self._send_gathered()
        return None

    def _attempt(self, delivery: Delivery) -> None:
        """Post it once, then call it delivered, or plan the next attempt, or give up after the tenth repetition."""
        for event in (events := [dict(event) for event in delivery.events]):
            event["attemptNumber"] = delivery.attempts
        began = time.monotonic()
        status, error = self._post(delivery, orjson.dumps(events))
        ended = time.monotonic()
        if ended - began > self.settings.webhook_timeout_s:
            status, error = None, "no answer in time"
        with self._changed:
            self.counts["sent"] += 1
            delivery.events, delivery.status, delivery.error = events, status, error
            delivery.attempts += 1
            delivery.seconds.append(ended - began)
            gaps = self.settings.webhook_retry_gaps
            if status is not None and 200 <= status < 300:
                delivery.acknowledged, delivery.state = ended, "delivered"
                self.counts["delivered"] += 1
            elif gaps and delivery.attempts <= MOST_RETRIES:
                self._push(ended + gaps[min(delivery.attempts, len(gaps)) - 1], delivery)
            else:
                delivery.state = "failed"
                self.counts["failed"] += 1

    def _post(self, delivery: Delivery, body: bytes) -> tuple[int | None, str]:
        """Return the status of the answer, or None and what went wrong."""
        now = int((time.time() + self.settings.clock_skew_s) * 1000)
        headers = signed_headers(delivery.url, body, delivery.secret, now) | {"Connection": "close"}
        address = urlsplit(delivery.url)
        kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        connection = kind(address.hostname or "", address.port, timeout=self.settings.webhook_timeout_s)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException, ValueError) as error:
            return None, f"{type(error).__name__}: {error}"
        else:
            return answer.status, ""
        finally:
            connection.close()
