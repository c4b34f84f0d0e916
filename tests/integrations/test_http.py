from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from integrations.base import http
from integrations.base.errors import (
    InvalidResponse,
    RateLimited,
    RequestRejected,
    TransientError,
    UnknownOutcome,
)
from integrations.base.http import ApiClient, asked_wait


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_WAIT", 0.01)


@pytest.fixture
def client(httpserver: HTTPServer) -> Iterator[ApiClient]:
    client = ApiClient(provider="example", name="Example", base_url=httpserver.url_for("").rstrip("/"))
    yield client
    client.close()


def test_a_read_that_fails_in_passing_is_repeated(client: ApiClient, httpserver: HTTPServer) -> None:
    answers = iter([Response(status=502), Response(status=503), Response('{"a": 1}')])
    httpserver.expect_request("/x").respond_with_handler(lambda _: next(answers))
    assert client.get("/x") == {"a": 1}
    assert (client.statistics.calls, client.statistics.retries) == (3, 2)


def test_three_tries_and_no_fourth(client: ApiClient, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data("<html>bad gateway</html>", status=502)
    with pytest.raises(TransientError, match="does not answer properly"):
        client.get("/x")
    assert client.statistics.calls == 3


def test_a_refusal_is_not_repeated_and_carries_its_body(client: ApiClient, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_json({"message": "no", "correlationId": "abc"}, status=400)
    with pytest.raises(RequestRejected) as caught:
        client.get("/x")
    assert (caught.value.body, caught.value.request_id, caught.value.status) == (
        {"message": "no", "correlationId": "abc"},
        "abc",
        400,
    )
    assert client.statistics.calls == 1


def test_a_write_that_breaks_off_has_an_unknown_outcome_and_is_not_repeated(
    client: ApiClient, httpserver: HTTPServer
) -> None:
    def drop(request: Request) -> Response:
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return Response()

    httpserver.expect_request("/x").respond_with_handler(drop)
    with pytest.raises(UnknownOutcome, match="outcome is not known"):
        client.call("POST", "/x", json={})
    assert client.statistics.calls == 1


def test_a_write_to_a_server_that_is_not_there_was_never_sent() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    client = ApiClient(provider="example", name="Example", base_url=f"http://127.0.0.1:{port}")
    with pytest.raises(TransientError, match="could not be reached"):
        client.call("POST", "/x", json={})


def test_broken_json_is_told_as_such(client: ApiClient, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data('{"results": [')
    with pytest.raises(InvalidResponse, match="cannot be read"):
        client.get("/x")


def test_a_limit_is_waited_out_and_then_told(client: ApiClient, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data("{}", status=429, headers={"Retry-After": "7"})
    with pytest.raises(RateLimited) as caught:
        client.get("/x")
    assert (caught.value.retry_after, client.statistics.calls) == (7, 3), (
        "told as asked; waited for no longer than a task may"
    )


def test_a_redirect_is_not_followed_with_our_credentials(client: ApiClient, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data("", status=302, headers={"Location": "http://127.0.0.1:1/"})
    assert client.get("/x") is None
    assert client.statistics.calls == 1


def test_every_call_has_both_timeouts() -> None:
    client = ApiClient(provider="example", name="Example", base_url="http://127.0.0.1:1")
    assert all(client._timeout)


@pytest.mark.parametrize(
    ("asked", "wait"), [("0.001", 0.001), ("999999", 86_400), ("soon", None), ("-5", None), ("٣", None)]
)
def test_a_retry_after_is_clamped_and_nonsense_is_ignored(asked: str, wait: float | None) -> None:
    import requests

    response = requests.Response()
    response.headers["Retry-After"] = asked
    assert asked_wait(response) == wait


def test_who_asks_for_a_long_wait_is_not_asked_again_at_once(client: ApiClient, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data("", status=503, headers={"Retry-After": "7200"})
    with pytest.raises(TransientError) as caught:
        client.get("/x")
    assert (caught.value.retry_after, client.statistics.calls) == (7200, 1)
