"""The consent dance, carried by social-auth: it connects an account to a signed-in member and signs nobody in."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from social_core.backends.oauth import BaseOAuth2
from social_core.exceptions import AuthSessionError, SocialAuthBaseException

from accounts.models import Organization, User
from accounts.permissions import ROLES_FOR, Act
from integrations.base.auth import CredentialManager, OAuthHandler, Tokens
from integrations.base.errors import IntegrationError
from integrations.base.registry import get_connector_class
from integrations.services.connections import ConnectRefused, connect_account
from integrations.tasks import ring_sync

CONSENT_LIFETIME = 600  # seconds from Connect to the provider's answer
SESSION_KEY = "connecting"


class ConnectFailed(SocialAuthBaseException):
    """A consent that ended in no connection; `str()` is the sentence for people."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


class ConnectionOAuth2(BaseOAuth2[HttpResponse]):
    """A social-auth back-end that ends in a Connection. A provider's own sets `name` and nothing else.

    The state is random, bound to the session, the person and the organization, good once and for ten minutes.
    """

    ASSOCIATION_ONLY = True
    REDIRECT_STATE = False
    STATE_PARAMETER = True
    wanted_scopes: tuple[str, ...] = ()  # empty asks for all that the connector names

    def __init__(self, strategy: Any = None, redirect_uri: str | None = None) -> None:
        super().__init__(strategy, redirect_uri)
        if redirect_uri:
            # The address registered at the provider is the public one, whatever name this request came in by.
            self.redirect_uri = settings.PUBLIC_URL + redirect_uri

    def handler(self) -> OAuthHandler:
        """Return the handler that makes this provider's OAuth calls."""
        return OAuthHandler(self.name, CredentialManager())

    def auth_url(self) -> str:
        """Return the consent page's address."""
        return self.handler().get_authorization_url(
            self.redirect_uri or "", self.wanted_scopes, state=self.get_or_create_state() or ""
        )

    def auth_complete(self, *args: Any, **kwargs: Any) -> Any:
        """Take the provider's answer; raises social-auth's errors and ConnectFailed."""
        self.strategy.session_set("connect_result", None)
        if not isinstance(self.strategy.session_get(SESSION_KEY), dict):
            raise AuthSessionError(self, code="session_context_missing", stage="callback")
        return super().auth_complete(*args, **kwargs)

    def request_access_token(self, *_args: Any, data: Any = None, **_kwargs: Any) -> dict[Any, Any]:
        """Exchange the code through our own handler, so that every outgoing call has one door."""
        try:
            tokens = self.handler().exchange_code_for_token(str(data["code"]), str(data["redirect_uri"]))
        except IntegrationError as problem:
            raise ConnectFailed(problem.sentence) from problem
        return {"access_token": tokens.access_token, "tokens": tokens}

    def get_key_and_secret(self) -> tuple[str, str]:
        """Return our application's id and secret at the provider."""
        endpoints = get_connector_class(self.name).oauth()
        return endpoints.client_id, endpoints.client_secret

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Ask for nothing about the person: only the account matters, and the connector reads that."""
        return {}


def begin_consent(backend: ConnectionOAuth2, *, organization_id: int) -> None:
    """Note in the session for whom this consent is, and when it began."""
    backend.strategy.session_set(
        SESSION_KEY, {"organization": organization_id, "provider": backend.name, "at": int(time.time())}
    )


def store_connection(backend: ConnectionOAuth2, user: User, response: dict[str, Any], **_: Any) -> HttpResponse:
    """The pipeline's only step: make the connection, ask for its first sync and go to its page.

    Raises ConnectFailed with a sentence when it may not or cannot be.
    """
    organization = _organization_of_consent(backend, user)
    tokens: Tokens = response.pop("tokens")
    response.pop("access_token", None)
    try:
        connection = connect_account(organization=organization, provider=backend.name, tokens=tokens, connected_by=user)
    except ConnectRefused as refusal:
        raise ConnectFailed(str(refusal)) from refusal
    except IntegrationError as problem:
        raise ConnectFailed(f"{problem.sentence} Nothing was connected.") from problem
    ring_sync(connection)
    messages.success(backend.strategy.request, f"{connection} is connected and is being read now.")
    return redirect("connection", pk=connection.pk)


def _organization_of_consent(backend: ConnectionOAuth2, user: User) -> Organization:
    began = backend.strategy.session_pop(SESSION_KEY) or {}
    if began.get("provider") != backend.name:
        raise AuthSessionError(backend, code="state_mismatch", stage="callback")
    if time.time() - began.get("at", 0) > CONSENT_LIFETIME:
        raise ConnectFailed(
            "The consent took longer than ten minutes, so nothing was connected. Start again with Connect."
        )
    membership = (
        user.memberships.select_related("organization")
        .filter(organization_id=began["organization"], role__in=ROLES_FOR[Act.CONNECT])
        .first()
    )
    if membership is None:
        raise ConnectFailed("You may no longer connect accounts for this organization, so nothing was connected.")
    return membership.organization
