"""Rate limits: their sizes, headers and bodies."""

from tests.sandbox.client import SERVICE_KEY, Client

DEALS = "/crm/objects/2026-09/deals?limit=1"
SEARCH = "/crm/objects/2026-09/deals/search"


def statuses(sandbox: Client, calls: int, token: str = SERVICE_KEY) -> list[int]:
    return [sandbox.hubspot("GET", DEALS, token).status_code for _ in range(calls)]


def test_an_oauth_app_gets_110_calls_in_ten_seconds_for_all_its_tokens(sandbox: Client) -> None:
    one, other = (sandbox.connect()["access_token"] for _ in range(2))
    assert statuses(sandbox, 60, one) + statuses(sandbox, 50, other) == [200] * 110
    refused = sandbox.hubspot("GET", DEALS, other)
    assert refused.status_code == 429
    body = refused.json()
    assert body["message"] == "You have reached your ten_secondly_rolling limit."
    assert (body["errorType"], body["policyName"]) == ("RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert "category" not in body
    assert refused.headers["X-HubSpot-RateLimit-Remaining"] == "0"
    assert statuses(sandbox, 1) == [200]


def test_a_service_key_gets_190(sandbox: Client) -> None:
    assert statuses(sandbox, 191) == [200] * 190 + [429]


def test_headers_count_down_for_the_general_limit(sandbox: Client) -> None:
    token = sandbox.connect()["access_token"]
    first, second = (sandbox.hubspot("GET", DEALS, token).headers for _ in range(2))
    assert first["X-HubSpot-RateLimit-Max"] == "110"
    assert first["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert (first["X-HubSpot-RateLimit-Remaining"], second["X-HubSpot-RateLimit-Remaining"]) == ("109", "108")
    assert "X-HubSpot-RateLimit-Daily" not in first


def test_search_has_its_own_limit_and_no_headers(sandbox: Client) -> None:
    answers = [sandbox.hubspot("POST", SEARCH, json={}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json()["policyName"] == "SECONDLY"
    assert answers[-1].json()["message"] == "You have reached your secondly limit."
    assert not [name for answer in answers for name in answer.headers if "RateLimit" in name]
    first = sandbox.hubspot("GET", DEALS)
    assert first.headers["X-HubSpot-RateLimit-Remaining"] == "189"


def test_without_limits_there_are_no_headers(sandbox: Client) -> None:
    sandbox.control("settings", {"limits": False})
    answers = [sandbox.hubspot("GET", DEALS) for _ in range(200)]
    assert {answer.status_code for answer in answers} == {200}
    assert not [name for answer in answers for name in answer.headers if "RateLimit" in name]
