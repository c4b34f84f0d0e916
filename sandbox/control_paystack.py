"""The part of the control endpoint that stands at Paystack's terminals: take a payment, end it, give it back."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.control_hubspot import Refused, body_of
from sandbox.paystack import Account, BadPayment
from sandbox.square_settings import is_address
from sandbox.web import Request, Response, json_response

if TYPE_CHECKING:
    from sandbox.app import Sandbox
    from sandbox.paystack import Paystack


class PaystackControl:
    """Does what the people at the terminals would; always on the sandbox's present state."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self.table = (
            ("POST", "/_control/paystack/payments", self.take),
            ("POST", "/_control/paystack/payments/{reference}/finish", self.finish),
            ("POST", "/_control/paystack/refunds", self.refund),
            ("POST", "/_control/paystack/webhook", self.set_webhook),
            ("GET", "/_control/paystack/webhooks", self.webhooks),
        )

    @property
    def paystack(self) -> "Paystack":
        """The accounts as they are since the last reset."""
        return self.sandbox.paystack

    def take(self, request: Request) -> Response:
        """POST {"key", "amount", "reference", "metadata", "status", "currency", "at"}: take a payment."""
        body = body_of(request)
        return _tried(lambda: self.paystack.take(self._account(body), body))

    def finish(self, request: Request, reference: str) -> Response:
        """POST {"key", "status"}: end a payment that was left pending."""
        body = body_of(request)
        return _tried(lambda: self.paystack.finish(self._account(body), reference, str(body.get("status", "success"))))

    def refund(self, request: Request) -> Response:
        """POST {"key", "reference", "amount"}: give back a payment, or a part of it."""
        body = body_of(request)
        return _tried(lambda: self.paystack.refund(self._account(body), body))

    def set_webhook(self, request: Request) -> Response:
        """POST {"key", "url"}: the address that the account's dashboard is given; an empty one takes it away."""
        body = body_of(request)
        url = str(body.get("url") or "")
        if url and not is_address(url):
            raise Refused("The url has to be an http or https address.")
        self._account(body).webhook_url = url
        return json_response(200, {"ok": True})

    def webhooks(self, request: Request) -> Response:
        """GET: counts of Paystack's deliveries and the last 200."""
        return json_response(200, self.paystack.webhooks.report())

    def _account(self, body: dict[str, Any]) -> Account:
        found = self.paystack.accounts.get(str(body.get("key") or next(iter(self.paystack.accounts))))
        if found is None:
            raise Refused(f"There is no account of this key; there are {', '.join(self.paystack.accounts)}.")
        return found


def _tried(act: Callable[[], dict[str, Any]]) -> Response:
    try:
        return json_response(200, act())
    except (BadPayment, ValueError) as problem:
        raise Refused(str(problem)) from None
