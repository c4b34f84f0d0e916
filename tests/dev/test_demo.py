from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from dev.ports import Ports, check_free, free_port
from dev.say import Refusal
from tests.dev.conftest import Launch


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use_is_a_sentence_that_names_the_variable(taken: int) -> None:
    with pytest.raises(Refusal, match=rf"Port {taken} is in use.*PORT={taken + 1} make demo"):
        check_free(taken, "PORT", "the web server")


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "²"])
def test_a_port_that_is_no_port_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(Refusal, match=f"PORT is “{text}”, which is not a port"):
        Ports.from_environment()


def test_one_port_for_both_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8900")
    monkeypatch.delenv("SANDBOX_PORT", raising=False)
    with pytest.raises(Refusal, match="PORT and SANDBOX_PORT are both 8900"):
        Ports.from_environment()


def test_the_demo_with_a_port_in_use_ends_with_that_sentence_alone(launch: Launch, taken: int) -> None:
    process = launch("demo", "--once", PORT=str(taken))
    assert process.communicate(timeout=60)[0].startswith(f"Port {taken} is in use")
    assert process.returncode == 2


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DATABASE_URL": "mysql://u@127.0.0.1/x"}, "runs on PostgreSQL only"),
        (
            {"DATABASE_URL": "postgresql://u@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"},
            "The database that DATABASE_URL names did not answer",
        ),
    ],
)
def test_a_database_that_will_not_do_ends_the_demo_without_a_traceback(
    launch: Launch, variables: dict[str, str], sentence: str
) -> None:
    ports = {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
    process = launch("demo", "--once", **ports, **variables)
    said = process.communicate(timeout=60)[0]
    assert sentence in said
    assert "Traceback" not in said
    assert process.returncode == 2
