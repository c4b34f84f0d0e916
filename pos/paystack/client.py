"""Paystack's API: one method per endpoint, decoded data out, our errors raised.

Built from public facts and never tried live: docs/paystack.md says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings

from integrations.base.auth import CredentialManager
from integrations.base.errors import (
    IntegrationError,
    InvalidResponse,
    NotFound,
    PermissionMissing,
    ReauthorizationRequired,
    RequestRejected,
)
from integrations.base.http import ApiClient, CallStatistics
from integrations.base.ratelimit import GENERAL, AccountPacer, RateLimits

# No figures are published; five a second for one account is modest.
LIMITS = RateLimits(lanes={GENERAL: (5, 1.0)})


class PaystackClient:
    """Calls Paystack with one account's secret key."""

    def __init__(self, credentials: CredentialManager, *, urgent: bool = False) -> None:
        self._credentials = credentials
        account = f"paystack:{credentials.connection_id}" if credentials.connection_id is not None else ""
        self._api = ApiClient(
            provider="paystack",
            name="Paystack",
            base_url=settings.PAYSTACK_BASE,
            headers=lambda: {"Authorization": f"Bearer {credentials.load().access_token}"},
            pacer=AccountPacer(LIMITS, account, urgent=urgent),
        )

    @property
    def statistics(self) -> CallStatistics:
        """Return what was called so far."""
        return self._api.statistics

    def close(self) -> None:
        """Close the pooled connections."""
        self._api.close()

    def first_of(self, path: str) -> dict[str, Any] | None:
        """Return the first record of a list, None when it is empty."""
        rows = _rows(self._call(path, {"perPage": 1, "page": 1}))
        return rows[0] if rows else None

    def list_transactions(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of the transactions of a window."""
        return self._pages("/transaction", _window(since, until))

    def list_refunds(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of the refunds of a window."""
        return self._pages("/refund", _window(since, until))

    def refunds_of(self, transaction_id: str) -> list[dict[str, Any]]:
        """Return the refunds of one transaction."""
        pages = self._pages("/refund", {settings.PAYSTACK_REFUND_QUERY: transaction_id})
        return [each for page in pages for each in page if refunded_transaction(each) == transaction_id]

    def verify(self, reference: str) -> dict[str, Any]:
        """Return one transaction by its reference; raises NotFound."""
        return _record(self._call(f"/transaction/verify/{quote(reference, safe='')}"))

    def get_transaction(self, transaction_id: str) -> dict[str, Any]:
        """Return one transaction by its id; raises NotFound."""
        return _record(self._call(f"/transaction/{quote(transaction_id, safe='')}"))

    def _pages(self, path: str, query: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """Yield pages until an empty one or the last that the answer counts; raises InvalidResponse in a circle."""
        number, before = 1, None
        while True:
            answer = self._call(path, {**query, "perPage": settings.PAYSTACK_PAGE, "page": number})
            rows = _rows(answer)
            ids = [each.get("id") for each in rows]
            if rows and ids == before:
                raise InvalidResponse("Paystack sent one page of a list twice.", provider="paystack")
            if rows:
                yield rows
            if not rows or number >= _page_count(answer, number + 1):
                return
            number, before = number + 1, ids

    def _call(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._api.get(path, params=query)
        except RequestRejected as refusal:
            raise _as_our_error(refusal) from refusal
        if not isinstance(answer, dict):
            raise _other_shape()
        if answer.get("status") is not True:
            raise RequestRejected(f"Paystack refused the request: {_message(answer)}", provider="paystack", body=answer)
        return answer


def refunded_transaction(refund: Mapping[str, Any]) -> str:
    """Return the id of the transaction that a refund is of, told as a number or as an object; "" when untold."""
    told = refund.get("transaction")
    return str((told.get("id") if isinstance(told, dict) else told) or "")


def _as_our_error(refusal: RequestRejected) -> IntegrationError:
    facts: dict[str, Any] = {"provider": "paystack", "status": refusal.status, "request_id": refusal.request_id}
    said = _message(refusal.body)
    if refusal.status == 401:
        return ReauthorizationRequired(
            "Paystack does not accept this secret key: it was replaced there, or mistyped. Connect with the new one.",
            **facts,
        )
    if refusal.status == 403:
        return PermissionMissing(
            "Paystack does not let this key read payments. Give the account's secret key.", **facts
        )
    # A reference that nobody has was answered by 400 and by 404.
    if refusal.status == 404 or (refusal.status == 400 and "not found" in said.lower()):
        return NotFound("Paystack has no such transaction.", **facts)
    return RequestRejected(f"Paystack refused the request: {said or refusal.status}", body=refusal.body, **facts)


def _message(body: Any) -> str:
    said = body.get("message") if isinstance(body, dict) else ""
    return said[:300] if isinstance(said, str) else ""


def _rows(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = answer.get("data")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _other_shape()
    return found


def _record(answer: Mapping[str, Any]) -> dict[str, Any]:
    found = answer.get("data")
    if not isinstance(found, dict):
        raise _other_shape()
    return found


def _page_count(answer: Mapping[str, Any], unknown: int) -> int:
    meta = answer.get("meta")
    count = meta.get("pageCount") if isinstance(meta, dict) else None
    return count if isinstance(count, int) else unknown


def _other_shape() -> InvalidResponse:
    return InvalidResponse("Paystack sent an answer of another shape than it promises.", provider="paystack")


def _window(since: datetime, until: datetime) -> dict[str, Any]:
    return {"from": since.isoformat(), "to": until.isoformat()}
