"""The app's codes and tokens at Square: which seller granted what, until when, and how a dead token is refused."""

import secrets
import time
from dataclasses import dataclass

from sandbox.square_errors import SquareError, square_error

CLIENT_ID, CLIENT_SECRET = "sandbox-sq0idb-sandbox-client", "sandbox-sq0csb-sandbox-secret"
PERSONAL_TOKEN = "EAAAEsandbox-personal"
CODE_SECONDS = 300
DEFAULT_SCOPES = ("MERCHANT_PROFILE_READ", "PAYMENTS_READ", "SETTLEMENTS_READ", "BANK_ACCOUNTS_READ")
SCOPES = {
    *DEFAULT_SCOPES, "ORDERS_READ", "ORDERS_WRITE", "PAYMENTS_WRITE", "ITEMS_READ", "ITEMS_WRITE", "CUSTOMERS_READ",
    "CUSTOMERS_WRITE", "INVENTORY_READ", "INVOICES_READ", "PAYOUTS_READ", "CASH_DRAWER_READ", "EMPLOYEES_READ",
}  # fmt: skip


@dataclass(slots=True)
class Code:
    """One authorization code; `expires` is seconds since 1970."""

    merchant_id: str
    redirect_uri: str
    scopes: list[str]
    expires: float


@dataclass(slots=True)
class Grant:
    """What a seller granted by one consent; its refresh token can be used again and again."""

    merchant_id: str
    scopes: list[str]
    refresh_token: str
    revoked: bool = False


@dataclass(slots=True)
class Token:
    """One access token; a refresh leaves the earlier ones alive."""

    grant: Grant
    scopes: list[str]
    expires: float
    revoked: bool = False


class SquareGrants:
    """Codes, refresh tokens and access tokens of the one app that Square knows here."""

    def __init__(self) -> None:
        self.codes: dict[str, Code] = {}
        self.grants: dict[str, Grant] = {}  # by refresh token
        self.tokens: dict[str, Token] = {}
        self.by_merchant: dict[str, list[Grant]] = {}

    def issue_code(self, merchant_id: str, redirect_uri: str, scopes: list[str]) -> str:
        """Return a new code for an approved consent."""
        code = f"sandbox-sq0cgb-{secrets.token_urlsafe(16)}"
        self.codes[code] = Code(merchant_id, redirect_uri, scopes, time.time() + CODE_SECONDS)
        return code

    def exchange(self, code: str, redirect_uri: str) -> Grant:
        """Turn a code into a grant, once; raises the 401 of a code that is unknown, used, late or of another page."""
        known = self.codes.pop(code, None)
        if known is None or known.expires < time.time():
            raise unauthorized("The authorization code is unknown, was used before or is older than 5 minutes.")
        if known.redirect_uri and known.redirect_uri != redirect_uri:
            raise unauthorized("The redirect_uri is not that of the authorization.")
        return self.grant(known.merchant_id, known.scopes)

    def grant(self, merchant_id: str, scopes: list[str]) -> Grant:
        """Record a seller's consent."""
        grant = Grant(merchant_id, scopes, f"EQAAE{secrets.token_urlsafe(90)}")
        self.grants[grant.refresh_token] = grant
        self.by_merchant.setdefault(merchant_id, []).append(grant)
        return grant

    def issue(self, grant: Grant, seconds: int, scopes: list[str]) -> tuple[str, Token]:
        """Return a new access token of a grant."""
        text = f"EAAAE{secrets.token_urlsafe(90)}"
        self.tokens[text] = token = Token(grant, scopes, time.time() + seconds)
        return text, token

    def live_grant(self, refresh_token: str) -> Grant:
        """Return the grant of a refresh token; raises the 401 of a dead or unknown one."""
        grant = self.grants.get(refresh_token)
        if grant is None or grant.revoked:
            raise unauthorized("The refresh token is unknown or was revoked.")
        return grant

    def revoke(self, merchant_id: str) -> bool:
        """End every token that the app has of a seller; returns whether there was one."""
        ended = [grant for grant in self.by_merchant.get(merchant_id, []) if not grant.revoked]
        for grant in ended:
            grant.revoked = True
        return bool(ended)

    def granted(self, merchant_id: str) -> set[str]:
        """Return the scopes that the app has of a seller now; empty without a live grant."""
        live = [grant for grant in self.by_merchant.get(merchant_id, []) if not grant.revoked]
        return {scope for grant in live for scope in grant.scopes}

    def expire_all(self) -> None:
        """End every access token now; refresh tokens go on."""
        for token in self.tokens.values():
            token.expires = min(token.expires, time.time())

    def token_of(self, authorization: str) -> Token:
        """Return the live token behind an Authorization header; raises one of the three 401 answers."""
        word, _, text = authorization.partition(" ")
        token = self.tokens.get(text.strip()) if word.lower() == "bearer" else None
        if token is None:
            raise unauthorized("This request could not be authorized.")
        if token.revoked or token.grant.revoked:
            raise dead_token("ACCESS_TOKEN_REVOKED")
        if token.expires <= time.time():
            raise dead_token("ACCESS_TOKEN_EXPIRED")
        return token


def unauthorized(detail: str) -> SquareError:
    """Return the plain 401."""
    return square_error(401, "UNAUTHORIZED", detail)


def dead_token(code: str) -> SquareError:
    """Return the 401 of a token that is unknown, has expired or was revoked."""
    return square_error(401, code, f"The access token cannot be used: {code}.")


def check_scope(token: Token, scope: str, missing: list[str]) -> None:
    """Raise the 403 of a token without the scope; `missing` are those that a switch takes away."""
    if scope and (scope not in token.scopes or scope in missing):
        detail = "The merchant has not given your application sufficient permissions to do that."
        raise square_error(403, "INSUFFICIENT_SCOPES", f"{detail} The call needs {scope}.")
