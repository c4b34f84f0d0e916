"""HubSpot's API: one method per endpoint, decoded data out, our errors raised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import requests
from django.conf import settings

from integrations.base.auth import CredentialManager, OAuthHandler
from integrations.base.errors import (
    ConfigurationError,
    IntegrationError,
    InvalidResponse,
    NotFound,
    PermissionMissing,
    ReauthorizationRequired,
    RequestRejected,
    TransientError,
)
from integrations.base.http import ApiClient, CallStatistics, Observed
from integrations.base.ratelimit import AccountPacer, RateLimits

BATCH = 100  # inputs of a batch read, and records of a list page: HubSpot's maximum for both
SEARCH = "search"
# Searches have a limit of their own, five a second for all apps of an account, and no header that tells of it.
LIMITS = RateLimits("X-HubSpot-RateLimit-Max", "X-HubSpot-RateLimit-Interval-Milliseconds", lanes={SEARCH: (5, 1.0)})
EXISTS, LOCKED, LIMITED = 409, 423, 429
WAITABLE = {477: "HubSpot is moving this account to another region."}  # it takes up to a day
DAILY_LIMIT_WAIT = 3600.0  # seconds; the count ends at the account's midnight, and asking hourly finds that
SEARCH_PAGE = 200  # HubSpot's maximum for a search page


def object_path(kind: str, *parts: str) -> str:
    """Return the path of a CRM object type in the configured API version (dated, or the older v3)."""
    version = settings.HUBSPOT_API_VERSION
    base = f"/crm/{version}/objects" if version.startswith("v") else f"/crm/objects/{version}"
    return "/".join((base, kind, *parts))


def area_path(area: str, *parts: str) -> str:
    """Return the path of another API area ("crm/owners", "account-info") in the configured version."""
    version = settings.HUBSPOT_API_VERSION
    if version.startswith("v") and area.startswith("crm/"):
        return "/".join(("/crm", "v4" if area == "crm/associations" else version, area.removeprefix("crm/"), *parts))
    return "/".join((f"/{area}", version, *parts))


def limited_wait(response: requests.Response) -> float | None:
    """Return the seconds to wait where an answer names no Retry-After, None where nothing is known.

    After a 429: 1 for the search limit, an hour for the daily one, else the ten-second window. After a 423: 2.
    """
    if response.status_code == LOCKED:
        return 2.0
    if response.status_code != LIMITED:
        return None
    if b'"DAILY"' in response.content or b"daily limit" in response.content:
        return DAILY_LIMIT_WAIT
    return 1.0 if b"SECONDLY" in response.content and b"TEN_SECONDLY" not in response.content else 10.0


class HubSpotClient:
    """Calls HubSpot for one account; refreshes an access token by the clock, and once when it is refused.

    `urgent` work may use what a backfill leaves free of the account's limits.
    """

    def __init__(self, credentials: CredentialManager, *, urgent: bool = False) -> None:
        self._credentials = credentials
        account = f"hubspot:{credentials.connection_id}" if credentials.connection_id is not None else ""
        self._api = ApiClient(
            provider="hubspot",
            name="HubSpot",
            base_url=settings.HUBSPOT_API_BASE,
            headers=self._authorization,
            limited_wait=limited_wait,
            pacer=AccountPacer(LIMITS, account, urgent=urgent),
            waitable=WAITABLE,
        )

    @property
    def statistics(self) -> CallStatistics:
        """Return what was called so far."""
        return self._api.statistics

    def close(self) -> None:
        """Close the pooled connections."""
        self._api.close()

    @property
    def observed(self) -> Observed | None:
        """Return what the newest answer told beside its content."""
        return self._api.observed

    def granted_scopes(self) -> list[str]:
        """Return what the token in use may do, as HubSpot says; [] for a service key, of which it says nothing."""
        tokens = self._credentials.load()
        if not tokens.refresh_token:
            return []
        answer = OAuthHandler("hubspot", self._credentials).introspect(tokens.access_token)
        return [str(scope) for scope in answer.get("scopes") or []]

    def uninstall(self) -> None:
        """Remove our application from the account and end our grant; a service key can be ended in HubSpot only.

        Raises IntegrationError; the grant is ended even when the application could not be removed.
        """
        refresh_token = self._credentials.load().refresh_token
        if not refresh_token:
            raise ConfigurationError("a service key ends only where it was made.", provider="hubspot")
        try:
            self._call("DELETE", area_path("appinstalls", "external-install"), read_timeout=10.0)
        finally:
            # Uninstalling ends the grant too, so a refusal here tells nothing new.
            with suppress(IntegrationError):
                OAuthHandler("hubspot", self._credentials).revoke(refresh_token)

    def try_read(self, kind: str) -> None:
        """Read one record of a kind; raises IntegrationError, PermissionMissing when the account did not grant it."""
        self._call("GET", object_path(kind), params={"limit": 1})

    def get_account(self) -> dict[str, Any]:
        """Return the account's details."""
        return _object(self._call("GET", area_path("account-info", "details")))

    def get_pipelines(self) -> list[dict[str, Any]]:
        """Return all deal pipelines with their stages."""
        return _results(self._call("GET", area_path("crm/pipelines", "deals")))

    def get_owners(self) -> list[dict[str, Any]]:
        """Return all owners, archived ones too."""
        owners: list[dict[str, Any]] = []
        for archived in ("false", "true"):
            after = None
            while True:
                params = {"limit": 500, "archived": archived, **({"after": after} if after else {})}
                answer = self._call("GET", area_path("crm/owners"), params=params)
                owners += _results(answer)
                after = next_after(answer)
                if not after:
                    break
        return owners

    def list_deals(
        self, properties: Sequence[str], associations: Sequence[str], *, after: str = "", limit: int = BATCH
    ) -> dict[str, Any]:
        """Return one page of deals in the order of their ids, with the first 100 associations of each kind inline."""
        params = {"limit": limit, "properties": ",".join(properties), "associations": ",".join(associations)}
        if after:
            params["after"] = after
        return _object(self._call("GET", object_path("deals"), params=params))

    def list_archived_deals(self, *, after: str = "") -> dict[str, Any]:
        """Return one page of the deals in the recycle bin, their names only; no search ever shows them."""
        params = {"limit": BATCH, "properties": "dealname", "archived": "true", **({"after": after} if after else {})}
        return _object(self._call("GET", object_path("deals"), params=params))

    def get_deal(self, deal_id: str, properties: Sequence[str], associations: Sequence[str]) -> dict[str, Any]:
        """Return one deal; raises NotFound when there is none or it is archived."""
        params = {"properties": ",".join(properties), "associations": ",".join(associations)}
        return _object(self._call("GET", object_path("deals", deal_id), params=params))

    def search(self, kind: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return one page of a search; see HubSpot's limits of 10,000 results and 5 searches a second."""
        return _object(self._call("POST", object_path(kind, "search"), json=query, lane=SEARCH))

    def walk(
        self, kind: str, query_after: Callable[[str], Mapping[str, Any]], after_id: str = ""
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield all that a search finds in the order of ids, a page at a time.

        It is walked by id and never by its offset, which stops at 10,000; and never by the change time, which loops
        for ever when one bulk edit gave more than 10,000 records the same one.
        """
        while True:
            results = self.search(kind, query_after(after_id))["results"]
            if not results:
                return
            last_id = str(results[-1]["id"])
            if last_id == after_id:
                raise InvalidResponse("HubSpot sent the same page of a search twice.", provider="hubspot")
            after_id = last_id
            yield results
            if len(results) < SEARCH_PAGE:
                return

    def batch_read(self, kind: str, ids: Iterable[str], properties: Sequence[str]) -> list[dict[str, Any]]:
        """Return up to 100 records by id, in no promised order; ids that are gone are left out."""
        query = {
            "inputs": [{"id": i} for i in ids],
            "properties": list(properties),
            "propertiesWithHistory": [],
        }
        return _results(self._call("POST", object_path(kind, "batch", "read"), json=query))

    def read_associations(self, to_kind: str, deal_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Return all associations of up to 100 deals as {deal id: [{"toObjectId", "associationTypes"}]}.

        Deals without any are left out by HubSpot, in an answer of status 207 that is no failure.
        """
        found: dict[str, list[dict[str, Any]]] = {}
        inputs: list[dict[str, str]] = [{"id": deal_id} for deal_id in deal_ids]
        while inputs:
            answer = self._call(
                "POST",
                area_path("crm/associations", "deals", to_kind, "batch", "read"),
                json={"inputs": inputs},
            )
            inputs = []
            for result in _results(answer):
                deal_id = str(result["from"]["id"])
                found.setdefault(deal_id, []).extend(result.get("to") or [])
                if after := next_after(result):
                    inputs.append({"id": deal_id, "after": after})
        return found

    def ensure_deal_properties(self, definitions: Iterable[Mapping[str, Any]]) -> None:
        """Create deal properties; one that is there already is left as it is."""
        for definition in definitions:
            try:
                self._call("POST", area_path("crm/properties", "deals"), json=dict(definition))
            except RequestRejected as refusal:
                if refusal.status != EXISTS:
                    raise

    def update_deal(self, deal_id: str, properties: Mapping[str, str]) -> None:
        """Set properties of a deal; raises RequestRejected with HubSpot's words when it refuses a value."""
        self._call("PATCH", object_path("deals", deal_id), json={"properties": dict(properties)})

    def _authorization(self) -> dict[str, str]:
        tokens = self._credentials.load()
        if tokens.is_stale:
            tokens = self._credentials.renew(self._refresh)
        return {"Authorization": f"Bearer {tokens.access_token}"}

    def _refresh(self, refresh_token: str) -> Any:
        if not refresh_token:
            raise ReauthorizationRequired(
                "HubSpot does not accept this service key. Give a new one.", provider="hubspot"
            )
        return OAuthHandler("hubspot", self._credentials).refresh_token(refresh_token)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        """Call once, and once more with a fresh token when the token was refused."""
        used = self._credentials.load()
        # One refusal of a key may be a slip of theirs, and a key cannot be renewed: it is tried again as it is.
        for _ in range(1 if used.refresh_token else 2):
            try:
                return self._api.call(method, path, repeatable=True, **options)  # harmless to repeat, all of them
            except RequestRejected as refusal:
                if refusal.status != 401:
                    raise _as_our_error(refusal) from refusal
        self._credentials.renew(self._refresh, used=used.access_token)
        try:
            return self._api.call(method, path, repeatable=True, **options)
        except RequestRejected as refusal:
            raise _as_our_error(refusal) from refusal


def _as_our_error(refusal: RequestRejected) -> IntegrationError:
    body = refusal.body if isinstance(refusal.body, dict) else {}
    facts: dict[str, Any] = {
        "provider": "hubspot",
        "status": refusal.status,
        "request_id": refusal.request_id,
    }
    if refusal.status == 401:
        # The refresh before it was granted, so the grant stands: only a refused refresh may end it.
        return TransientError("HubSpot refuses a token that it has just given us.", **facts)
    if refusal.status == 403:
        scopes = tuple(_missing_scopes(body))
        return PermissionMissing(
            "HubSpot did not grant this app " + (", ".join(scopes) or "what this needs") + ". "
            "Connect the account again and allow it.",
            scopes=scopes,
            **facts,
        )
    if refusal.status == 404:
        return NotFound("HubSpot has no such record, or it was archived.", **facts)
    details = [str(error.get("message") or "") for error in body.get("errors") or [] if isinstance(error, dict)]
    said = ": ".join(filter(None, [str(body.get("message") or ""), ", ".join(filter(None, details))]))[:300]
    return RequestRejected(f"HubSpot refused the request (HTTP {refusal.status}). {said}".strip(), body=body, **facts)


def _missing_scopes(body: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for error in body.get("errors") or []:
        found += (error.get("context") or {}).get("requiredGranularScopes") or []
    return found


def next_after(answer: Any) -> str:
    """Return the cursor of the next page, "" on the last."""
    paging = answer.get("paging") if isinstance(answer, dict) else None
    return str(((paging or {}).get("next") or {}).get("after") or "")


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise InvalidResponse("HubSpot sent an answer of an unexpected shape.", provider="hubspot")
    return answer


def _results(answer: Any) -> list[dict[str, Any]]:
    results = _object(answer).get("results")
    if not isinstance(results, list):
        raise InvalidResponse("HubSpot sent an answer without results.", provider="hubspot")
    return results
