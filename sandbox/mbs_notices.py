"""The authority's own webhooks: {"irn", "message"} posted once, unsigned, never repeated."""

import heapq
import time
from collections import deque
from http.client import HTTPConnection, HTTPException
from random import Random
from threading import Condition, Thread
from typing import Any
from urllib.parse import urlsplit

import orjson

from sandbox.mbs_settings import MbsSettings

STEP = 0.05  # seconds from one message of an invoice to its next
TIMEOUT, SHOWN = 5, 500


class Notices:
    """Posts messages from a thread of its own; nobody waits for it."""

    def __init__(self, settings: MbsSettings) -> None:
        self.settings = settings
        self.sent: deque[dict[str, Any]] = deque(maxlen=SHOWN)
        self._changed = Condition()
        self._due: list[tuple[float, int, str, dict[str, str]]] = []
        self._number = 0
        self._thread: Thread | None = None
        self._stopped = False
        self._random = Random(1)

    def stop(self) -> None:
        """Send nothing more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def tell(self, irn: str, *messages: str) -> None:
        """Post these messages one after another, as the settings of this moment say."""
        settings = self.settings
        if not settings.mbs_webhook_target:
            return
        gaps = [STEP * (position + 1) for position in range(len(messages))]
        if settings.mbs_webhook_shuffle:
            gaps.reverse()
        now = time.monotonic() + settings.mbs_webhook_delay_ms / 1000
        with self._changed:
            for message, gap in zip(messages, gaps, strict=True):
                for _ in range(settings.mbs_webhook_copies):
                    self._number += 1
                    body = {"irn": irn, "message": message}
                    heapq.heappush(self._due, (now + gap, self._number, settings.mbs_webhook_target, body))
            if self._thread is None:
                self._thread = Thread(target=self._work, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and (not self._due or self._due[0][0] > time.monotonic()):
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._stopped:
                    return
                _, _, url, body = heapq.heappop(self._due)
            self.sent.append({**body, "status": _post(url, orjson.dumps(body))})


def _post(url: str, body: bytes) -> int | None:
    """Return the status of the answer, None when there was none."""
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT)
    try:
        connection.request("POST", address.path or "/", body, {"Content-Type": "application/json"})
        return connection.getresponse().status
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
