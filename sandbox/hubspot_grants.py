"""The OAuth app's codes and tokens: what was granted, until when, and whether a call may be made."""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from sandbox.dataset import instant_text
from sandbox.hubspot_errors import HubSpotError, hubspot_error, oauth_error

CLIENT_ID, CLIENT_SECRET, SERVICE_KEY = "sandbox-client", "sandbox-secret", "pat-sandbox"
CODE_SECONDS = 60
REQUIRED_SCOPES = {"oauth", "crm.objects.deals.read"}
READ_SCOPES = {
    "oauth", "crm.objects.deals.read", "crm.objects.line_items.read", "crm.objects.companies.read",
    "crm.objects.contacts.read", "crm.objects.owners.read", "crm.schemas.deals.read", "crm.schemas.companies.read",
    "crm.schemas.line_items.read", "crm.schemas.contacts.read", "settings.currencies.read", "tax_rates.read",
    "crm.objects.products.read", "crm.objects.invoices.read",
}  # fmt: skip
SCOPES = READ_SCOPES | {
    "crm.objects.deals.write", "crm.objects.line_items.write", "crm.objects.companies.write",
    "crm.objects.contacts.write", "crm.schemas.deals.write", "e-commerce", "timeline",
}  # fmt: skip


@dataclass(slots=True)
class Code:
    """One authorization code; `expires` is seconds since 1970."""

    redirect_uri: str
    scopes: list[str]
    expires: float


@dataclass(slots=True)
class Token:
    """One access token and the refresh token it came from."""

    scopes: list[str]
    refresh_token: str
    expires: float


class Grants:
    """Codes, refresh tokens and access tokens of the app `sandbox-client`."""

    def __init__(self, token_ttl: int) -> None:
        self.token_ttl = token_ttl
        self.codes: dict[str, Code] = {}
        self.refresh_tokens: dict[str, list[str]] = {}
        self.access_tokens: dict[str, Token] = {}
        self.uninstalls = 0
        self.uninstalled = False  # true until the app is connected again

    def issue_code(self, redirect_uri: str, scopes: list[str]) -> str:
        """Return a new code for an approved consent."""
        code = str(uuid4())
        self.codes[code] = Code(redirect_uri, scopes, time.time() + CODE_SECONDS)
        return code

    def exchange(self, code: str, redirect_uri: str) -> tuple[str, Token]:
        """Turn a code into tokens, once; raises the 400 that says what is wrong with it."""
        known = self.codes.get(code)
        if known is None:
            raise oauth_error("BAD_AUTH_CODE", "missing or unknown auth code")
        if known.expires < time.time():
            raise oauth_error("EXPIRED_AUTH_CODE", "auth code is expired")
        if known.redirect_uri != redirect_uri:
            raise oauth_error("MISMATCH_REDIRECT_URI_AUTH_CODE", "redirect URI does not match the auth code's")
        del self.codes[code]
        self.uninstalled = False
        refresh_token = f"na1-{secrets.token_hex(2)}-{uuid4()}"
        self.refresh_tokens[refresh_token] = known.scopes
        return self.issue(refresh_token)

    def issue(self, refresh_token: str) -> tuple[str, Token]:
        """Return a new access token; those issued earlier stay alive. Raises the 400 for a dead refresh token."""
        scopes = self.refresh_tokens.get(refresh_token)
        if scopes is None:
            raise oauth_error("BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
        text = "C" + secrets.token_urlsafe(240)  # the real ones hold data: a caller must have room for 300 and more
        self.access_tokens[text] = token = Token(scopes, refresh_token, time.time() + self.token_ttl)
        return text, token

    def revoke(self, text: str) -> None:
        """End a refresh token and its access tokens, or one access token; unknown ones are no error."""
        if self.refresh_tokens.pop(text, None) is not None:
            for token in self.access_tokens.values():
                if token.refresh_token == text:
                    token.expires = min(token.expires, time.time())
        elif text in self.access_tokens:
            self.access_tokens[text].expires = time.time()

    def uninstall(self) -> None:
        """End every token of the app, for good."""
        self.refresh_tokens.clear()
        self.expire_all()
        self.uninstalls += 1
        self.uninstalled = True

    def expire_all(self) -> None:
        """End every access token now; refresh tokens go on."""
        for token in self.access_tokens.values():
            token.expires = min(token.expires, time.time())

    def scopes_of(self, authorization: str) -> list[str]:
        """Return the scopes behind an Authorization header; raises the 401 when there are none."""
        word, _, text = authorization.partition(" ")
        if word.lower() != "bearer" or not text:
            raise hubspot_error(
                401,
                "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find "
                "more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
            )
        if text == SERVICE_KEY:
            return sorted(READ_SCOPES)
        token = self.access_tokens.get(text)
        expires = token.expires if token else 0.0
        if token is None or expires <= time.time():
            raise _expired(expires)
        return token.scopes


def _expired(expires: float) -> HubSpotError:
    seconds = max(0, int(time.time() - expires))
    number, unit = next(
        (seconds // size, name)
        for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
        if seconds >= size or size == 1
    )
    return hubspot_error(
        401,
        "EXPIRED_AUTHENTICATION",
        f"The OAuth token used to make this call expired {number} {unit}(s) ago.",
        context={"expire time": [instant_text(datetime.fromtimestamp(expires, UTC))]},
    )


def check_scopes(granted: list[str], needed: list[str]) -> None:
    """Raise the 403 that names the scopes when one is missing."""
    if set(needed) <= set(granted):
        return
    message = "This app hasn't been granted all required scopes to make this call. Read more about required scopes here"
    raise hubspot_error(
        403,
        "MISSING_SCOPES",
        f"{message}: https://developers.hubspot.com/scopes.",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": needed},
            }
        ],
        links={"scopes": "https://developers.hubspot.com/scopes"},
    )
