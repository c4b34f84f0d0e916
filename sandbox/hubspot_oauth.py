"""The consent page and the token endpoints."""

import time
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from sandbox.dataset import PORTAL_ID
from sandbox.html import page
from sandbox.hubspot_errors import HubSpotError, oauth_error
from sandbox.hubspot_grants import CLIENT_ID, CLIENT_SECRET, REQUIRED_SCOPES, SCOPES, Grants, Token
from sandbox.settings import Settings
from sandbox.web import Request, Response, Routes, html_response, json_response

VERSIONS = ("2026-03", "2026-09", "v3")
APP_ID, USER_ID, ACCOUNT = 1160452, 9586504, "Seller's CRM"
FIELDS = ("client_id", "redirect_uri", "scope", "optional_scope", "state")


class OAuthServer:
    """Answers the OAuth paths."""

    def __init__(self, grants: Grants, settings: Settings) -> None:
        self.grants = grants
        self.settings = settings
        self.routes = Routes(
            ("GET", "/oauth/authorize", self.show_consent),
            ("POST", "/oauth/authorize", self.decide),
            ("GET", "/oauth/{account}/authorize", self.show_consent),
            ("POST", "/oauth/{account}/authorize", self.decide),
            ("POST", "/oauth/{version}/token", self.token),
            ("POST", "/oauth/{version}/token/introspect", self.introspect),
            ("POST", "/oauth/{version}/token/revoke", self.revoke),
        )

    def show_consent(self, request: Request, account: str = "") -> Response:
        """Show who asks for what, with an Approve and a Refuse button; an error page when the link is wrong."""
        given = {name: request.argument(name) for name in FIELDS}
        problem = _problem(given)
        if problem:
            return html_response(400, page("This app cannot be connected", f"<p>{escape(problem)}</p>"))
        scopes = "".join(f"<li>{escape(scope)}</li>" for scope in _granted(given))
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value, quote=True)}">' for name, value in given.items()
        )
        buttons = "".join(
            f'<form class="answer" method="post" action="/oauth/authorize">{hidden}'
            f'<input type="hidden" name="decision" value="{value}"><button type="submit"{style}>{word}</button></form>'
            for value, word, style in (("approve", "Approve", ' class="main"'), ("refuse", "Refuse", ""))
        )
        body = (
            f"<p>The app <strong>{CLIENT_ID}</strong> asks to read data of the account <strong>{ACCOUNT}</strong> "
            f"({PORTAL_ID}). It will be allowed to use:</p><ul>{scopes}</ul>{buttons}"
        )
        return html_response(200, page(f"Connect {CLIENT_ID} to HubSpot", body))

    def decide(self, request: Request, account: str = "") -> Response:
        """Send the person back with a code, or with the refusal."""
        form = request.form()
        given = {name: form.get(name, "") for name in FIELDS}
        problem = _problem(given)
        if problem:
            return html_response(400, page("This app cannot be connected", f"<p>{escape(problem)}</p>"))
        answer = {"error": "access_denied", "error_description": "The user refused to authorize the application."}
        if form.get("decision") == "approve":
            answer = {"code": self.grants.issue_code(given["redirect_uri"], _granted(given))}
        if given["state"]:
            answer["state"] = given["state"]
        joint = "&" if urlsplit(given["redirect_uri"]).query else "?"
        location = given["redirect_uri"] + joint + urlencode(answer)
        return Response(302, b"", "text/html; charset=utf-8", {"Location": location, "Cache-Control": "no-store"})

    def token(self, request: Request, version: str) -> Response:
        """Exchange a code or a refresh token for an access token."""
        form = request.form()
        _check_version(version)
        grant = form.get("grant_type", "")
        if grant == "authorization_code":
            _check_client(form)
            text, token = self.grants.exchange(form.get("code", ""), form.get("redirect_uri", ""))
        elif grant == "refresh_token":
            if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                # The original does not say that the app is the wrong one.
                raise oauth_error("BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
            self._check_refresh()
            text, token = self.grants.issue(form.get("refresh_token", ""))
        else:
            raise oauth_error("BAD_GRANT_TYPE", "missing or unknown grant type", "unsupported_grant_type")
        answer = {
            "token_type": "bearer",
            "access_token": text,
            "refresh_token": token.refresh_token,
            "expires_in": self.grants.token_ttl,
            "hub_id": PORTAL_ID,
            "scopes": [scope for scope in token.scopes if scope not in self.settings.missing_scopes],
            "token_use": "access_token",
        }
        if grant == "refresh_token" and self.settings.drop_refresh_token:
            del answer["refresh_token"]
        return json_response(200, answer)

    def _check_refresh(self) -> None:
        """Raise the 400 of an account or a refresh token that a switch has ended."""
        if self.settings.bad_hub:
            raise oauth_error("BAD_HUB", "the hub of this token was deleted or is disabled", "access_denied")
        if self.settings.refuse_refresh:
            raise oauth_error("BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")

    def introspect(self, request: Request, version: str) -> Response:
        """Describe a token; a dead or unknown one is answered with ``active`` false (the original is undocumented)."""
        form = request.form()
        _check_version(version)
        _check_client(form)
        text = form.get("token") or form.get("access_token") or form.get("refresh_token") or ""
        token = self.grants.access_tokens.get(text)
        if token and token.expires > time.time():
            return json_response(200, _description(text, token.scopes, "access_token") | _access_facts(token))
        scopes = self.grants.refresh_tokens.get(text)
        if scopes is not None:
            return json_response(200, _description(text, scopes, "refresh_token"))
        return json_response(200, {"active": False})

    def revoke(self, request: Request, version: str) -> Response:
        """End a token; ending a refresh token ends its access tokens too."""
        form = request.form()
        _check_version(version)
        _check_client(form)
        self.grants.revoke(form.get("token", ""))
        return Response(204)


def _problem(given: dict[str, str]) -> str:
    """Return what is wrong with a consent link, "" when nothing is."""
    address = urlsplit(given["redirect_uri"])
    local = address.scheme == "http" and address.hostname in ("localhost", "127.0.0.1")
    if given["client_id"] != CLIENT_ID:
        return f"No app has the client id “{given['client_id']}”. This sandbox has one app: {CLIENT_ID}."
    if not (local or (address.scheme == "https" and address.hostname)):
        return "The redirect URI is not one of the app's. It must be https, or http on localhost or 127.0.0.1."
    scopes = set(given["scope"].split())
    if scopes - SCOPES:
        return f"The app asks for scopes that do not exist: {', '.join(sorted(scopes - SCOPES))}."
    if REQUIRED_SCOPES - scopes:
        return f"The link lacks scopes that the app requires: {', '.join(sorted(REQUIRED_SCOPES - scopes))}."
    return ""


def _granted(given: dict[str, str]) -> list[str]:
    optional = [scope for scope in given["optional_scope"].split() if scope in SCOPES]
    return list(dict.fromkeys(given["scope"].split() + optional))


def _check_version(version: str) -> None:
    if version == "v1":
        raise sunset()
    if version not in VERSIONS:
        raise oauth_error("NOT_FOUND", f"There is no OAuth version {version}.", "invalid_request")


def sunset() -> HubSpotError:
    """Return the answer of the v1 paths as they will be after 2027-02-16."""
    error = oauth_error(
        "GONE",
        "The v1 OAuth API was switched off on 2027-02-16. Use /oauth/2026-03/token and its introspect and revoke.",
        "invalid_request",
    )
    error.response.status = 410
    return error


def _check_client(form: dict[str, str]) -> None:
    if form.get("client_id") != CLIENT_ID:
        raise oauth_error("BAD_CLIENT_ID", "missing or unknown client id", "invalid_client")
    if form.get("client_secret") != CLIENT_SECRET:
        raise oauth_error("BAD_CLIENT_SECRET", "missing or invalid client secret", "invalid_client")


def _description(text: str, scopes: list[str], use: str) -> dict[str, Any]:
    return {
        "active": True,
        "token": text,
        "token_type": "Bearer",
        "token_use": use,
        "hub_id": PORTAL_ID,
        "hub_domain": "sellers-crm.example",
        "user_id": USER_ID,
        "user": "ngozi.pretend@seller.example",
        "client_id": CLIENT_ID,
        "app_id": APP_ID,
        "scopes": scopes,
    }


def _access_facts(token: Token) -> dict[str, Any]:
    return {
        "expires_in": int(token.expires - time.time()),
        "is_private_distribution": False,
        "signed_access_token": {
            "expiresAt": int(token.expires * 1000),
            "hubId": PORTAL_ID,
            "userId": USER_ID,
            "appId": APP_ID,
            "hublet": "na1",
            "isUserLevel": False,
        },
    }
