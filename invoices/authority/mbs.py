"""Nigeria's tax authority (NRS), its MBS platform: one method per endpoint, answers classified, nothing raised."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import requests
from django.conf import settings

from integrations.base.errors import IntegrationError, RequestRejected
from integrations.base.http import ApiClient
from invoices.authority.base import (
    Absent,
    Accepted,
    Answer,
    CredentialsRefused,
    Found,
    Lookup,
    LookupFailed,
    Unclear,
    Verdict,
)
from invoices.authority.refusals import KEYS_REFUSED, is_about_keys, read_refusal, sentence_of

CONNECT_SECONDS = 10.0
LOOKUP_SECONDS = 30.0
# Integrators chose 15 to 60 s; a sign that is cut short costs a look-up, so it gets the longest.
SIGN_SECONDS = 60.0
KEPT_CHARACTERS = 16_000
NO_KEYS = (
    "No API key for the tax authority is set for this business. "
    "Give its key and secret on the business profile, then resume its submissions."
)


class MBSAuthority:
    """The authority behind settings.MBS_BASE_URL, spoken to with one pair of keys."""

    name = "The tax authority (MBS)"

    def __init__(self, *, api_key: str, api_secret: str) -> None:
        self._has_keys = bool(api_key and api_secret)
        self._client = ApiClient(
            provider="mbs",
            name=self.name,
            base_url=f"{settings.MBS_BASE_URL}/api/v1",
            headers=lambda: {"x-api-key": api_key, "x-api-secret": api_secret},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=LOOKUP_SECONDS,
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self._client.close()

    def validate(self, body: bytes) -> Verdict:
        """Ask whether the document would be accepted."""
        return self._hand_in("/invoice/validate", body)

    def sign(self, body: bytes) -> Verdict:
        """Register the document: signing is the act of registration."""
        return self._hand_in("/invoice/sign", body)

    def confirm(self, irn: str) -> Lookup:
        """Ask for one invoice by its number."""
        answer = self._look_up(f"/invoice/confirm/{irn}")
        if not isinstance(answer, tuple):
            return answer
        data, evidence = answer
        if not isinstance(data, dict) or not data.get("issue_date"):
            return LookupFailed("The tax authority's answer about the invoice says nothing.", **evidence)
        return _found(data, evidence)

    def search(self, *, business_id: str, irn: str) -> Lookup:
        """Look for the number among the business's invoices; no items means that it is not there."""
        answer = self._look_up(f"/invoice/{business_id}", params={"irn": irn})
        if isinstance(answer, Absent):  # a 404 here means that the business is unknown, not the invoice
            return LookupFailed("The tax authority does not know this business.", **_evidence(answer))
        if not isinstance(answer, tuple):
            return answer
        data, evidence = answer
        if not isinstance(data, dict) or not isinstance(data.get("page"), dict) or "items" not in data:
            return LookupFailed("The tax authority's list of invoices cannot be read.", **evidence)
        items = [item for item in data["items"] or [] if isinstance(item, dict)]
        same = [item for item in items if str(item.get("irn", "")).upper() == irn.upper()]
        if same:
            return _found(same[0], evidence)
        if items:
            return LookupFailed("The tax authority listed other invoices than the one asked for.", **evidence)
        return Absent(**evidence)

    def check_credentials(self) -> Accepted | CredentialsRefused | LookupFailed:
        """List the first entity: harmless, and refused without the right keys."""
        answer = self._look_up("/entity", params={"size": "1"})
        if isinstance(answer, tuple):
            return Accepted({}, **answer[1])
        if isinstance(answer, CredentialsRefused):
            return answer
        return LookupFailed("The tax authority did not say whether the keys are right.", **_evidence(answer))

    def _hand_in(self, path: str, body: bytes) -> Verdict:
        if not self._has_keys:
            return CredentialsRefused(NO_KEYS)
        try:
            response = self._send("POST", path, body, None, SIGN_SECONDS)
        except RequestRejected as refusal:
            return read_refusal(refusal.status, refusal.body, _kept(refusal))
        except IntegrationError as trouble:
            return Unclear(trouble.sentence, http_status=trouble.status)
        data = _data(response)
        evidence = _evidence_of(response)
        if response.status_code in (200, 201) and isinstance(data, dict) and data.get("ok") is True:
            return Accepted({name: text for name, text in data.items() if isinstance(text, str)}, **evidence)
        return Unclear("The tax authority's answer can be read neither as yes nor as no.", **evidence)

    def _look_up(self, path: str, params: dict[str, str] | None = None) -> Any:
        """Return (data, evidence) of a 200, else a Lookup."""
        if not self._has_keys:
            return CredentialsRefused(NO_KEYS)
        try:
            response = self._send("GET", path, None, params, LOOKUP_SECONDS)
        except RequestRejected as refusal:
            return _refused_lookup(refusal)
        except IntegrationError as trouble:
            return LookupFailed(trouble.sentence, http_status=trouble.status)
        if response.status_code != 200:
            return LookupFailed("The tax authority's answer cannot be read.", **_evidence_of(response))
        return _data(response), _evidence_of(response)

    def _send(
        self, method: str, path: str, body: bytes | None, params: dict[str, str] | None, seconds: float
    ) -> requests.Response:
        # Nothing is repeated here, look-ups neither: the invoice's own schedule does that, and a claim's lease
        # must outlast the slowest attempt.
        return self._client.send(
            method,
            path,
            params=params,
            data=body,
            content_type="application/json",
            repeatable=False,
            read_timeout=seconds,
        )


def _refused_lookup(refusal: RequestRejected) -> Lookup:
    evidence: dict[str, Any] = {"http_status": refusal.status, "response": _kept(refusal)}
    if is_about_keys(refusal.status, refusal.body):
        return CredentialsRefused(KEYS_REFUSED, **evidence)
    # An unknown route answers 404 as well, but without an `error`: that says nothing about the invoice.
    if refusal.status == 404 and isinstance(refusal.body, dict) and isinstance(refusal.body.get("error"), dict):
        return Absent(**evidence)
    return LookupFailed(sentence_of(refusal.body) or refusal.sentence, **evidence)


def _found(data: dict[str, Any], evidence: dict[str, Any]) -> Found:
    return Found(
        issue_date=_day(data.get("issue_date")),
        payment_status=str(data.get("payment_status") or ""),
        transmitted=data.get("transmitted") is True,
        delivered=data.get("delivered") is True,
        **evidence,
    )


def _day(text: Any) -> date | None:
    """Read a plain date or an RFC 3339 midnight: the one endpoint sends this, the other that."""
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _data(response: requests.Response) -> Any:
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return body.get("data") if isinstance(body, dict) else None


def _evidence(answer: Answer) -> dict[str, Any]:
    return {"http_status": answer.http_status, "response": answer.response}


def _evidence_of(response: requests.Response) -> dict[str, Any]:
    return {"http_status": response.status_code, "response": response.text[:KEPT_CHARACTERS]}


def _kept(refusal: RequestRejected) -> str:
    return "" if refusal.body is None else orjson.dumps(refusal.body).decode()[:KEPT_CHARACTERS]
