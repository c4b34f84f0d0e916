"""A sale that is rung up on the till's page stands on the dashboard, which nobody loads again. With real workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django_scopes import scopes_disabled

from accounts.models import Role
from dev.broker import Broker
from tests.brokers import own_broker
from tests.browser.conftest import signed_in
from tests.factories import make_member, make_organization
from tests.live import Live, environment, wait_until
from tests.pos.square.conftest import SMALL, connect, square
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
__all__ = ["square"]  # a fixture
ALLOWED = 2.0  # seconds from the button to the figure: the promise
TRIES = 5  # a machine that is busy with other tests may miss it once, not each time
COUNT = "() => Number(document.querySelector('[data-count]')?.dataset.count ?? 0)"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Broker]:
    """Yield a broker of this test's own."""
    with own_broker(tmp_path) as started:
        yield started


@pytest.fixture
def address(server: Broker, live_server: Any, square: SandboxProcess, settings: Any, tmp_path: Path) -> Iterator[str]:
    """Yield our address, with a worker of the tills' queue, and Square telling of sales there."""
    settings.PUBLIC_URL = live_server.url
    settings.SQUARE_WEBHOOK_URL = f"{live_server.url}/webhooks/square/"
    env = environment(
        broker_url=server.url, sandbox_url=square.url, SQUARE_BASE=square.url,
        SQUARE_APPLICATION_ID=settings.SQUARE_APPLICATION_ID,
        SQUARE_APPLICATION_SECRET=settings.SQUARE_APPLICATION_SECRET, SQUARE_WEBHOOK_KEYS="key-in-use",
    )  # fmt: skip
    live = Live(env, tmp_path / "live.log")
    live.worker("high_priority")
    square.set(
        square_webhooks_on=True,
        square_webhook_target={"url": settings.SQUARE_WEBHOOK_URL, "secret": settings.SQUARE_WEBHOOK_KEYS[0]},
    )
    yield str(live_server.url)
    square.set(square_webhooks_on=False)
    live.end()
    print((tmp_path / "live.log").read_text()[-4000:])  # noqa: T201 - pytest shows it when the test fails


def test_a_sale_on_the_tills_page_stands_on_the_dashboard_within_two_seconds(
    browser: Any, address: str, square: SandboxProcess
) -> None:
    organization = make_organization("adupe")
    owner = make_member(organization, Role.OWNER)
    with scopes_disabled():
        connect(organization, square, SMALL)
    page, faults = signed_in(browser, address, owner.email)
    till = browser.new_context().new_page()
    till.goto(f"{square.url}/square/till")

    def ring_up() -> float:
        before = page.evaluate(COUNT)
        started = time.monotonic()
        till.get_by_role("button", name="Ring up").click(no_wait_after=True)
        wait_until(lambda: page.evaluate(COUNT) == before + 1, 30, "the sale on the dashboard")
        return time.monotonic() - started

    page.goto(f"{address}/sales/today/")
    assert page.get_by_text("No sale yet today").is_visible()
    ring_up()  # the worker has only begun, and loads what it needs
    took = [ring_up() for _ in range(TRIES)]
    print(f"from the till's button to the dashboard: {[round(each, 2) for each in took]} s")  # noqa: T201 - a figure
    assert min(took) < ALLOWED, took
    assert page.locator("main").get_by_text(f"{TRIES + 1} sales").first.is_visible()
    assert faults == []
