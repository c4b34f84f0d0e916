"""The tax authority's platform: envelope, keys, registration of documents, look-ups."""

import json
import os
import secrets
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import uuid4

import orjson
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from sandbox.dataset import now_text
from sandbox.mbs_businesses import BUSINESSES, Business, business_of
from sandbox.mbs_codes import resources
from sandbox.mbs_sums import sums_ok
from sandbox.mbs_validation import IRN, MAX_IRN, PAYMENT_STATUSES, ROOT, Refused, check_document, check_uuid
from sandbox.web import Request, Response, Routes, json_response, split_path

API_KEY, API_SECRET = "sandbox-key", "sandbox-secret"
FAILED = "validation failed: we are unable to process your request. also confirm this is not a duplicate request"
BUSY_OR_DUPLICATE = "unable to complete this operation at this time, kindly try again later"
MAX_PAGE = 1000
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


class Authority:
    """Everything that the authority knows and answers."""

    def __init__(self) -> None:
        self.signed: dict[str, Signed] = {}
        self.rejected: list[dict[str, str]] = []
        self.sign_attempts: Counter[str] = Counter()
        self._numbers: dict[tuple[str, str], str] = {}
        self._open = Routes(
            ("GET", "/api", self.health),
            ("GET", "/api/v1/invoice/resources/{name}", self.resource),
        )
        self._closed = Routes(
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
                return _no_route()
            keys = (request.headers.get("x-api-key"), request.headers.get("x-api-secret"))
            if keys != (API_KEY, API_SECRET):
                return _error(400, "handler", "", "unable to validate api key")
        handler, values = found
        return self._refusing(handler, request, values)

    def _refusing(self, handler: Callable[..., Response], request: Request, values: list[str]) -> Response:
        side = "entity_actions" if "/entity" in request.path else "invoice_actions"
        try:
            return handler(request, *values)
        except Refused as refusal:
            if request.method == "POST":
                self.rejected.append({"irn": irn_in(request.body), "details": refusal.details, "path": request.path})
            return _error(400, side, refusal.details, refusal.public_message or FAILED)

    # Entities, code lists.

    def health(self, request: Request) -> Response:
        """GET /api: the one answer without an envelope."""
        return _answer_raw(200, {"healthy": True})

    def resource(self, request: Request, name: str) -> Response:
        """GET /invoice/resources/{name}."""
        return _answer(200, resources()[name]) if name in resources() else _no_route()

    def entities(self, request: Request) -> Response:
        """GET /entity."""
        wanted = request.argument("reference")
        shown = [business.entity() for business in BUSINESSES]
        return _list(request, [entity for entity in shown if wanted in ("", entity["reference"])])

    def entity(self, request: Request, entity_id: str) -> Response:
        """GET /entity/{id}."""
        check_uuid(entity_id)
        for business in BUSINESSES:
            if business.entity_id == entity_id.lower():
                return _answer(200, business.entity())
        return _error(404, "entity_actions", "entity not found", "entity not found")

    # Documents.

    def validate_irn(self, request: Request) -> Response:
        """POST /invoice/irn/validate."""
        body = _decoded(request.body)
        values: dict[str, str] = {}
        for name in ("invoice_reference", "business_id", "irn"):
            value = body.get(name) if isinstance(body, dict) else None
            if not isinstance(value, str) or not value:
                raise Refused(f"irnvalidationrequest.{name.replace('_', '')} is required")
            values[name] = value
        business = _known_business(values["business_id"])
        number, _ = _irn_parts(values["irn"], business)
        if number != values["invoice_reference"]:
            raise Refused("invoice reference does not match the irn, refer to the template", "irn validation failed")
        self._check_unused(values["irn"], business, number)
        return _answer(200, {"ok": True})

    def validate(self, request: Request) -> Response:
        """POST /invoice/validate."""
        self._judge(request.body)
        return _answer(200, {"ok": True})

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
        )
        self._numbers[business.business_id, number] = irn
        return _answer(201, {"ok": True})

    def _judge(self, body: bytes) -> tuple[dict[str, Any], Business, str]:
        """Return the document, its business and its number; raises Refused with the first thing that is wrong."""
        document = _decoded(body)
        check_document(document)
        business = _known_business(document["business_id"])
        number, issued = _irn_parts(document["irn"], business)
        if issued != document["issue_date"]:
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
        signed = self.signed.get(irn)
        if signed is None:
            return _unknown_irn()
        return _answer(200, {
            "issue_date": signed.document["issue_date"],
            "due_date": signed.document.get("due_date"),
            "sync_date": signed.signed_at[:10],
            "payment_status": signed.payment_status,
            "transmitted": False,
            "delivered": False,
        })  # fmt: skip

    def update(self, request: Request, irn: str) -> Response:
        """PATCH /invoice/update/{irn}: set the payment status."""
        signed = self.signed.get(irn)
        if signed is None:
            return _unknown_irn()
        body = _decoded(request.body)
        status = body.get("payment_status") if isinstance(body, dict) else None
        if not status:
            raise Refused("updaterequest.paymentstatus is required")
        if status not in PAYMENT_STATUSES:
            raise Refused(f"updaterequest.paymentstatus must be one of {' '.join(PAYMENT_STATUSES)}")
        signed.payment_status = status
        return _answer(200, {"ok": True})

    def search(self, request: Request, business_id: str) -> Response:
        """GET /invoice/{business_id}: registered documents, newest first unless asked otherwise."""
        check_uuid(business_id)
        filters = {name: request.argument(name) for name in FILTERS if request.argument(name)}
        mine = [signed for signed in self.signed.values() if signed.business.business_id == business_id.lower()]
        if request.argument("sort_direction_desc", "true") != "false":
            mine.reverse()
        items = [_item(signed) for signed in mine]
        return _list(request, [item for item in items if _fits(item, filters)])

    def download(self, request: Request, irn: str) -> Response:
        """GET /invoice/download/{irn}: the document, AES-256-CFB under `pub` + 8 characters of the API key."""
        signed = self.signed.get(irn)
        if signed is None:
            return _unknown_irn()
        pub, vector = secrets.token_urlsafe(18), os.urandom(16)
        encryptor = Cipher(AES((pub + API_KEY[:8]).encode()), CFB(vector)).encryptor()
        encrypted = encryptor.update(signed.body) + encryptor.finalize()
        text = urlsafe_b64encode(encrypted).decode().rstrip("=")
        return _answer(200, {"iv_hex": vector.hex(), "pub": pub, "data": text})

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


def _decoded(body: bytes) -> Any:
    def refuse(word: str) -> None:
        raise Refused(f"invalid character '{word[0]}' looking for beginning of value")

    try:
        return json.loads(body, parse_float=Decimal, parse_constant=refuse)
    except ValueError:
        raise Refused("invalid character in the body: it is not JSON") from None


def _known_business(business_id: str) -> Business:
    check_uuid(business_id)
    business = business_of(business_id)
    if business is None:
        raise Refused(f"{ROOT}.businessid does not belong to a known business")
    return business


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
        "entry_status": "TRANSMITTING",  # the only value ever seen
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


def _list(request: Request, found: list[dict[str, Any]]) -> Response:
    size = _positive(request.argument("size"), 10, MAX_PAGE)
    page = _positive(request.argument("page"), 1, 2**31)
    shown = found[(page - 1) * size : page * size]
    facts = {
        "page": page,
        "size": size,
        "hasNextPage": page * size < len(found),
        "hasPreviousPage": page > 1,
        "totalCount": len(found),
    }
    return _answer(200, {"items": shown or None, "page": facts, "attributes": None})


def _positive(text: str, default: int, most: int) -> int:
    return min(int(text), most) if text.isascii() and text.isdigit() and int(text) else default


def _answer_raw(status: int, content: Any) -> Response:
    response = json_response(status, content)
    response.content_type = "application/json; charset=utf-8"
    response.headers["Cache-Control"] = "private"
    return response


def _answer(status: int, data: Any) -> Response:
    return _answer_raw(status, {"code": status, "data": data})


def _error(status: int, side: str, details: str, public_message: str) -> Response:
    error = {"id": str(uuid4()), "handler": side}
    if details:
        error["details"] = details
    error["public_message"] = public_message
    return _answer_raw(status, {"code": status, "data": None, "message": "error has occurred", "error": error})


def _unknown_irn() -> Response:
    return _error(404, "invoice_actions", "record not found", "no record was found for this irn")


def _no_route() -> Response:
    message = "no route found for this path. kindly check your request and try again"
    return _answer_raw(404, {"code": 404, "data": None, "message": message})
