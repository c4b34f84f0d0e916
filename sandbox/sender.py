"""Posts webhooks from threads of its own, again until they are acknowledged; each provider says how and how often."""

import heapq
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Condition, Thread
from typing import Any
from urllib.parse import urlsplit

SENDERS = 10  # requests in flight, HubSpot's default for one account
SHOWN = 200
SHUFFLING = 0.15  # seconds in which deliveries are mixed up


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
    began_at: float = 0.0  # seconds since 1970, of the first attempt

    @property
    def is_acknowledged(self) -> bool:
        """Whether the last answer was one of success."""
        return self.status is not None and 200 <= self.status < 300

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


class Sender:
    """Sends deliveries when they are due; none of its methods waits for the app."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._changed = Condition()
        self._due: list[tuple[float, int, Delivery | None]] = []  # None: time to send what was gathered
        self._number = 0
        self._shown: deque[Delivery] = deque(maxlen=SHOWN)
        self._threads: list[Thread] = []
        self._stopped = False

    # What a provider has to say.

    def message(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers of the next attempt."""
        raise NotImplementedError

    def gap(self, attempts: int) -> float | None:
        """Return the seconds until the next attempt after so many failed ones, None to give up."""
        raise NotImplementedError

    @property
    def timeout(self) -> float:
        """The seconds in which the app has to answer."""
        raise NotImplementedError

    def attempted(self, delivery: Delivery) -> None:
        """Learn how an attempt went, from the delivery's status; called under the lock."""

    def send_gathered(self) -> None:
        """Make deliveries of what was gathered; called when a push without a delivery is due."""

    # What is the same for all.

    def stop(self) -> None:
        """Send nothing more; what is under way ends by itself."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def report(self) -> dict[str, Any]:
        """Return how many requests were sent, how many deliveries are done, given up and open, and the last 200."""
        with self._changed:
            counts = self.counts
            return {
                "sent": counts["sent"],
                "delivered": counts["delivered"],
                "failed": counts["failed"],
                "pending": counts["made"] - counts["delivered"] - counts["failed"],
                "deliveries": [delivery.shown() for delivery in self._shown],
            }

    def push(self, due: float, delivery: Delivery | None) -> None:
        """Plan a delivery; only under the lock."""
        self._number += 1
        heapq.heappush(self._due, (due, self._number, delivery))
        if not self._threads:
            self._threads = [Thread(target=self._work, daemon=True) for _ in range(SENDERS)]
            for thread in self._threads:
                thread.start()
        self._changed.notify_all()

    def add(self, delivery: Delivery) -> Delivery:
        """Take a new delivery up; only under the lock."""
        self.counts["made"] += 1
        self._shown.append(delivery)
        self.push(delivery.due, delivery)
        return delivery

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
                self.send_gathered()
        return None

    def _attempt(self, delivery: Delivery) -> None:
        """Post it once, then call it delivered, or plan the next attempt, or give up."""
        delivery.began_at = delivery.began_at or time.time()
        body, headers = self.message(delivery)
        began = time.monotonic()
        status, error = self._post(delivery, body, headers)
        ended = time.monotonic()
        if ended - began > self.timeout:
            status, error = None, "no answer in time"
        with self._changed:
            self.counts["sent"] += 1
            delivery.status, delivery.error = status, error
            delivery.attempts += 1
            delivery.seconds.append(ended - began)
            self.attempted(delivery)
            if delivery.is_acknowledged:
                delivery.acknowledged, delivery.state = ended, "delivered"
                self.counts["delivered"] += 1
            elif (gap := self.gap(delivery.attempts)) is not None:
                self.push(ended + gap, delivery)
            else:
                delivery.state = "failed"
                self.counts["failed"] += 1

    def _post(self, delivery: Delivery, body: bytes, headers: dict[str, str]) -> tuple[int | None, str]:
        """Return the status of the answer, or None and what went wrong."""
        address = urlsplit(delivery.url)
        kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        connection = kind(address.hostname or "", address.port, timeout=self.timeout)
        try:
            connection.request("POST", path, body, headers | {"Connection": "close"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException, ValueError) as error:
            return None, f"{type(error).__name__}: {error}"
        else:
            return answer.status, ""
        finally:
            connection.close()
