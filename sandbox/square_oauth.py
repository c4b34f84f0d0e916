"""Square's consent page and its token endpoints, for the code flow with a secret."""

from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from sandbox.html import choice, page
from sandbox.square_books import text_of
from sandbox.square_errors import SquareError, bad_value, missing, square_error
from sandbox.square_grants import (
    CLIENT_ID,
    CLIENT_SECRET,
    DEFAULT_SCOPES,
    PERSONAL_TOKEN,
    SCOPES,
    Grant,
    SquareGrants,
    Token,
    unauthorized,
)
from sandbox.square_settings import SquareSettings
from sandbox.square_shops import Seller
from sandbox.web import Request, Response, html_response, json_response

FIELDS = ("client_id", "scope", "state", "redirect_uri", "session", "locale", "code_challenge")
SHORT_LIFE = 86_400
Revoked = Callable[[str, str], None]  # merchant id, who did it


class SquareOAuth:
    """Answers the paths under /oauth2; `revoked` hears of each end of a seller's grants."""

    def __init__(
        self, settings: SquareSettings, grants: SquareGrants, sellers: dict[str, Seller], revoked: Revoked
    ) -> None:
        self.settings = settings
        self.grants = grants
        self.sellers = sellers
        self.revoked = revoked
        self.table = (
            ("GET", "/oauth2/authorize", self.show_consent),
            ("POST", "/oauth2/authorize", self.decide),
            ("POST", "/oauth2/token", self.token),
            ("POST", "/oauth2/token/status", self.status),
            ("POST", "/oauth2/revoke", self.revoke),
        )

    def show_consent(self, request: Request) -> Response:
        """Show who asks for what, with the choice of the seller to sign in as, and Allow and Deny."""
        given = {name: request.argument(name) for name in FIELDS}
        problem = _problem(given)
        if problem:
            return _refused_page(problem)
        scopes = "".join(f"<li>{escape(scope)}</li>" for scope in _scopes(given))
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value, quote=True)}">' for name, value in given.items()
        )
        sellers = [(seller.id, f"{seller.name} ({len(seller.shops)})") for seller in self.sellers.values()]
        buttons = "".join(
            f'<button name="decision" value="{value}"{style}>{word}</button>'
            for value, word, style in (("allow", "Allow", ' class="main"'), ("deny", "Deny", ""))
        )
        who = choice("merchant_id", "Seller", sellers, sellers[0][0], "With the number of its shops.")
        body = (
            f"<p>The app <strong>{CLIENT_ID}</strong> asks to see data of a seller's account. It will be allowed to "
            f'use:</p><ul>{scopes}</ul><form method="post" action="/oauth2/authorize">{hidden}'
            f'<div class="fields">{who}</div><div class="actions">{buttons}</div></form>'
        )
        return html_response(200, page(f"Connect {CLIENT_ID} to Square", body))

    def decide(self, request: Request) -> Response:
        """Send the person back with a code, or with the denial."""
        form = request.form()
        given = {name: form.get(name, "") for name in FIELDS}
        problem = _problem(given)
        seller = self.sellers.get(form.get("merchant_id", "") or next(iter(self.sellers)))
        if problem or seller is None:
            return _refused_page(problem or "There is no such seller.")
        answer = {"error": "access_denied", "error_description": "user_denied"}
        if form.get("decision") == "allow":
            code = self.grants.issue_code(seller.id, given["redirect_uri"], _scopes(given))
            answer = {"code": code, "response_type": "code"}
        if given["state"]:
            answer["state"] = given["state"]
        joint = "&" if urlsplit(given["redirect_uri"]).query else "?"
        location = given["redirect_uri"] + joint + urlencode(answer)
        return Response(302, b"", "text/html; charset=utf-8", {"Location": location, "Cache-Control": "no-store"})

    def token(self, request: Request) -> Response:
        """Exchange a code or a refresh token for an access token; the body must be JSON."""
        body = _json(request)
        for name in ("client_id", "grant_type"):
            if not body.get(name):
                raise missing(name)
        if body["client_id"] != CLIENT_ID or body.get("client_secret") != CLIENT_SECRET:
            raise unauthorized("The client_id or the client_secret is not that of an application.")
        if body["grant_type"] == "authorization_code":
            if not body.get("code"):
                raise missing("code")
            grant = self.grants.exchange(str(body["code"]), str(body.get("redirect_uri", "")))
        elif body["grant_type"] == "refresh_token":
            if not body.get("refresh_token"):
                raise missing("refresh_token")
            grant = self.grants.live_grant(str(body["refresh_token"]))
        else:
            raise bad_value("grant_type must be authorization_code or refresh_token.", "grant_type")
        wanted = body.get("scopes") or grant.scopes
        return json_response(200, self.issue(grant, wanted, short_lived=body.get("short_lived") is True))

    def issue(self, grant: Grant, wanted: list[str], *, short_lived: bool = False) -> dict[str, Any]:
        """Return the token answer for a grant, narrowed to the scopes `wanted`."""
        scopes = [scope for scope in grant.scopes if scope in wanted]
        seconds = SHORT_LIFE if short_lived else self.settings.square_token_ttl
        text, token = self.grants.issue(grant, seconds, scopes)
        return {
            "access_token": text,
            "token_type": "bearer",
            "expires_at": _instant(token),
            "merchant_id": grant.merchant_id,
            "refresh_token": grant.refresh_token,
            "short_lived": short_lived,
        }

    def status(self, request: Request) -> Response:
        """Describe the token of the call."""
        authorization = request.headers.get("Authorization", "")
        if authorization == f"Bearer {PERSONAL_TOKEN}":
            first = next(iter(self.sellers))
            return json_response(200, {"scopes": sorted(SCOPES), "client_id": CLIENT_ID, "merchant_id": first})
        token = self.grants.token_of(authorization)
        facts = {"scopes": token.scopes, "expires_at": _instant(token), "client_id": CLIENT_ID}
        return json_response(200, facts | {"merchant_id": token.grant.merchant_id})

    def revoke(self, request: Request) -> Response:
        """End one access token, or every token that the app has of a seller."""
        if request.headers.get("Authorization", "") != f"Client {CLIENT_SECRET}":
            raise unauthorized("The Authorization header must be the word Client and the application secret.")
        body = _json(request)
        if body.get("client_id") != CLIENT_ID:
            raise unauthorized("The client_id is not that of the application.")
        if bool(body.get("access_token")) == bool(body.get("merchant_id")):
            raise bad_value("Exactly one of access_token and merchant_id has to be there.", "access_token")
        token = self.grants.tokens.get(str(body.get("access_token")))
        if body.get("access_token") and token is None:
            raise square_error(404, "NOT_FOUND", "The access token was not found.", "access_token")
        if token is not None and body.get("revoke_only_access_token") is True:
            token.revoked = True
        else:
            self.end(token.grant.merchant_id if token else str(body["merchant_id"]), "APPLICATION")
        return json_response(200, {"success": True})

    def end(self, merchant_id: str, revoker: str) -> None:
        """Revoke every token of a seller and tell of it; `revoker` is APPLICATION, MERCHANT or SQUARE."""
        if self.grants.revoke(merchant_id):
            self.revoked(merchant_id, revoker)

    def in_shape(self, error: SquareError) -> Response:
        """Return the error, in the legacy shape when the settings say so and it is a 401."""
        if self.settings.square_oauth_errors == "legacy" and error.response.status == 401:
            return json_response(401, {"message": "Not Authorized", "type": "service.not_authorized"})
        return error.response


def _json(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise square_error(400, "EXPECTED_JSON_BODY", "The body has to be a JSON object.")
    return body


def _instant(token: Token) -> str:
    return text_of(int(token.expires) * 1_000_000).replace(".000Z", "Z")


def _problem(given: dict[str, str]) -> str:
    """Return why a consent link cannot be used, or nothing."""
    if given["client_id"] != CLIENT_ID:
        return f"There is no application {given['client_id']}."
    if given["code_challenge"]:
        return "The PKCE flow is not played here; leave code_challenge out."
    if urlsplit(given["redirect_uri"]).scheme not in ("http", "https"):
        return "The redirect_uri is missing or is no web address."
    unknown = set(given["scope"].split()) - SCOPES
    return f"Unknown permissions: {', '.join(sorted(unknown))}." if unknown else ""


def _scopes(given: dict[str, str]) -> list[str]:
    return list(dict.fromkeys(given["scope"].split())) or list(DEFAULT_SCOPES)


def _refused_page(problem: str) -> Response:
    return html_response(400, page("This app cannot be connected", f"<p>{escape(problem)}</p>"))
