"""The tax authority's platform: keys, registration of documents, look-ups."""

import json
import os
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import orjson
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from sandbox.dataset import now_text
from sandbox.mbs_businesses import BUSINESSES, Business, business_of, business_with_key
from sandbox.mbs_codes import resources
from sandbox.mbs_envelope import (
    BUSY_OR_DUPLICATE,
    FAILED,
    KEY_PROBLEM,
    Refused,
    answer,
    answer_raw,
    decoded,
    error,
    listing,
    no_route,
    unknown_irn,
)
from sandbox.mbs_exchange import Exchange
from sandbox.mbs_notices import Notices
from sandbox.mbs_sums import sums_ok
from sandbox.mbs_validation import IRN, MAX_IRN, ROOT, check_document, check_uuid, strictness
from sandbox.settings import Settings
from sandbox.web import Request, Response, Routes, split_path

API_KEY, API_SECRET = "sandbox-key", "sandbox-secret"
SI_KEY, SI_SECRET = "sandbox-si-key", "sandbox-si-secret"
FILTERS = (
    "irn", "payment_status", "entry_status", "invoice_type_code", "issue_date", "due_date", "tax_currency_code",
    "document_currency_code",
)  # fmt: skip


@dataclass(slots=True)
class Signed:
    """One registered document: as sent, and what is kept about it."""

    irn: str
    business: Business
    body: bytes
    document: dict[str, Any]
    payment_status: str
    signed_at: str
    sums_ok: bool
    seen_from: float = 0.0  # look-ups see it from this reading of the monotonic clock on
    transmitted: bool = False
    acknowledged: bool = False
    acknowledges_at: float | None = None  # when the buyer will by itself

    @property
    def delivered(self) -> bool:
        """Whether the buyer has acknowledged by now."""
        return self.acknowledged or (self.acknowledges_at is not None and time.monotonic() >= self.acknowledges_at)


class Authority:
    """Everything that the authority knows and answers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.committed = ""  # what the call under way has done
        self.caller: Business | None = None  # whose keys it came with; None: an integrator's, good for all
        self._key = ""
        self.notices = Notices(settings)
        self.exchange = Exchange(self)
        self.signed: dict[str, Signed] = {}
        self.rejected: list[dict[str, str]] = []
        self.sign_attempts: Counter[str] = Counter()
        self._numbers: dict[tuple[str, str], str] = {}
        self._open = Routes(
            ("GET", "/api", self.health),
            ("GET", "/api/v1/invoice/resources/{name}", self.resource),
        )
        self._closed = Routes(
            *self.exchange.table,
            ("GET", "/api/v1/entity", self.entities),
            ("GET", "/api/v1/entity/{id}", self.entity),
            ("POST", "/api/v1/invoice/irn/validate", self.validate_irn),
            ("POST", "/api/v1/invoice/validate", self.validate),
            ("POST", "/api/v1/invoice/sign", self.sign),
            ("GET", "/api/v1/invoice/confirm/{irn}", self.confirm),
            ("GET", "/api/v1/invoice/download/{irn}", self.download),
            ("PATCH", "/api/v1/invoice/update/{irn}", self.update),
            ("GET", "/api/v1/invoice/{business_id}", self.search),
        )

    def handle(self, request: Request) -> Response:
        """Answer a call in the authority's envelope; keys are wanted for all but health and code lists."""
        parts = split_path(request.path)
        found = self._open.find(request.method, parts)
        if found is None:
            found = self._closed.find(request.method, parts)
            if found is None:
                return no_route()
            if not self._knows(request):
                return error(400, "handler", "", KEY_PROBLEM)
        handler, values = found
        return self._refusing(handler, request, values)

    def _knows(self, request: Request) -> bool:
        """Tell whether the keys are right for this call, and keep whose they are."""
        key, secret = request.headers.get("x-api-key", ""), request.headers.get("x-api-secret", "")
        if key in self.settings.mbs_refused_keys:
            return False
        about_entities = request.path.startswith(("/api/v1/entity", "/api/v1/utilities"))
        self._key = key
        self.caller = business_with_key(key, secret)
        if self.caller is not None:
            return True
        if self.settings.mbs_entity_needs_si:
            return (key, secret) == ((SI_KEY, SI_SECRET) if about_entities else (API_KEY, API_SECRET))
        return (key, secret) in ((API_KEY, API_SECRET), (SI_KEY, SI_SECRET))

    def _refusing(self, handler: Callable[..., Response], request: Request, values: list[str]) -> Response:
        side = "entity_actions" if "/entity" in request.path else "invoice_actions"
        side = "transmit_actions" if "/transmit/" in request.path else side
        try:
            return handler(request, *values)
        except Refused as refusal:
            if request.method == "POST":
                self.rejected.append({"irn": irn_in(request.body), "details": refusal.details, "path": request.path})
            return error(400, side, refusal.details, refusal.public_message or FAILED)

    # Entities, code lists.

    def health(self, request: Request) -> Response:
        """GET /api: the one answer without an envelope."""
        return answer_raw(200, {"healthy": True})

    def resource(self, request: Request, name: str) -> Response:
        """GET /invoice/resources/{name}."""
        if self.settings.mbs_resources_down:
            return error(500, "handler", "", "an internal error has occurred")
        return answer(200, resources()[name]) if name in resources() else no_route()

    def entities(self, request: Request) -> Response:
        """GET /entity."""
        wanted = request.argument("reference")
        other = self.settings.mbs_template_service_id
        shown = [business.entity(other) for business in BUSINESSES if self.caller in (None, business)]
        return listing(request, [entity for entity in shown if wanted in ("", entity["reference"])])

    def entity(self, request: Request, entity_id: str) -> Response:
        """GET /entity/{id}."""
        check_uuid(entity_id)
        for business in BUSINESSES:
            if business.entity_id == entity_id.lower() and self.caller in (None, business):
                return answer(200, business.entity(self.settings.mbs_template_service_id))
        return error(404, "entity_actions", "entity not found", "entity not found")

    # Documents.

    def validate_irn(self, request: Request) -> Response:
        """POST /invoice/irn/validate."""
        body = decoded(request.body)
        values: dict[str, str] = {}
        for name in ("invoice_reference", "business_id", "irn"):
            value = body.get(name) if isinstance(body, dict) else None
            if not isinstance(value, str) or not value:
                raise Refused(f"irnvalidationrequest.{name.replace('_', '')} is required")
            values[name] = value
        business = self._own_business(values["business_id"])
        number, _ = _irn_parts(values["irn"], business)
        if number != values["invoice_reference"]:
            raise Refused("invoice reference does not match the irn, refer to the template", "irn validation failed")
        self._check_unused(values["irn"], business, number)
        return answer(200, {"ok": True})

    def validate(self, request: Request) -> Response:
        """POST /invoice/validate."""
        self._judge(request.body)
        return answer(200, {"ok": True})

    def sign(self, request: Request) -> Response:
        """POST /invoice/sign: register the document."""
        document, business, number = self._judge(request.body)
        irn = document["irn"]
        self.signed[irn] = Signed(
            irn=irn,
            business=business,
            body=request.body,
            document=document,
            payment_status=document.get("payment_status") or "PENDING",
            signed_at=now_text(),
            sums_ok=sums_ok(document),
            seen_from=time.monotonic() + self.settings.mbs_confirm_lag_s,
        )
        self.committed = "sign"
        self._numbers[business.business_id, number] = irn
        return answer(201, {"ok": True})

    def _judge(self, body: bytes) -> tuple[dict[str, Any], Business, str]:
        """Return the document, its business and its number; raises Refused with the first thing that is wrong."""
        document = decoded(body)
        check_document(document, strictness(self.settings))
        business = self._own_business(document["business_id"])
        number, issued = _irn_parts(document["irn"], business)
        if self.settings.mbs_date_is_issue_date and issued != document["issue_date"]:
            raise Refused(
                f"the date of the irn is not the issue date, refer to the template {business.irn_template}",
                "irn validation failed",
            )
        self._check_unused(document["irn"], business, number)
        for position, reference in enumerate(document.get("billing_reference") or []):
            if reference["irn"] not in self.signed:
                raise Refused(f"{ROOT}.billingreference[{position}].irn is not known")
        return document, business, number

    def _check_unused(self, irn: str, business: Business, number: str) -> None:
        if irn in self.signed:
            raise Refused(BUSY_OR_DUPLICATE)
        if (business.business_id, number) in self._numbers:
            raise Refused(f"the invoice number of this irn was used before: {number}", "irn validation failed")

    # Look-ups and payment status.

    def confirm(self, request: Request, irn: str) -> Response:
        """GET /invoice/confirm/{irn}."""
        signed = self.seen(irn)
        if signed is None:
            return unknown_irn()
        return answer(200, {
            "issue_date": signed.document["issue_date"],
            "due_date": signed.document.get("due_date"),
            "sync_date": signed.signed_at[:10],
            "payment_status": signed.payment_status,
            "transmitted": signed.transmitted,
            "delivered": signed.delivered,
        })  # fmt: skip

    def update(self, request: Request, irn: str) -> Response:
        """PATCH /invoice/update/{irn}: set the payment status."""
        signed = self.seen(irn)
        if signed is None:
            return unknown_irn()
        body = decoded(request.body)
        status = body.get("payment_status") if isinstance(body, dict) else None
        if not status:
            raise Refused("updaterequest.paymentstatus is required")
        words = ("PENDING", "PAID", *self.settings.mbs_status_words)
        if status not in words:
            raise Refused(f"updaterequest.paymentstatus must be one of {' '.join(words)}")
        signed.payment_status = status
        self.committed = "update"
        return answer(200, {"ok": True})

    def search(self, request: Request, business_id: str) -> Response:
        """GET /invoice/{business_id}: registered documents, newest first unless asked otherwise."""
        check_uuid(business_id)
        filters = {name: request.argument(name) for name in FILTERS if request.argument(name)}
        now = time.monotonic()
        mine = [
            signed
            for signed in self.signed.values()
            if signed.business.business_id == business_id.lower()
            and self.caller in (None, signed.business)
            and signed.seen_from <= now
        ]
        if request.argument("sort_direction_desc", "true") != "false":
            mine.reverse()
        items = [_item(signed) for signed in mine]
        return listing(request, [item for item in items if _fits(item, filters)])

    def download(self, request: Request, irn: str) -> Response:
        """GET /invoice/download/{irn}: the document, AES-256-CFB under `pub` + 8 characters of the
        caller's API key, or under the key of its own that the settings name."""
        signed = self.seen(irn)
        if signed is None:
            return unknown_irn()
        pub, vector = secrets.token_urlsafe(18), os.urandom(16)
        other_key = self.settings.mbs_download_key
        key = b64decode(other_key) if other_key else (pub + self._key[:8]).encode()
        encryptor = Cipher(AES(key), CFB(vector)).encryptor()
        encrypted = encryptor.update(signed.body) + encryptor.finalize()
        text = urlsafe_b64encode(encrypted).decode().rstrip("=")
        return answer(200, {"iv_hex": vector.hex(), "pub": pub, "data": text})

    def seen(self, irn: str) -> Signed | None:
        """Return what a look-up of this IRN finds now for the caller."""
        signed = self.signed.get(irn)
        if signed is None or signed.seen_from > time.monotonic() or self.caller not in (None, signed.business):
            return None
        return signed

    def alter(self, irn: str, payable_amount: str) -> None:
        """Change the amount of a registered document, as no authority should."""
        signed = self.signed[irn]
        signed.document["legal_monetary_total"]["payable_amount"] = Decimal(payable_amount)
        signed.body = json.dumps(signed.document, default=float).encode()

    def forget(self, irn: str) -> None:
        """Lose a registered document."""
        signed = self.signed.pop(irn)
        for key in [key for key, kept in self._numbers.items() if kept == signed.irn]:
            del self._numbers[key]

    def _own_business(self, business_id: str) -> Business:
        check_uuid(business_id)
        business = business_of(business_id)
        if business is None or self.caller not in (None, business):
            raise Refused(f"{ROOT}.businessid does not belong to a known business")
        return business

    def report(self, with_documents: bool) -> dict[str, Any]:
        """Return what was registered and refused, for the control endpoint."""
        return {
            "signed": [_report_line(signed, with_documents) for signed in self.signed.values()],
            "rejected": self.rejected,
            "sign_attempts": dict(self.sign_attempts),
        }


def irn_in(body: bytes) -> str:
    """Return the IRN of a body as far as it has one."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    return str(content.get("irn", "")) if isinstance(content, dict) else ""


def _report_line(signed: Signed, with_documents: bool) -> dict[str, Any]:
    customer = signed.document.get("accounting_customer_party") or {}
    line = {
        "irn": signed.irn,
        "business_id": signed.business.business_id,
        "issue_date": signed.document["issue_date"],
        "body_sha256": sha256(signed.body).hexdigest(),
        "signed_at": signed.signed_at,
        "sums_ok": signed.sums_ok,
        "payable_amount": str(signed.document["legal_monetary_total"]["payable_amount"]),
        "buyer_tin": customer.get("tin"),
    }
    return line | {"document": orjson.Fragment(signed.body)} if with_documents else line


def _irn_parts(irn: str, business: Business) -> tuple[str, str]:
    """Return an IRN's invoice number and its date as YYYY-MM-DD; raises Refused when it breaks the template."""
    number, service_id, issued = [*irn.split("-"), "", ""][:3]
    try:
        day = datetime.strptime(issued, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        day = date.min
    if not IRN.fullmatch(irn) or len(irn) > MAX_IRN or service_id != business.service_id or day == date.min:
        raise Refused(
            f"the irn is not valid for this business, refer to the template {business.irn_template}",
            "irn validation failed",
        )
    return number, day.isoformat()


def _item(signed: Signed) -> dict[str, Any]:
    document = signed.document
    due = document.get("due_date")
    return {
        "irn": signed.irn,
        "payment_status": signed.payment_status,
        "entry_status": "TRANSMITTING",  # the only value ever seen, transmitted or not
        "invoice_type_code": document["invoice_type_code"],
        "issue_date": f"{document['issue_date']}T00:00:00Z",
        "issue_time": document.get("issue_time") or "",
        "due_date": f"{due}T00:00:00Z" if due else None,
        "sync_date": signed.signed_at[:10],
        "document_currency_code": document["document_currency_code"],
        "tax_currency_code": document["tax_currency_code"],
    }


def _fits(item: dict[str, Any], filters: dict[str, str]) -> bool:
    return all(
        str(item[name] or "").removesuffix("T00:00:00Z") == wanted.removesuffix("T00:00:00Z")
        for name, wanted in filters.items()
    )
