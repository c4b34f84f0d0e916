"""The control endpoint: look at what happened, reset, change settings, plant values. Loopback only."""

from collections.abc import Callable
from dataclasses import asdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.control_hubspot import HubSpotControl, Refused, body_of
from sandbox.control_paystack import PaystackControl
from sandbox.control_square import SquareControl
from sandbox.control_webhooks import WebhookControl
from sandbox.expected import judge_all
from sandbox.mbs_businesses import BUSINESSES, read_qr
from sandbox.settings import change
from sandbox.web import Request, Response, Routes, json_response, split_path

if TYPE_CHECKING:
    from sandbox.app import Sandbox


class Control:
    """Answers the paths under /_control; it always works on the sandbox's present state."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self.routes = Routes(
            ("GET", "/_control/received", self.received),
            ("GET", "/_control/businesses", self.businesses),
            ("GET", "/_control/expected", self.expected),
            ("POST", "/_control/reset", self.reset),
            ("GET", "/_control/settings", self.show_settings),
            ("POST", "/_control/settings", self.settings),
            ("POST", "/_control/qr", self.qr),
            ("GET", "/_control/mbs/log", self.mbs_log),
            ("GET", "/_control/mbs/exchange", self.mbs_exchange),
            ("POST", "/_control/mbs/alter", self.mbs_alter),
            ("POST", "/_control/mbs/forget", self.mbs_forget),
            *HubSpotControl(sandbox).table,
            *WebhookControl(sandbox).table,
            *SquareControl(sandbox).table,
            *PaystackControl(sandbox).table,
        )

    def handle(self, request: Request) -> Response:
        """Answer a call; 403 for other machines."""
        if not ip_address(request.client).is_loopback:
            return _problem(403, "The control endpoint answers only this machine.")
        found = self.routes.find(request.method, split_path(request.path))
        if found is None:
            return _problem(404, "There is no such control path. The package's docstring lists them.")
        handler: Callable[..., Response] = found[0]
        try:
            return handler(request, *found[1])
        except orjson.JSONDecodeError as error:
            return _problem(400, f"The body is not JSON: {error}.")
        except Refused as refusal:
            return _problem(404, str(refusal))

    def received(self, request: Request) -> Response:
        """GET: calls of each side, and what the authority registered and refused."""
        report = self.sandbox.authority.report(request.argument("documents", "1") != "0")
        counts = self.sandbox.calls
        sides: dict[str, dict[str, Any]] = {
            side: {"calls": sum(counts[side].values()), "by_path": dict(counts[side])} for side in counts
        }
        sides["mbs"] |= report
        sides["hubspot"]["uninstalls"] = self.sandbox.hubspot.grants.uninstalls
        return json_response(200, sides)

    def businesses(self, request: Request) -> Response:
        """GET: the sellers known to the authority, with the key file each downloads from its dashboard."""
        return json_response(200, [business.profile() for business in BUSINESSES])

    def expected(self, request: Request) -> Response:
        """GET: what should become of each deal."""
        return json_response(200, judge_all(self.sandbox.hubspot.data))

    def reset(self, request: Request) -> Response:
        """POST: start afresh, with another size or seed if given; `same_modified` deals share one modified time."""
        body = body_of(request)
        for name in ("deals", "seed", "same_modified"):
            if type(body.get(name, 0)) is not int or body.get(name, 0) < 0:
                return _problem(400, f"{name} must be a whole number of 0 or more.")
        self.sandbox.reset(deals=body.get("deals"), seed=body.get("seed"), same_modified=body.get("same_modified", 0))
        return json_response(200, {"ok": True, "deals": self.sandbox.settings.deals})

    def show_settings(self, request: Request) -> Response:
        """GET: the settings as they are now; counted faults show what is left of them."""
        return json_response(200, asdict(self.sandbox.settings))

    def settings(self, request: Request) -> Response:
        """POST: change settings of the running sandbox; a reset takes them back."""
        body = body_of(request)
        expire = body.pop("expire_access_tokens", False)
        problem = change(self.sandbox.settings, body)
        if problem:
            return _problem(400, problem)
        self.sandbox.apply_settings()
        if expire:
            self.sandbox.expire_access_tokens()
        return json_response(200, {"ok": True})

    def mbs_log(self, request: Request) -> Response:
        """GET: the witness log of the authority, every call in order; `after` leaves out the first so many."""
        after = request.argument("after", "0")
        return json_response(200, self.sandbox.front.log[int(after) if after.isdigit() else 0 :])

    def mbs_exchange(self, request: Request) -> Response:
        """GET: VAT reports, transmissions and the authority's own webhooks."""
        return json_response(200, self.sandbox.authority.exchange.report())

    def mbs_alter(self, request: Request) -> Response:
        """POST: change the amount to be paid of a registered document."""
        body = body_of(request)
        if str(body.get("irn")) not in self.sandbox.authority.signed:
            return _problem(404, "The authority has no document of this IRN.")
        self.sandbox.authority.alter(str(body["irn"]), str(body.get("payable_amount", "0")))
        return json_response(200, {"ok": True})

    def mbs_forget(self, request: Request) -> Response:
        """POST: lose a registered document."""
        irn = str(body_of(request).get("irn"))
        if irn not in self.sandbox.authority.signed:
            return _problem(404, "The authority has no document of this IRN.")
        self.sandbox.authority.forget(irn)
        return json_response(200, {"ok": True})

    def qr(self, request: Request) -> Response:
        """POST: decrypt the content of a QR code and say whether its invoice is registered."""
        content = read_qr(str(body_of(request).get("payload", "")))
        if content is None:
            return _problem(400, "No business's key opens this payload.")
        return json_response(200, content | {"known_irn": content["irn"] in self.sandbox.authority.signed})


def _problem(status: int, sentence: str) -> Response:
    return json_response(status, {"error": sentence})
