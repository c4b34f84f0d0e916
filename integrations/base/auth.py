"""Tokens: where they are kept, and how they are asked for, exchanged and refreshed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from integrations.base.errors import (
    ConfigurationError,
    IntegrationError,
    InvalidResponse,
    ReauthorizationRequired,
    RequestRejected,
)
from integrations.base.http import ApiClient

if TYPE_CHECKING:
    from integrations.base.connector import OAuthEndpoints

OAUTH_TIMEOUT = 15.0  # seconds; a refresh holds its row for as long
REFRESH_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token endpoint gave; `expires_at` is None for a key without an end. Never shown by repr."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    account_id: str = ""

    @property
    def is_stale(self) -> bool:
        """Tell whether less than five minutes are left."""
        return self.expires_at is not None and self.expires_at - timezone.now() < REFRESH_BEFORE


class CredentialManager:
    """Keeps the tokens of one connection, encrypted in the database.

    With `connection_id` None it holds tokens in memory only, for an account that is not connected yet.
    """

    def __init__(self, connection_id: int | None = None, tokens: Tokens | None = None) -> None:
        self.connection_id = connection_id
        self._tokens = tokens
        self._lock = threading.Lock()

    def load(self) -> Tokens:
        """Return the tokens; raises ReauthorizationRequired when none are stored."""
        with self._lock:
            if self._tokens is None:
                self._tokens = self._read()
            return self._tokens

    def store(self, tokens: Tokens) -> None:
        """Store tokens, encrypted; a refresh token that did not come again is kept."""
        from integrations.models import Credential

        values: dict[str, Any] = {
            "access_token": tokens.access_token,
            "expires_at": tokens.expires_at,
            "refresh_failing_since": None,
        }
        if tokens.refresh_token:
            values["refresh_token"] = tokens.refresh_token
        if self.connection_id is not None:
            Credential.objects.update_or_create(connection_id=self.connection_id, defaults=values)
        self._tokens = tokens

    def wipe(self) -> None:
        """Forget the tokens, here and in the database."""
        from integrations.models import Credential

        if self.connection_id is not None:
            Credential.objects.filter(connection_id=self.connection_id).delete()
        self._tokens = None

    def renew(self, refresh: Callable[[str], Tokens], *, used: str = "") -> Tokens:
        """Return fresh tokens, asking the provider once however many workers need them.

        The row is locked while `refresh` calls out, and read again once locked: whoever waited finds tokens newer
        than the `used` access token and asks nothing. Raises what `refresh` raises.
        """
        if self.connection_id is None:
            raise ReauthorizationRequired("This key is not accepted any more. Give a new one.")
        in_pool = threading.current_thread() is not threading.main_thread()
        try:
            with transaction.atomic():
                current = self._read(lock=True)
                if current.access_token != used and not current.is_stale:
                    self._tokens = current
                    return current
                fresh = refresh(current.refresh_token)
                self.store(fresh)
                return self.load()
        except IntegrationError:
            self._note_failed_refresh()
            raise
        finally:
            if in_pool and not database.in_atomic_block:
                database.close()  # a fetcher's thread ends with its run and would leave its connection behind

    def _note_failed_refresh(self) -> None:
        from integrations.models import Credential

        assert self.connection_id is not None  # noqa: S101 (renew refuses what is not stored)
        rows = Credential.objects.filter(connection_id=self.connection_id, refresh_failing_since=None)
        rows.update(refresh_failing_since=timezone.now())

    def _read(self, *, lock: bool = False) -> Tokens:
        from integrations.models import Credential

        rows = Credential.objects.select_for_update() if lock else Credential.objects.all()
        row = rows.filter(connection_id=self.connection_id).first() if self.connection_id is not None else None
        if row is None or not row.access_token:
            raise ReauthorizationRequired("No token is stored for this connection. Connect the account again.")
        return Tokens(row.access_token, row.refresh_token or "", row.expires_at)


class OAuthHandler:
    """Speaks OAuth 2.0 with one provider: the consent address, the exchange of a code, the refresh.

    Raises ConfigurationError where our application's id or secret is missing or refused.
    """

    def __init__(self, platform_name: str, credential_manager: CredentialManager) -> None:
        from integrations.base.registry import get_connector_class

        connector = get_connector_class(platform_name)
        self.platform_name = platform_name
        self.name = connector.info.name
        self.credential_manager = credential_manager
        self.endpoints: OAuthEndpoints = connector.oauth()

    def get_authorization_url(self, redirect_uri: str, scopes: tuple[str, ...] = (), state: str = "") -> str:
        """Return the consent page's address; `scopes`, when given, is all that is asked for."""
        query = {
            "client_id": self.endpoints.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes or self.endpoints.scopes),
            "state": state,
            "response_type": "code",
            **self.endpoints.query,
        }
        if self.endpoints.optional_scopes and not scopes:
            query["optional_scope"] = " ".join(self.endpoints.optional_scopes)
        return f"{self.endpoints.authorize_url}?{urlencode(query)}"

    def exchange_code_for_token(self, code: str, redirect_uri: str) -> Tokens:
        """Return the tokens for a code. A code is good once: raises ReauthorizationRequired when it is refused."""
        return self._ask({"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri})

    def refresh_token(self, refresh_token: str) -> Tokens:
        """Return fresh tokens; the refresh token given is kept when none comes back.

        Raises ReauthorizationRequired when the grant is gone, which takes two refusals and our own application's being
        in order; ConfigurationError when it is not; TransientError children for anything that may pass.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            fresh = self._ask(form)
        except ReauthorizationRequired:
            # One slip of theirs must not cost a connection, and some providers blame the grant for our wrong secret.
            try:
                fresh = self._ask(form)
            except ReauthorizationRequired:
                self._check_application(refresh_token)
                raise
        if fresh.refresh_token:
            return fresh
        return Tokens(fresh.access_token, refresh_token, fresh.expires_at, fresh.scopes, fresh.account_id)

    def _check_application(self, token: str) -> None:
        """Raise ConfigurationError when the provider refuses our own id or secret; any other answer says nothing."""
        try:
            self.introspect(token)
        except IntegrationError as problem:
            refusal = problem.__cause__
            if isinstance(refusal, RequestRejected) and _words(refusal) & self.endpoints.client_refused:
                raise

    def introspect(self, token: str) -> dict[str, Any]:
        """Return what the provider says of a token ("active", "scopes"), {} when it has no such call."""
        if not self.endpoints.introspect_url:
            return {}
        answer = self._post(self.endpoints.introspect_url, {"token": token}, repeatable=True)
        return answer if isinstance(answer, dict) else {}

    def revoke(self, refresh_token: str) -> None:
        """End a grant at the provider; raises IntegrationError. Tried once: whoever disconnects is waiting."""
        if self.endpoints.revoke_url:
            form = {"token": refresh_token, "token_type_hint": "refresh_token"}
            self._post(self.endpoints.revoke_url, form, repeatable=False)

    def _ask(self, form: dict[str, str]) -> Tokens:
        # A code is spent by the first call that arrives, so only a refresh may be repeated.
        repeatable = form["grant_type"] == "refresh_token"
        return self._tokens(self._post(self.endpoints.token_url, form, repeatable=repeatable))

    def _post(self, address: str, form: dict[str, str], *, repeatable: bool) -> Any:
        if not self.endpoints.client_id:
            raise ConfigurationError(
                f"{self.name} is not set up on this server: the application's id and secret are missing.",
                provider=self.platform_name,
            )
        url = urlsplit(address)
        client = ApiClient(provider=self.platform_name, name=self.name, base_url=f"{url.scheme}://{url.netloc}")
        form = form | {"client_id": self.endpoints.client_id, "client_secret": self.endpoints.client_secret}
        try:
            as_json = form if self.endpoints.sends_json else None
            as_form = None if self.endpoints.sends_json else form
            return client.call(
                "POST", url.path, json=as_json, form=as_form, repeatable=repeatable, read_timeout=OAUTH_TIMEOUT
            )
        except RequestRejected as refusal:
            raise self._refused(refusal, form.get("grant_type", "")) from refusal
        finally:
            client.close()

    def _refused(self, refusal: RequestRejected, grant: str) -> Exception:
        words = _words(refusal)
        facts: dict[str, Any] = {
            "provider": self.platform_name,
            "status": refusal.status,
            "request_id": refusal.request_id,
        }
        if grant == "authorization_code" and words & self.endpoints.code_refused:
            return ReauthorizationRequired(
                f"{self.name} did not accept this consent: it was used already or is too old. "
                "Nothing was connected; start again with Connect.",
                **facts,
            )
        if grant == "refresh_token" and words & self.endpoints.grant_gone:
            return ReauthorizationRequired(
                f"{self.name} no longer lets us in: the access was withdrawn there. Connect the account again.",
                **facts,
            )
        return ConfigurationError(
            f"{self.name} refused our application (HTTP {refusal.status}). Operations must check its credentials.",
            **facts,
        )

    def _tokens(self, answer: Any) -> Tokens:
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise InvalidResponse(
                f"{self.name} answered the token request without a token.", provider=self.platform_name
            )
        return Tokens(
            access_token=answer["access_token"],
            refresh_token=str(answer.get("refresh_token") or ""),
            expires_at=_expiry(answer),
            scopes=tuple(answer.get("scopes") or ()),
            account_id=str(answer.get(self.endpoints.account_field) or ""),
        )


def _expiry(answer: dict[str, Any]) -> datetime:
    """Return when an access token ends, told as an instant or in seconds; half an hour where nothing is told."""
    try:
        moment = datetime.fromisoformat(str(answer["expires_at"]))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return timezone.now() + timedelta(seconds=int(answer.get("expires_in") or 1800))


def _words(refusal: RequestRejected) -> set[str]:
    """Return a refusal's code words, in whichever shape they came."""
    body = refusal.body if isinstance(refusal.body, dict) else {}
    errors = body.get("errors")
    codes = {str(each.get("code")) for each in errors if isinstance(each, dict)} if isinstance(errors, list) else set()
    return codes | {str(body.get(name)) for name in ("status", "error", "type")}
