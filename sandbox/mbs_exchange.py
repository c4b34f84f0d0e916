"""The authority's exchange between access points, its VAT report, and the two calls about taxpayers."""

import time
from typing import TYPE_CHECKING, Any

from sandbox.mbs_businesses import BUSINESSES
from sandbox.mbs_envelope import OFFLINE, Refused, answer, decoded, error, unknown_irn
from sandbox.mbs_notices import STEP
from sandbox.web import Request, Response

if TYPE_CHECKING:
    from sandbox.mbs import Authority, Signed

NO_WEBHOOK = "webhook url is not setup"
VAT_STATUSES = ("STANDARD_VAT", "ZERO_VAT", "REDUCED_VAT")
VAT_FIELDS = (
    "agent_tin", "beneficiary_tin", "irn", "currency", "item_description", "base_amount", "vat_calculated", "vat_rate",
    "vat_status", "other_taxes", "total_amount", "transaction_date", "integrator_service_id",
)  # fmt: skip
MAY_BE_EMPTY = {"beneficiary_tin", "integrator_service_id"}


class Exchange:
    """Passes registered documents on, and keeps what was reported about them."""

    def __init__(self, authority: "Authority") -> None:
        self.authority = authority
        self.transmissions: list[str] = []
        self.vat_reports: list[dict[str, str]] = []
        self.table = (
            ("GET", "/api/v1/invoice/transmit/self-health-check", self.health),
            ("GET", "/api/v1/invoice/transmit/pull", self.pull),
            ("GET", "/api/v1/invoice/transmit/lookup/{irn}", self.lookup),
            ("GET", "/api/v1/invoice/transmit/lookup/tin/{tin}", self.lookup_tin),
            ("POST", "/api/v1/invoice/transmit/{irn}", self.transmit),
            ("PATCH", "/api/v1/invoice/transmit/{irn}", self.acknowledge),
            ("POST", "/api/v1/vat/postpayment", self.report_vat),
            ("POST", "/api/v1/utilities/authenticate", self.authenticate),
            ("POST", "/api/v1/utilities/verify-tin", self.verify_tin),
        )

    def health(self, request: Request) -> Response:
        """GET transmit/self-health-check: it fails while the webhook is missing."""
        return answer(200, {"ok": True, "item": {}}) if self._has_webhook() else _no_webhook()

    def transmit(self, request: Request, irn: str) -> Response:
        """POST transmit/{irn}: at once or not at all; there is no queue on this side."""
        signed = self.authority.seen(irn)
        if signed is None:
            return unknown_irn()
        if not self._has_webhook():
            return _no_webhook()
        if self.authority.settings.mbs_buyers_offline:
            return error(404, "transmit_actions", OFFLINE, OFFLINE)
        self.transmissions.append(irn)
        self.authority.committed = "transmit"
        self._hand_over(signed)
        return answer(200, {"ok": True})

    def _hand_over(self, signed: "Signed") -> None:
        settings, tell = self.authority.settings, self.authority.notices.tell
        if settings.mbs_transmit_fails:
            tell(signed.irn, "TRANSMITTING", "FAILED")
            return
        signed.transmitted = True
        if settings.mbs_buyer_acknowledges:
            signed.acknowledges_at = time.monotonic() + 2 * STEP
            tell(signed.irn, "TRANSMITTING", "TRANSMITTED", "ACKNOWLEDGED")
        else:
            tell(signed.irn, "TRANSMITTING", "TRANSMITTED")

    def acknowledge(self, request: Request, irn: str) -> Response:
        """PATCH transmit/{irn}: the buyer's side confirms; every body in use is taken, also an empty one."""
        signed = self.authority.signed.get(irn)
        if signed is None:
            return unknown_irn()
        if not signed.transmitted:
            raise Refused("the invoice was not transmitted")
        signed.acknowledged = True
        self.authority.committed = "acknowledge"
        self.authority.notices.tell(irn, "ACKNOWLEDGED")
        return answer(200, {"ok": True})

    def pull(self, request: Request) -> Response:
        """GET transmit/pull: what was transmitted to the caller, or to anybody for an integrator's keys."""
        caller = self.authority.caller
        wanted = request.argument("confirmed")
        items = [
            {"irn": signed.irn}
            for signed in self.authority.signed.values()
            if signed.transmitted
            and (caller is None or _customer(signed).get("tin") == caller.tin)
            and wanted in ("", str(signed.delivered).lower())
            and request.argument("from") <= signed.signed_at[:10] <= (request.argument("to") or "9999")
        ]
        return answer(200, {"ok": True, "item": {}, "invoices": items})

    def lookup(self, request: Request, irn: str) -> Response:
        """GET transmit/lookup/{irn}: both parties of a registered document."""
        signed = self.authority.seen(irn)
        if signed is None:
            return unknown_irn()
        supplier = signed.document["accounting_supplier_party"]
        return answer(200, {"accounting_supplier_party": supplier, "accounting_customer_party": _customer(signed)})

    def lookup_tin(self, request: Request, tin: str) -> Response:
        """GET transmit/lookup/tin/{tin}: the party behind a TIN, while its access point can be reached."""
        if self.authority.settings.mbs_buyers_offline:
            return error(404, "transmit_actions", OFFLINE, OFFLINE)
        for party in self._parties():
            if party.get("tin") == tin:
                return answer(200, {"accounting_supplier_party": {}, "accounting_customer_party": party})
        return error(404, "transmit_actions", "record not found", "no party was found for this tin")

    def _parties(self) -> list[dict[str, Any]]:
        sellers = [
            {"party_name": each.name, "tin": each.tin, "email": each.email, "telephone": each.telephone}
            for each in BUSINESSES
        ]
        return sellers + [_customer(signed) for signed in self.authority.signed.values()]

    def report_vat(self, request: Request) -> Response:
        """POST vat/postpayment: every value is text; the same report twice is two reports."""
        body = decoded(request.body)
        for name in VAT_FIELDS:
            value = body.get(name) if isinstance(body, dict) else None
            if not isinstance(value, str) or (not value and name not in MAY_BE_EMPTY):
                raise Refused(f"vatpostpaymentrequest.{name.replace('_', '')} is required")
        if body["vat_status"] not in VAT_STATUSES:
            raise Refused(f"vatpostpaymentrequest.vatstatus must be one of {' '.join(VAT_STATUSES)}")
        if self.authority.seen(body["irn"]) is None:
            return unknown_irn()
        self.vat_reports.append(body)
        self.authority.committed = "vat"
        return answer(200, {"ok": True})

    def authenticate(self, request: Request) -> Response:
        """POST utilities/authenticate: any taxpayer's e-mail address and password "sandbox" tell the entity's id."""
        body = decoded(request.body)
        for business in BUSINESSES:
            if isinstance(body, dict) and body.get("email") == business.email and body.get("password") == "sandbox":
                return answer(200, {
                    "entity_id": business.entity_id,
                    "id": business.business_id,
                    "message": "User logged in",
                    "received_at": "2026-11-20T10:42:05.123456789+01:00",
                    "status": "200 OK",
                })  # fmt: skip
        return error(400, "handler", "", "unable to log in with these details")

    def verify_tin(self, request: Request) -> Response:
        """POST utilities/verify-tin: what the register says about a TIN."""
        body = decoded(request.body)
        for business in BUSINESSES:
            if isinstance(body, dict) and body.get("tin") == business.tin:
                return answer(200, {
                    "address": f"{business.street}, {business.city}", "email": business.email, "id": "1", "jtb_tin": "",
                    "message": "", "phone": business.telephone, "rc_number": business.rc_number, "status": "success",
                    "taxofficer_id": "", "taxofficer_name": "", "taxpayer_name": business.name, "taxpayer_type": "C",
                    "tin": business.tin,
                })  # fmt: skip
        return error(404, "handler", "record not found", "no taxpayer was found for this tin")

    def report(self) -> dict[str, Any]:
        """Return what was transmitted, reported and posted, for the control endpoint."""
        notices = list(self.authority.notices.sent)
        return {"transmissions": self.transmissions, "vat_reports": self.vat_reports, "webhooks": notices}

    def _has_webhook(self) -> bool:
        return bool(self.authority.settings.mbs_webhook_target)


def _customer(signed: "Signed") -> dict[str, Any]:
    return signed.document.get("accounting_customer_party") or {}


def _no_webhook() -> Response:
    return error(400, "transmit_actions", "", NO_WEBHOOK)
