"""A payment is matched by hand in a real browser, wide and narrow. Skipped without a Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from django_scopes import scope

from accounts.models import Role
from pos.models import TerminalPayment
from pos.tasks import sync_payments_of
from tests.browser.conftest import signed_in
from tests.factories import make_member, make_organization
from tests.invoices.making import make_business, make_connection
from tests.pos.paystack.conftest import ONE, Issuer, Terminal, connect
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", [1280, 360])
def test_an_owner_chooses_the_invoice_of_a_payment(
    width: int, browser: Any, live_server: Any, sandbox: SandboxProcess, settings: Any
) -> None:
    settings.PUBLIC_URL, settings.PAYSTACK_BASE = live_server.url, sandbox.url
    organization = make_organization("adupe")
    owner = make_member(organization, Role.OWNER)
    terminal = Terminal(sandbox, ONE)
    with scope(organization=organization):
        make_business(organization, sandbox.get("/_control/businesses")[0])
        issue = Issuer(organization, make_connection(organization))
        matched, wanted, other = issue(7500), issue(5000), issue(5000)
        terminal.take(750_000, metadata={"invoice": matched.number, "terminal_id": "2TPT4Q9X"})
        terminal.take(500_000, reference="T000000000000000000000000000017342452768")
        paying = connect(organization, ONE)
    sync_payments_of(paying.pk)
    page, faults = signed_in(browser, live_server.url, owner.email, width, 800)

    def look(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name

    page.goto(f"{live_server.url}/payments/?show=all")
    look("all")
    page.goto(f"{live_server.url}/connections/{paying.pk}/")
    look("connection")
    page.goto(f"{live_server.url}/connections/key/paystack/")
    look("key")
    page.goto(f"{live_server.url}/connections/")
    look("connections")
    page.goto(f"{live_server.url}/payments/")
    look("needs")
    page.locator("table a.title").click()
    assert page.get_by_text(str(other.number)).first.is_visible()
    look("payment")
    page.fill("input[name=number]", str(wanted.number))
    page.locator("form[action$='/match/'] input[name=reason]").fill("The customer showed the slip")
    page.get_by_role("button", name="It pays this invoice").click()
    page.wait_for_url("**/payments/*/")
    assert page.get_by_text("The customer showed the slip").first.is_visible()
    look("matched")
    with scope(organization=organization):
        assert TerminalPayment.objects.filter(invoice=wanted).count() == 1
    assert faults == []
