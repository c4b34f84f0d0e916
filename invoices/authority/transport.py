"""How the authority is spoken to: one client with one pair of keys, answers sorted, nothing raised or repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import requests
from django.conf import settings

from integrations.base.errors import IntegrationError, RequestRejected
from integrations.base.http import ApiClient
from integrations.base.pace import Paces
from invoices.authority.base import Absent, Accepted, Answer, CredentialsRefused, Lookup, LookupFailed, Unclear, Verdict
from invoices.authority.environment import mixed_environments
from invoices.authority.pacing import paces_of
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
Reader = Callable[[int | None, Any, str], Any]


class Transport:
    """The calls below the endpoints; `provider` names them in logs."""

    name = "The tax authority (MBS)"

    def __init__(self, *, api_key: str, api_secret: str, business: str = "") -> None:
        self._has_keys = bool(api_key and api_secret)
        self._api_key = api_key
        self._client = ApiClient(
            provider="mbs",
            name=self.name,
            base_url=f"{settings.MBS_BASE_URL}/api/v1",
            headers=lambda: {"x-api-key": api_key, "x-api-secret": api_secret},
            pacer=Paces(*paces_of(business)),
            connect_timeout=CONNECT_SECONDS,
            read_timeout=LOOKUP_SECONDS,
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self._client.close()

    def _barred(self) -> CredentialsRefused | None:
        """Say why nothing may be asked at all: no keys, or an authority of the other environment."""
        mixed = mixed_environments()
        if mixed:
            return CredentialsRefused(mixed)
        return None if self._has_keys else CredentialsRefused(NO_KEYS)

    def _hand_in(self, path: str, body: bytes) -> Verdict:
        verdict: Verdict = self._write("POST", path, body, read_refusal, SIGN_SECONDS)
        return verdict

    def _write(self, method: str, path: str, body: bytes, read: Reader, seconds: float = LOOKUP_SECONDS) -> Any:
        """Return a Verdict, or what `read` makes of a refusal from (status, decoded body, kept text)."""
        barred = self._barred()
        if barred is not None:
            return barred
        try:
            response = self._send(method, path, body, None, seconds)
        except RequestRejected as refusal:
            return read(refusal.status, refusal.body, _kept(refusal))
        except IntegrationError as trouble:
            return Unclear(trouble.sentence, http_status=trouble.status)
        data = data_of(response)
        evidence = evidence_of(response)
        if response.status_code in (200, 201) and isinstance(data, dict) and data.get("ok") is True:
            return Accepted({name: text for name, text in data.items() if isinstance(text, str)}, **evidence)
        return Unclear("The tax authority's answer can be read neither as yes nor as no.", **evidence)

    def _look_up(self, path: str, params: dict[str, str] | None = None) -> Any:
        """Return (data, evidence) of a 200, else a Lookup."""
        barred = self._barred()
        if barred is not None:
            return barred
        try:
            response = self._send("GET", path, None, params, LOOKUP_SECONDS)
        except RequestRejected as refusal:
            return _refused_lookup(refusal)
        except IntegrationError as trouble:
            return LookupFailed(trouble.sentence, http_status=trouble.status)
        if response.status_code != 200:
            return LookupFailed("The tax authority's answer cannot be read.", **evidence_of(response))
        return data_of(response), evidence_of(response)

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


def data_of(response: requests.Response) -> Any:
    """Return the `data` of an answer's envelope, None when there is none."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return body.get("data") if isinstance(body, dict) else None


def evidence_in(answer: Answer) -> dict[str, Any]:
    """Return an answer's evidence, to be carried over to another."""
    return {"http_status": answer.http_status, "response": answer.response}


def evidence_of(response: requests.Response) -> dict[str, Any]:
    """Return the evidence of a response."""
    return {"http_status": response.status_code, "response": response.text[:KEPT_CHARACTERS]}


def _kept(refusal: RequestRejected) -> str:
    return "" if refusal.body is None else orjson.dumps(refusal.body).decode()[:KEPT_CHARACTERS]
