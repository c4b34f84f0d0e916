"""The whole sandbox as one application: sends each call to its side, under one lock."""

import re
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from threading import RLock
from typing import Any

import orjson

from sandbox.control import Control
from sandbox.control_square import BURST as SALES_BURST
from sandbox.control_webhooks import BURST
from sandbox.hubspot import HubSpot
from sandbox.invention import invent
from sandbox.mbs import Authority
from sandbox.mbs_front import Front
from sandbox.pages import FIRST_PARTS, Pages
from sandbox.paystack import Paystack
from sandbox.settings import Settings
from sandbox.square import Square
from sandbox.square_faults import taken
from sandbox.web import Request, Response
from sandbox.webhooks import Webhooks

SUBSCRIPTION_TEST = re.compile(r"/v2/webhooks/subscriptions/[^/]+/test/?")
PAYSTACK_PARTS = ("transaction", "refund", "terminal", "customer")
SIDES = {"api": "mbs", "oauth2": "square", "v2": "square"} | dict.fromkeys(PAYSTACK_PARTS, "paystack")


class Sandbox:
    """The state of both sides, the counters, and the settings they were started with."""

    def __init__(self, settings: Settings) -> None:
        self.started_with = settings
        self.lock = RLock()  # the interpreter runs one thread at a time anyway: one lock costs nothing
        self.settings = settings
        self.webhooks = Webhooks(settings)
        self.control = Control(self)
        self.pages = Pages(self)
        self.reset()

    def reset(self, deals: int | None = None, seed: int | None = None, same_modified: int = 0) -> None:
        """Make fresh data, grants, registrations and counters; None keeps the size and seed of the start."""
        start = self.started_with
        self.settings = replace(
            start,
            deals=start.deals if deals is None else deals,
            seed=start.seed if seed is None else seed,
            fail_next=[],
            mbs_faults=[],
        )
        self.webhooks.stop()
        self.webhooks = Webhooks(self.settings)
        self.hubspot = HubSpot(
            self.settings, invent(self.settings.deals, self.settings.seed, same_modified), self.webhooks
        )
        earlier: Square | None = getattr(self, "square", None)
        if earlier is not None:
            earlier.webhooks.stop()
        self.square: Square = Square(self.settings)
        paid: Paystack | None = getattr(self, "paystack", None)
        if paid is not None:
            paid.webhooks.stop()
        self.paystack: Paystack = Paystack()
        before: Front | None = getattr(self, "front", None)
        if before is not None:
            before.end()
        self.authority = Authority(self.settings)
        self.front: Front = Front(self.settings, self.authority, self.lock)
        self.calls: dict[str, Counter[str]] = {side: Counter() for side in ("hubspot", "mbs", "square", "paystack")}

    def apply_settings(self) -> None:
        """Let the parts that keep a copy of a setting take it up again."""
        self.hubspot.apply_settings()
        self.square.apply_settings()

    def expire_access_tokens(self) -> None:
        """End every access token of both providers now; refresh tokens go on."""
        self.hubspot.grants.expire_all()
        self.square.grants.expire_all()

    def handle(self, request: Request) -> Response:
        """Answer a call; a defect of the sandbox itself is a 500 and a traceback on its error stream."""
        try:
            response = self._handle(request)
        except Exception:
            traceback.print_exc()
            response = Response(500, b"The sandbox itself failed; its error output has the reason.", "text/plain")
        response.headers["Date"] = formatdate(time.time() + self.settings.clock_skew_s, usegmt=True)
        return response

    def _handle(self, request: Request) -> Response:
        first = request.path.strip("/").split("/")[0]
        if request.path in (BURST, SALES_BURST):
            return self.control.handle(request)  # takes a minute: it locks for each change by itself
        if first == "_control":
            with self.lock:
                return self.control.handle(request)
        if first in FIRST_PARTS:
            with self.lock:
                return self.pages.handle(request)
        side = SIDES.get(first, "hubspot")
        if self.settings.latency_ms:
            time.sleep(self.settings.latency_ms / 1000)
        with self.lock:
            self.calls[side][request.path] += 1
            failure = self._planned_failure(request)
            instead = _failed(failure) if failure and failure.get("drop") != "after" else None
            front = self.front
            if side == "hubspot":
                return _answered(self.hubspot.handle, request, failure, instead)
            if side == "paystack":
                return _answered(self.paystack.handle, request, failure, instead)
        if side == "square":
            return self._square(request, failure, instead)
        return front.handle(request, failure, instead)  # it locks by itself: a slow answer must hold up nobody else

    def _square(self, request: Request, failure: dict[str, Any] | None, instead: Response | None) -> Response:
        with self.lock:
            stall, square = taken(self.settings, "square_timeout"), self.square
        if stall:
            time.sleep(stall.get("seconds", 60))
            return Response(0, drop=True)
        if SUBSCRIPTION_TEST.fullmatch(request.path):  # it waits for the app, which may ask for something meanwhile
            return _answered(square.handle, request, failure, instead)
        with self.lock:
            return _answered(square.handle, request, failure, instead)

    def _planned_failure(self, request: Request) -> dict[str, Any] | None:
        """Take the first planned failure that fits this call."""
        for failure in self.settings.fail_next:
            method = failure.get("method")
            if method in (None, request.method) and request.path.startswith(failure.get("path_prefix", "/")):
                failure["times"] = failure.get("times", 1) - 1
                if failure["times"] <= 0:
                    self.settings.fail_next.remove(failure)
                return failure
        return None


def _answered(
    handle: Callable[[Request], Response], request: Request, failure: dict[str, Any] | None, instead: Response | None
) -> Response:
    """Return the answer; a planned failure stands instead of it, or closes the connection behind it."""
    if instead is not None:
        return instead
    response = handle(request)
    response.drop = response.drop or failure is not None
    return response


def _failed(failure: dict[str, Any]) -> Response:
    if failure.get("drop"):
        return Response(0, drop=True)
    body = failure.get("body", "")
    headers = dict(failure.get("headers") or {})
    is_text = isinstance(body, str)
    content_type = headers.pop("Content-Type", "text/html; charset=utf-8" if is_text else "application/json")
    content = body.encode() if is_text else orjson.dumps(body)
    return Response(int(failure.get("status", 500)), content, content_type, headers)
