"""Sends events to the app as HubSpot does: at least once, in no promised order, again until it is acknowledged."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from urllib.parse import urldefrag

import orjson

from sandbox.dataset import Change
from sandbox.sender import SHUFFLING, Delivery, Sender
from sandbox.settings import Settings
from sandbox.webhook_events import batches, event_of, is_subscribed, signed_headers

MOST_RETRIES = 10
GATHERING = 0.03  # seconds in which events are put together


class Webhooks(Sender):
    """Gathers events of HubSpot's account, and sends them in batches."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.by_app = False  # whether the changes of this moment come from a call of the app
        self._gathered: list[dict[str, Any]] = []
        self._collected: list[dict[str, Any]] | None = None
        self._random = Random(settings.seed)

    @property
    def timeout(self) -> float:
        """As the settings say."""
        return self.settings.webhook_timeout_s

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
                self.push(time.monotonic() + gathering, None)
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
        """Return the report; what is gathered counts as one delivery that is pending."""
        with self._changed:
            shown = super().report()
            return shown | {"pending": shown["pending"] + bool(self._gathered)}

    def _make(self, events: list[dict[str, Any]], due: float) -> Delivery:
        target = self.settings.webhook_target or {}
        return self.add(Delivery(urldefrag(target.get("url", "")).url, target.get("secret", ""), events, due))

    def send_gathered(self) -> None:
        """Make deliveries of the gathered events, as the settings of this moment say."""
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

    def message(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """Return the events with the number of this attempt, signed as of now."""
        delivery.events = [event | {"attemptNumber": delivery.attempts} for event in delivery.events]
        body = orjson.dumps(delivery.events)
        now = int((time.time() + self.settings.clock_skew_s) * 1000)
        return body, signed_headers(delivery.url, body, delivery.secret, now)

    def gap(self, attempts: int) -> float | None:
        """Return the gap of the settings; the last one counts for all further ones, until the tenth repetition."""
        gaps = self.settings.webhook_retry_gaps
        return gaps[min(attempts, len(gaps)) - 1] if gaps and attempts <= MOST_RETRIES else None
