"""The app's webhook subscriptions, which only its personal token may manage."""

import json
import time
from pathlib import Path
from secrets import token_hex
from typing import Any

from sandbox.square_errors import bad_value, missing, unknown
from sandbox.square_settings import is_address
from sandbox.square_webhooks import TEST_EVENT, SquareWebhooks, Subscription, new_key
from sandbox.web import Request

EVENT_TYPES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "square_event_types.json").read_text())
KNOWN = {entry["event_type"] for entry in EVENT_TYPES}
VERSION = "2026-09-16"
MOST_NAME, MOST_KEY = 64, 45
Answer = dict[str, Any]


class Subscriptions:
    """Answers the paths under /v2/webhooks; `replies` remembers what an idempotency key got."""

    def __init__(self, webhooks: SquareWebhooks) -> None:
        self.webhooks = webhooks
        self.replies: dict[str, tuple[Answer, Answer]] = {}
        self.table = (
            ("GET", "/v2/webhooks/event-types", self.event_types),
            ("GET", "/v2/webhooks/subscriptions", self.list),
            ("POST", "/v2/webhooks/subscriptions", self.create),
            ("GET", "/v2/webhooks/subscriptions/{id}", self.get),
            ("PUT", "/v2/webhooks/subscriptions/{id}", self.update),
            ("DELETE", "/v2/webhooks/subscriptions/{id}", self.delete),
            ("POST", "/v2/webhooks/subscriptions/{id}/signature-key", self.renew_key),
            ("POST", "/v2/webhooks/subscriptions/{id}/test", self.test),
        )

    def event_types(self, request: Request) -> Answer:
        """GET: every type that there is."""
        names = ("event_type", "api_version_introduced", "release_status")
        metadata = [{name: entry[name] for name in names} for entry in EVENT_TYPES]
        return {"event_types": [entry["event_type"] for entry in EVENT_TYPES], "metadata": metadata}

    def list(self, request: Request) -> Answer:
        """GET: all, the disabled ones only when asked for."""
        disabled = request.argument("include_disabled") == "true"
        shown = [self._shown(each) for each in self.webhooks.subscriptions.values() if each.enabled or disabled]
        return {"subscriptions": shown} if shown else {}

    def create(self, request: Request) -> Answer:
        """POST {"subscription", "idempotency_key"}."""
        body = request.json()
        key, given = str(body.get("idempotency_key") or ""), body.get("subscription")
        if len(key) > MOST_KEY:
            raise bad_value(f"idempotency_key can have {MOST_KEY} characters.", "idempotency_key", "VALUE_TOO_LONG")
        if key in self.replies:
            return self._again(key, body)
        if not isinstance(given, dict):
            raise missing("subscription")
        for name in ("name", "notification_url", "event_types"):
            if not given.get(name):
                raise missing(f"subscription.{name}")
        now = time.time()
        subscription = Subscription(f"wbhk_{token_hex(16)}", "", "", new_key(), [], VERSION, created=now, updated=now)
        _change(subscription, given)
        self.webhooks.subscriptions[subscription.id] = subscription
        answer = {"subscription": self._shown(subscription)}
        if key:
            self.replies[key] = (body, answer)
        return answer

    def _again(self, key: str, body: Answer) -> Answer:
        asked, answer = self.replies[key]
        if asked != body:
            raise bad_value("The key was used with another body.", "idempotency_key", "IDEMPOTENCY_KEY_REUSED")
        return answer

    def get(self, request: Request, subscription_id: str) -> Answer:
        """GET one."""
        return {"subscription": self._shown(self._find(subscription_id))}

    def update(self, request: Request, subscription_id: str) -> Answer:
        """PUT {"subscription"}: change what is given."""
        subscription = self._find(subscription_id)
        _change(subscription, request.json().get("subscription") or {})
        subscription.updated = time.time()
        return {"subscription": self._shown(subscription)}

    def delete(self, request: Request, subscription_id: str) -> Answer:
        """DELETE one."""
        del self.webhooks.subscriptions[self._find(subscription_id).id]
        return {}

    def renew_key(self, request: Request, subscription_id: str) -> Answer:
        """POST: a new signature key, which signs from now on."""
        subscription = self._find(subscription_id)
        subscription.key, subscription.updated = new_key(), time.time()
        return {"signature_key": subscription.key}

    def test(self, request: Request, subscription_id: str) -> Answer:
        """POST {"event_type"}: one test event, and what the app answered to it."""
        body = request.json() if request.body else {}
        event_type = str(body.get("event_type") or TEST_EVENT)
        if event_type not in KNOWN | {TEST_EVENT}:
            raise bad_value(f"There is no event type {event_type}.", "event_type")
        return {"subscription_test_result": self.webhooks.test(self._find(subscription_id), event_type)}

    def _find(self, subscription_id: str) -> Subscription:
        subscription = self.webhooks.subscriptions.get(subscription_id)
        if subscription is None:
            raise unknown(f"The subscription {subscription_id}")
        return subscription

    def _shown(self, subscription: Subscription) -> Answer:
        return subscription.shown(go_times=self.webhooks.settings.square_go_times)


def _change(subscription: Subscription, given: Answer) -> None:
    """Take over what a subscription's body says, all or nothing."""
    name, url = str(given.get("name", subscription.name)), str(given.get("notification_url", subscription.url))
    types = given.get("event_types", subscription.event_types)
    if len(name) > MOST_NAME:
        raise bad_value(f"name can have {MOST_NAME} characters.", "subscription.name", "VALUE_TOO_LONG")
    if not is_address(url):
        raise bad_value("notification_url is no web address.", "subscription.notification_url")
    strange = [each for each in types if each not in KNOWN]
    if strange:
        raise bad_value(f"There is no event type {strange[0]}.", "subscription.event_types")
    subscription.name, subscription.url, subscription.event_types = name, url, list(types)
    subscription.enabled = bool(given.get("enabled", subscription.enabled))
    subscription.api_version = str(given.get("api_version", subscription.api_version))
