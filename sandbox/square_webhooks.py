"""Square's webhooks: one event a delivery, signed over address and body, on Square's schedule of repetitions."""

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from secrets import token_hex, token_urlsafe
from typing import Any
from uuid import uuid4

import orjson

from sandbox.sender import SHUFFLING, Delivery, Sender
from sandbox.square_books import Entry, micros_now, text_of
from sandbox.square_grants import SquareGrants
from sandbox.square_settings import SquareSettings

# Minutes between an attempt and the next: eleven repetitions in 24 hours.
GAPS = (1, 2, 4, 8, 16, 32, 60, 120, 240, 480, 480)
SCOPE_OF = {
    "payment.created": "PAYMENTS_READ",
    "payment.updated": "PAYMENTS_READ",
    "refund.created": "PAYMENTS_READ",
    "refund.updated": "PAYMENTS_READ",
    "order.created": "ORDERS_READ",
    "order.updated": "ORDERS_READ",
    "catalog.version.updated": "ITEMS_READ",
    "customer.created": "CUSTOMERS_READ",
    "customer.updated": "CUSTOMERS_READ",
    "customer.deleted": "CUSTOMERS_READ",
    "location.created": "MERCHANT_PROFILE_READ",
    "location.updated": "MERCHANT_PROFILE_READ",
    "oauth.authorization.revoked": "",
}
TEST_EVENT = "webhooks.test_notification"


@dataclass(slots=True)
class Subscription:
    """Where the app hears of which events; one subscription serves every seller."""

    id: str
    name: str
    url: str
    key: str
    event_types: list[str]
    api_version: str
    enabled: bool = True
    failures: int = 0  # attempts since the last one that was acknowledged
    created: float = 0.0
    updated: float = 0.0

    def shown(self, *, go_times: bool) -> dict[str, Any]:
        """Return it as the API does; its times look like Go's unless the settings say otherwise."""
        write = _go_time if go_times else _plain_time
        return {
            "id": self.id,
            "name": self.name,
            "enabled": self.enabled,
            "event_types": self.event_types,
            "notification_url": self.url,
            "api_version": self.api_version,
            "signature_key": self.key,
            "created_at": write(self.created),
            "updated_at": write(self.updated),
        }


class SquareWebhooks(Sender):
    """Makes events and posts each to every subscription that asks for it, while the seller's grant covers it."""

    def __init__(self, settings: SquareSettings, grants: SquareGrants, seed: int) -> None:
        super().__init__()
        self.settings = settings
        self.grants = grants
        self.subscriptions: dict[str, Subscription] = {}
        self._random = Random(seed)

    @property
    def timeout(self) -> float:
        """As the settings say."""
        return self.settings.square_webhook_timeout_s

    def tell(self, event_type: str, entry: Entry) -> None:
        """Post the event of a payment, a refund or an order."""
        self.post(entry.merchant_id, event_type, entry.id, *_object_of(event_type, entry))

    def revoked(self, merchant_id: str, revoker: str) -> None:
        """Post that a seller's grant has ended."""
        content = {"revocation": {"revoked_at": text_of(micros_now()), "revoker_type": revoker}}
        self.post(merchant_id, "oauth.authorization.revoked", str(uuid4()), "revocation", content)

    def post(
        self, merchant_id: str, event_type: str, object_id: str, data_type: str, content: dict[str, Any] | None
    ) -> None:
        """Plan the deliveries of an event, as the switches of this moment say."""
        scope = SCOPE_OF[event_type]
        if not self.settings.square_webhooks_on or (scope and scope not in self.grants.granted(merchant_id)):
            return
        for subscription in self.targets():
            if subscription.enabled and event_type in subscription.event_types:
                event = envelope(merchant_id, event_type, data_type, object_id, content)
                self._plan(subscription, event)

    def targets(self) -> list[Subscription]:
        """Return the app's subscriptions, with the one that the settings make."""
        target = self.settings.square_webhook_target
        if not target:
            return list(self.subscriptions.values())
        own = Subscription(
            "wbhk_settings", "From the settings", target["url"], target["secret"], list(SCOPE_OF), "2026-09-16"
        )
        return [own, *self.subscriptions.values()]

    def _plan(self, subscription: Subscription, event: dict[str, Any]) -> None:
        settings = self.settings
        if settings.square_webhook_drop:
            settings.square_webhook_drop -= 1
            self.counts["dropped"] += 1
            return
        with self._changed:
            for _ in range(1 + settings.square_webhook_duplicates):
                late = self._random.random() * SHUFFLING if settings.square_webhook_shuffle else 0
                due = time.monotonic() + settings.square_webhook_delay_ms / 1000 + late
                self.add(Delivery(subscription.url, subscription.key, [event], due))

    def test(self, subscription: Subscription, event_type: str) -> dict[str, Any]:
        """Post a test event at once, wait for the answer, and return its SubscriptionTestResult.

        Not to be called under the sandbox's lock: it waits for the app.
        """
        event = envelope("MLTESTSELLER", event_type, "webhooks", str(uuid4()), None)
        delivery = Delivery(subscription.url, subscription.key, [event], time.monotonic())
        delivery.began_at = time.time()
        body, headers = self.message(delivery)
        status, _ = self._post(delivery, body, headers)
        now = _go_time(time.time()) if self.settings.square_go_times else _plain_time(time.time())
        shown = {"id": f"wbhktst_{token_hex(12)}", "status_code": status or 0, "payload": body.decode()}
        return shown | {"created_at": now, "updated_at": now}

    def report(self) -> dict[str, Any]:
        """Return the report with the number of those that a switch has dropped."""
        return super().report() | {"dropped": self.counts["dropped"]}

    def message(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """Return the event's bytes, the same at each attempt, with the headers of this one."""
        body = orjson.dumps(delivery.events[0])
        key = "a-wrong-key" if self.settings.square_webhook_wrong_key else delivery.secret
        headers = signatures(key, delivery.url, body) | {
            "Content-Type": "application/json",
            "User-Agent": "Square Connect v2",
            "square-environment": "Sandbox",
            "square-version": "2026-09-16",
            "square-initial-delivery-timestamp": _plain_time(delivery.began_at),
        }
        if delivery.attempts:
            reason = "http_error" if delivery.status else _reason(delivery.error)
            headers |= {"square-retry-number": str(delivery.attempts), "square-retry-reason": reason}
        return body, headers

    def attempted(self, delivery: Delivery) -> None:
        """Disable a subscription to whose address so many attempts in a row have failed as the settings allow."""
        most = self.settings.square_webhook_disable_after
        for subscription in [each for each in self.subscriptions.values() if each.url == delivery.url]:
            subscription.failures = 0 if delivery.is_acknowledged else subscription.failures + 1
            if most and subscription.failures >= most:
                subscription.enabled, subscription.failures = False, 0

    def gap(self, attempts: int) -> float | None:
        """Return Square's gap, scaled; None after the eleventh repetition."""
        scale = self.settings.square_webhook_time_scale
        return GAPS[attempts - 1] * 60 * scale if attempts <= len(GAPS) else None


def envelope(
    merchant_id: str, event_type: str, data_type: str, object_id: str, content: dict[str, Any] | None
) -> dict[str, Any]:
    """Return an event; its id is the same however often it is posted."""
    data: dict[str, Any] = {"type": data_type, "id": object_id}
    if content is not None:
        data["object"] = content
    return {
        "merchant_id": merchant_id,
        "type": event_type,
        "event_id": str(uuid4()),
        "created_at": text_of(micros_now()),
        "data": data,
    }


def signatures(key: str, url: str, body: bytes) -> dict[str, str]:
    """Return the signature over the address and the body, and the older one that still comes along."""
    message = url.encode() + body
    new, old = (hmac.new(key.encode(), message, kind).digest() for kind in (hashlib.sha256, hashlib.sha1))
    return {
        "x-square-hmacsha256-signature": base64.b64encode(new).decode(),
        "x-square-signature": base64.b64encode(old).decode(),
    }


def new_key() -> str:
    """Return a fresh signature key."""
    return token_urlsafe(16)


def _object_of(event_type: str, entry: Entry) -> tuple[str, dict[str, Any]]:
    """Return ``data.type`` and ``data.object``: whole payments and refunds, but of an order only its state."""
    if entry.kind != "order":
        return entry.kind, {entry.kind: orjson.Fragment(entry.body)}
    name = event_type.replace(".", "_")
    thin: dict[str, Any] = {"order_id": entry.id, "location_id": entry.location_id, "state": entry.state}
    thin["created_at"] = text_of(entry.times["created_at"])
    if event_type == "order.updated":
        thin["updated_at"] = text_of(entry.times["updated_at"])
    return name, {name: thin}


def _reason(error: str) -> str:
    if "in time" in error or "imeout" in error or "timed out" in error:
        return "http_timeout"
    return "ssl_error" if "SSL" in error else "other_error"


def _plain_time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _go_time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} +0000 UTC"
