"""Square's consent and tokens as the sandbox plays them."""

import time
from datetime import UTC, datetime

import pytest

from tests.sandbox.client import Client
from tests.sandbox.square_client import APP, BACK, LARGE, READ, SECRET, SMALL, SquareClient, connect, decide, obtain


def authorize(sandbox: Client, **changes: str) -> str:
    given = {"client_id": APP, "scope": READ, "state": "s 1", "redirect_uri": BACK} | changes
    answer = sandbox.call("GET", "/oauth2/authorize", params=given)
    return f"{answer.status_code} {answer.text}"


def test_the_consent_page_names_every_seller_and_scope_and_says_that_it_is_a_sandbox(sandbox: Client) -> None:
    page = authorize(sandbox)
    assert page.startswith("200")
    for words in ("Sandbox.", "Mango Row Provisions", "Iroko Lane Markets (12)", "ORDERS_READ", "Allow", "Deny"):
        assert words in page


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"client_id": "other"}, "no application other"),
        ({"scope": "ORDERS_READ EVERYTHING"}, "EVERYTHING"),
        ({"redirect_uri": ""}, "redirect_uri"),
        ({"code_challenge": "x"}, "PKCE"),
    ],
)
def test_a_wrong_link_is_explained(sandbox: Client, changes: dict[str, str], why: str) -> None:
    page = authorize(sandbox, **changes)
    assert page.startswith("400")
    assert why in page


def test_allowing_gives_a_code_and_the_state_back_and_denying_an_error(sandbox: Client) -> None:
    allowed, denied = decide(sandbox), decide(sandbox, "deny")
    assert (allowed["state"], allowed["response_type"]) == ("s 1", "code")
    assert allowed["code"].startswith("sandbox-sq0cgb-")
    assert (denied["error"], denied["error_description"]) == ("access_denied", "user_denied")
    assert "code" not in denied


def test_a_token_has_an_absolute_end_and_neither_scopes_nor_a_lifetime(sandbox: Client) -> None:
    token = connect(sandbox, merchant_id=LARGE)
    expires = datetime.fromisoformat(token["expires_at"])
    assert abs((expires - datetime.now(UTC)).total_seconds() - 30 * 86_400) < 60
    assert (token["merchant_id"], token["token_type"]) == (LARGE, "bearer")
    assert not {"expires_in", "scope", "scopes"} & set(token)
    status = SquareClient(sandbox, token["access_token"]).call("POST", "/oauth2/token/status").json()
    assert status == {
        "scopes": READ.split(),
        "expires_at": token["expires_at"],
        "client_id": APP,
        "merchant_id": LARGE,
    }


def test_a_code_works_once_with_the_address_it_was_made_for(sandbox: Client) -> None:
    code = decide(sandbox)["code"]
    wrong = obtain(sandbox, grant_type="authorization_code", code=decide(sandbox)["code"], redirect_uri="http://other")
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (401, "UNAUTHORIZED")
    assert obtain(sandbox, grant_type="authorization_code", code=code, redirect_uri=BACK).status_code == 200
    again = obtain(sandbox, grant_type="authorization_code", code=code, redirect_uri=BACK)
    assert again.json()["errors"][0]["category"] == "AUTHENTICATION_ERROR"


def test_a_refresh_token_works_again_and_again_and_leaves_older_tokens_alive(sandbox: Client) -> None:
    first = connect(sandbox)
    for _ in range(2):
        renewed = obtain(sandbox, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
        assert renewed["refresh_token"] == first["refresh_token"]
        assert renewed["access_token"] != first["access_token"]
    assert SquareClient(sandbox, first["access_token"]).read("locations")["locations"]


def test_a_refresh_can_narrow_the_scopes(sandbox: Client) -> None:
    refresh = connect(sandbox)["refresh_token"]
    narrow = obtain(sandbox, grant_type="refresh_token", refresh_token=refresh, scopes=["ORDERS_READ", "ITEMS_WRITE"])
    square = SquareClient(sandbox, narrow.json()["access_token"])
    assert square.call("POST", "/oauth2/token/status").json()["scopes"] == ["ORDERS_READ"]
    assert square.refused("GET", "/v2/locations", 403) == "INSUFFICIENT_SCOPES"


def test_wrong_bodies_are_refused_in_both_shapes(sandbox: Client) -> None:
    missing = obtain(sandbox, client_id="")
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (400, "client_id")
    form = sandbox.call("POST", "/oauth2/token", data={"client_id": APP, "grant_type": "refresh_token"})
    assert (form.status_code, form.json()["errors"][0]["code"]) == (400, "EXPECTED_JSON_BODY")
    wrong = {"grant_type": "refresh_token", "refresh_token": "EQAAdead"}
    assert obtain(sandbox, **wrong).json()["errors"][0]["code"] == "UNAUTHORIZED"
    SquareClient(sandbox).switch(oauth_errors="legacy")
    legacy = obtain(sandbox, **wrong)
    assert (legacy.status_code, legacy.json()) == (401, {"message": "Not Authorized", "type": "service.not_authorized"})


def test_unknown_expired_and_revoked_tokens_are_told_apart(sandbox: Client) -> None:
    token = connect(sandbox)["access_token"]
    square = SquareClient(sandbox, token)
    assert SquareClient(sandbox, "EAAAnone").refused("GET", "/v2/locations", 401) == "UNAUTHORIZED"
    assert square.read("locations")
    sandbox.control("settings", {"expire_access_tokens": True})
    assert square.refused("GET", "/v2/locations", 401) == "ACCESS_TOKEN_EXPIRED"
    sandbox.control("square/revoke", {"merchant_id": SMALL})
    assert square.refused("GET", "/v2/locations", 401) == "ACCESS_TOKEN_REVOKED"


def test_a_short_life_of_tokens_ends_them(sandbox: Client) -> None:
    SquareClient(sandbox).switch(token_ttl=1)
    square = SquareClient(sandbox, connect(sandbox)["access_token"])
    time.sleep(1.1)
    assert square.refused("POST", "/oauth2/token/status", 401) == "ACCESS_TOKEN_EXPIRED"


def test_revoking_takes_the_secret_and_ends_every_token_of_the_seller(sandbox: Client) -> None:
    first, second, other = connect(sandbox), connect(sandbox), connect(sandbox, merchant_id=LARGE)

    def revoke(authorization: str, **body: object) -> int:
        headers = {"Authorization": authorization}
        return sandbox.call("POST", "/oauth2/revoke", headers=headers, json={"client_id": APP} | body).status_code

    assert revoke(f"Bearer {SECRET}", merchant_id=SMALL) == 401
    assert revoke(f"Client {SECRET}", merchant_id=SMALL, access_token=first["access_token"]) == 400
    only = {"access_token": first["access_token"], "revoke_only_access_token": True}
    assert revoke(f"Client {SECRET}", **only) == 200
    assert SquareClient(sandbox, first["access_token"]).refused("GET", "/v2/locations", 401) == "ACCESS_TOKEN_REVOKED"
    assert SquareClient(sandbox, second["access_token"]).read("locations")
    assert revoke(f"Client {SECRET}", access_token=first["access_token"]) == 200
    assert SquareClient(sandbox, second["access_token"]).refused("GET", "/v2/locations", 401) == "ACCESS_TOKEN_REVOKED"
    assert obtain(sandbox, grant_type="refresh_token", refresh_token=second["refresh_token"]).status_code == 401
    assert SquareClient(sandbox, other["access_token"]).read("locations")
