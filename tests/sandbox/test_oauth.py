"""Consent, codes, tokens: what HubSpot's OAuth does, also when it is used wrongly."""

import time
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sandbox.client import APP, BACK, SCOPES, Client

DEALS = "/crm/objects/2026-09/deals"
LINK = {"client_id": "sandbox-client", "redirect_uri": BACK, "scope": SCOPES, "state": "s 1"}


class Forms(HTMLParser):
    """Collects the forms of a page: action, hidden fields, the button's word."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self.buttons: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert given["method"] == "post"
            self.forms.append({"": given["action"]})
        elif tag == "input":
            self.forms[-1][given["name"]] = given["value"]

    def handle_data(self, data: str) -> None:
        if data in ("Approve", "Refuse"):
            self.buttons.append(data)


def query_of(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def test_a_browser_without_javascript_can_approve(sandbox: Client) -> None:
    page = sandbox.call("GET", "/oauth/authorize", params=LINK)
    assert page.status_code == 200
    assert "Sandbox." in page.text
    assert "<script" not in page.text
    assert all(f"<li>{scope}</li>" in page.text for scope in SCOPES.split())
    found = Forms()
    found.feed(page.text)
    assert found.buttons == ["Approve", "Refuse"]
    fields = dict(found.forms[0])
    answer = sandbox.call("POST", fields.pop(""), data=fields)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(BACK + "&")
    given = query_of(answer.headers["Location"])
    assert given["state"] == "s 1"
    assert given["next"] == "1"
    assert sandbox.token(grant_type="authorization_code", code=given["code"], redirect_uri=BACK).status_code == 200


def test_a_refusal_comes_back_with_the_error_and_the_state(sandbox: Client) -> None:
    given = query_of(sandbox.approve("refuse").headers["Location"])
    assert given["error"] == "access_denied"
    assert given["error_description"]
    assert given["state"] == "s 1"
    assert "code" not in given


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "http://evil.example/back"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": ""},
        {"client_id": "another"},
        {"scope": "oauth"},
        {"scope": SCOPES + " crm.pipelines.deals.read"},
    ],
)
def test_a_wrong_link_shows_an_error_page_and_does_not_redirect(sandbox: Client, change: dict[str, str]) -> None:
    page = sandbox.call("GET", "/oauth/authorize", params=LINK | change)
    assert (page.status_code, "Location" in page.headers) == (400, False)
    assert "cannot be connected" in page.text
    assert sandbox.approve(**change).status_code == 400


def test_the_consent_page_escapes_what_the_link_brings(sandbox: Client) -> None:
    page = sandbox.call("GET", "/oauth/authorize", params=LINK | {"state": '"><script>alert(1)</script>'})
    assert "<script" not in page.text


def test_unknown_optional_scopes_are_dropped_in_silence(sandbox: Client) -> None:
    tokens = sandbox.connect(optional_scope="crm.objects.owners.read no.such.scope")
    assert tokens["scopes"] == [*SCOPES.split(), "crm.objects.owners.read"]
    assert sandbox.hubspot("GET", "/crm/owners/2026-09", tokens["access_token"]).status_code == 200


@pytest.mark.parametrize("version", ["2026-03", "2026-09", "v3"])
def test_a_code_gives_tokens_that_open_the_api(sandbox: Client, version: str) -> None:
    code = query_of(sandbox.approve().headers["Location"])["code"]
    answer = sandbox.token(version, grant_type="authorization_code", code=code, redirect_uri=BACK)
    tokens = answer.json()
    assert tokens["token_type"] == "bearer"
    assert tokens["expires_in"] == 1800
    assert tokens["hub_id"] == 62518
    assert tokens["token_use"] == "access_token"
    assert len(tokens["access_token"]) >= 300
    assert sandbox.hubspot("GET", DEALS, tokens["access_token"]).status_code == 200


def test_a_code_used_twice_is_refused(sandbox: Client) -> None:
    code = query_of(sandbox.approve().headers["Location"])["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    assert sandbox.token(**form).status_code == 200
    again = sandbox.token(**form)
    assert again.status_code == 400
    assert again.json()["status"] == "BAD_AUTH_CODE"
    assert again.json()["error"] == "invalid_grant"
    assert again.json()["correlationId"]


def test_a_code_is_bound_to_its_redirect_uri(sandbox: Client) -> None:
    code = query_of(sandbox.approve().headers["Location"])["code"]
    wrong = sandbox.token(grant_type="authorization_code", code=code, redirect_uri="https://other.example/")
    assert wrong.json()["status"] == "MISMATCH_REDIRECT_URI_AUTH_CODE"
    assert sandbox.token(grant_type="authorization_code", code=code, redirect_uri=BACK).status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"client_secret": "wrong"}, "BAD_CLIENT_SECRET"),
        ({"client_id": "wrong"}, "BAD_CLIENT_ID"),
        ({"code": "wrong"}, "BAD_AUTH_CODE"),
        ({"grant_type": "password"}, "BAD_GRANT_TYPE"),
    ],
)
def test_a_wrong_token_call_says_what_is_wrong(sandbox: Client, change: dict[str, str], status: str) -> None:
    code = query_of(sandbox.approve().headers["Location"])["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK} | APP | change
    answer = sandbox.call("POST", "/oauth/2026-03/token", data=form)
    assert (answer.status_code, answer.json()["status"]) == (400, status)


def test_refreshing_keeps_the_refresh_token_and_the_old_access_token(sandbox: Client) -> None:
    tokens = sandbox.connect()
    fresh = sandbox.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]).json()
    assert fresh["refresh_token"] == tokens["refresh_token"]
    assert fresh["access_token"] != tokens["access_token"]
    for each in (tokens, fresh):
        assert sandbox.hubspot("GET", DEALS, each["access_token"]).status_code == 200


def test_refreshing_as_another_app_looks_like_a_dead_token(sandbox: Client) -> None:
    tokens = sandbox.connect()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]} | APP
    answer = sandbox.call("POST", "/oauth/2026-03/token", data=form | {"client_secret": "wrong"})
    assert (answer.status_code, answer.json()["status"]) == (400, "BAD_REFRESH_TOKEN")


def test_revoking_ends_the_refresh_token_and_its_access_tokens(sandbox: Client) -> None:
    tokens = sandbox.connect()
    form = APP | {"token": tokens["refresh_token"], "token_type_hint": "refresh_token"}
    assert sandbox.call("POST", "/oauth/2026-03/token/revoke", data=form).status_code == 204
    refresh = sandbox.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (refresh.status_code, refresh.json()["status"]) == (400, "BAD_REFRESH_TOKEN")
    assert sandbox.hubspot("GET", DEALS, tokens["access_token"]).status_code == 401


def test_introspection_describes_live_tokens_only(sandbox: Client) -> None:
    tokens = sandbox.connect()
    path = "/oauth/2026-03/token/introspect"
    access = sandbox.call("POST", path, data=APP | {"token": tokens["access_token"]}).json()
    assert access["active"] is True
    assert access["token_use"] == "access_token"
    assert access["scopes"] == SCOPES.split()
    assert 0 < access["expires_in"] <= 1800
    refresh = sandbox.call("POST", path, data=APP | {"refresh_token": tokens["refresh_token"]}).json()
    assert refresh["token_use"] == "refresh_token"
    assert "expires_in" not in refresh
    sandbox.control("settings", {"expire_access_tokens": True})
    dead = sandbox.call("POST", path, data=APP | {"token": tokens["access_token"]}).json()
    assert dead == {"active": False}


def test_an_expired_token_is_refused_with_its_age(sandbox: Client) -> None:
    tokens = sandbox.connect()
    sandbox.control("settings", {"expire_access_tokens": True})
    answer = sandbox.hubspot("GET", DEALS, tokens["access_token"])
    assert answer.status_code == 401
    body = answer.json()
    assert body["category"] == "EXPIRED_AUTHENTICATION"
    assert body["message"] == "The OAuth token used to make this call expired 0 second(s) ago."
    assert body["context"]["expire time"][0].startswith("20")
    fresh = sandbox.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]).json()
    assert sandbox.hubspot("GET", DEALS, fresh["access_token"]).status_code == 200


def test_tokens_live_as_long_as_the_setting_says(sandbox: Client) -> None:
    sandbox.control("settings", {"token_ttl": 1})
    tokens = sandbox.connect()
    assert tokens["expires_in"] == 1
    assert sandbox.hubspot("GET", DEALS, tokens["access_token"]).status_code == 200
    time.sleep(1.05)
    assert sandbox.hubspot("GET", DEALS, tokens["access_token"]).status_code == 401


def test_a_token_that_was_never_issued_expired_in_1970(sandbox: Client) -> None:
    body = sandbox.hubspot("GET", DEALS, "nonsense").json()
    assert body["context"]["expire time"] == ["1970-01-01T00:00:00.000Z"]


def test_a_call_without_a_token_is_refused(sandbox: Client) -> None:
    answer = sandbox.call("GET", DEALS)
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


def test_a_missing_scope_is_named(sandbox: Client) -> None:
    tokens = sandbox.connect(scope="oauth crm.objects.deals.read")
    assert sandbox.hubspot("GET", DEALS, tokens["access_token"]).status_code == 200
    for path in ("/crm/objects/2026-09/companies", DEALS + "?associations=companies", "/crm/owners/2026-09"):
        answer = sandbox.hubspot("GET", path, tokens["access_token"])
        assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
        assert answer.json()["errors"][0]["context"]["requiredGranularScopes"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/oauth/v1/token"),
        ("GET", "/oauth/v1/access-tokens/abc"),
        ("DELETE", "/oauth/v1/refresh-tokens/abc"),
    ],
)
def test_the_first_oauth_version_is_gone(sandbox: Client, method: str, path: str) -> None:
    answer = sandbox.call(method, path)
    assert answer.status_code == 410
    assert "2027-02-16" in answer.json()["message"]
