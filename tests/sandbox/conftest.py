"""One sandbox process a test worker, fresh for each test."""

from collections.abc import Iterator

import pytest

from tests.sandbox.client import Client, end, start


@pytest.fixture(scope="session")
def sandbox_client() -> Iterator[Client]:
    """Start a sandbox on a free port."""
    process = start("--port", "0", errors=None)
    assert process.stdout is not None
    client = Client(process.stdout.readline().strip().rsplit(" ", 1)[-1])
    yield client
    client.session.close()
    assert end(process) == 0


@pytest.fixture
def sandbox(sandbox_client: Client) -> Client:
    """Return the sandbox with 250 deals, no grants, nothing registered, limits on."""
    sandbox_client.control("reset", {})
    return sandbox_client
