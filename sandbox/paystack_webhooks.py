"""Paystack's webhooks: one event a delivery, its body signed with the secret key of the account."""

import hashlib
import hmac
import time
from typing import Any

import orjson

from sandbox.sender import Delivery, Sender

# Seconds between an attempt and the next, short for tests: Paystack itself waits three minutes, later an hour.
GAPS = (0.3, 0.3, 0.3, 1.0, 1.0)


class PaystackWebhooks(Sender):
    """Posts each event, again until it is acknowledged."""

    def post(self, url: str, key: str, event: dict[str, Any]) -> None:
        """Plan the delivery of an event."""
        with self._changed:
            self.add(Delivery(url, key, [event], time.monotonic()))

    @property
    def timeout(self) -> float:
        """Not published; ten seconds are patient."""
        return 10.0

    def message(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """Return the event's bytes, the same at each attempt, with their signature."""
        body = orjson.dumps(delivery.events[0])
        return body, {"Content-Type": "application/json", "x-paystack-signature": signature(delivery.secret, body)}

    def gap(self, attempts: int) -> float | None:
        """Return the seconds until the next attempt; None after the last."""
        return GAPS[attempts - 1] if attempts <= len(GAPS) else None


def signature(key: str, body: bytes) -> str:
    """Return the hex HMAC-SHA512 of the raw body."""
    return hmac.new(key.encode(), body, hashlib.sha512).hexdigest()
