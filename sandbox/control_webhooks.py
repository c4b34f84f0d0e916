"""The part of the control endpoint that looks at webhook deliveries and makes many at a steady pace."""

import time
from typing import TYPE_CHECKING, Any

from sandbox.control_hubspot import Refused, body_of
from sandbox.hubspot_records import apply_edit
from sandbox.sender import Delivery
from sandbox.web import Request, Response, json_response
from sandbox.webhooks import Webhooks

if TYPE_CHECKING:
    from sandbox.app import Sandbox

BURST = "/_control/webhooks/burst"
MARK = " · "


class WebhookControl:
    """Reports deliveries, and posts bursts of them for benches."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self.table = (("GET", "/_control/webhooks", self.report), ("POST", BURST, self.burst))

    def report(self, request: Request) -> Response:
        """GET: counts, and the last 200 deliveries with their status, attempts and events."""
        return json_response(200, self.sandbox.webhooks.report())

    def burst(self, request: Request) -> Response:
        """POST {"events", "per_second", "batch"}: rename deals and post a propertyChange for each.

        `per_second` counts deliveries of `batch` events. Answers when all are acknowledged or given up, with the
        time from sending to acknowledgement in milliseconds, and that from the planned moment on. Not to be called
        under the sandbox's lock: it takes as long as the burst does.
        """
        body = {"events": 100, "per_second": 100, "batch": 1} | body_of(request)
        wrong = [name for name in ("events", "per_second", "batch") if type(body[name]) is not int or body[name] < 1]
        if wrong or body["batch"] > 100:
            raise Refused("events, per_second and batch must be whole numbers of 1 or more, batch at most 100.")
        webhooks = self.sandbox.webhooks
        if not (webhooks.settings.webhook_target and webhooks.settings.webhooks_on):
            raise Refused("There is no webhook target, or webhooks are off.")
        began = time.monotonic()
        deliveries = self._post_steadily(webhooks, body["events"], body["per_second"], body["batch"])
        posted = time.monotonic() - began
        while any(delivery.state == "pending" for delivery in deliveries) and self.sandbox.webhooks is webhooks:
            time.sleep(0.02)
        return json_response(200, _summary(deliveries, posted) | {"events": body["events"]})

    def _post_steadily(self, webhooks: Webhooks, events: int, per_second: int, batch: int) -> list[Delivery]:
        began, deliveries = time.monotonic(), []
        for number, first in enumerate(range(0, events, batch)):
            time.sleep(max(0.0, began + number / per_second - time.monotonic()))
            with self.sandbox.lock, webhooks.collecting() as collected:
                for position in range(first, min(first + batch, events)):
                    self._rename(position)
            deliveries.append(webhooks.deliver(collected))
        return deliveries

    def _rename(self, position: int) -> None:
        data = self.sandbox.hubspot.data
        deals = data.tables["deals"]
        if not deals.ids:
            raise Refused("There is no deal to change.")
        deal = deals.records[deals.ids[position % len(deals.ids)]]
        name = deal.properties.get("dealname", "Deal").partition(MARK)[0]
        apply_edit(data, "deals", deal, {"dealname": f"{name}{MARK}{position + 1} {time.time_ns() % 10**9}"})


def _summary(deliveries: list[Delivery], posted: float) -> dict[str, Any]:
    done = [delivery for delivery in deliveries if delivery.state == "delivered"]
    answered = sorted(delivery.seconds[-1] for delivery in done)
    from_plan = sorted(delivery.acknowledged - delivery.due for delivery in done)
    return {
        "deliveries": len(deliveries),
        "delivered": len(done),
        "failed": sum(delivery.state == "failed" for delivery in deliveries),
        "retries": sum(max(0, delivery.attempts - 1) for delivery in deliveries),
        "seconds": round(posted, 3),
        "per_second": round(len(deliveries) / posted, 1) if posted else None,
        "latency_ms": {name: _percentile(answered, share) for name, share in PERCENTILES.items()},
        "latency_from_plan_ms": {name: _percentile(from_plan, share) for name, share in PERCENTILES.items()},
    }


PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def _percentile(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2)
