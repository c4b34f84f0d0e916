"""The main road in a real browser: sign in, connect, see deals, open a signed invoice. Skipped without a Chromium."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django_scopes import scopes_disabled

from accounts.models import Role
from crm.hubspot.tasks import sync_hubspot_deals
from integrations.models import Connection
from invoices.models import Invoice, Status
from invoices.services.submitting import submit_due_invoices
from tests.browser.conftest import signed_in
from tests.factories import make_member, make_organization
from tests.invoices.making import make_business
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", [1280, 360])
def test_an_owner_signs_in_connects_sees_deals_and_opens_a_signed_invoice(
    width: int, browser: Any, live_server: Any, sandbox: SandboxProcess, settings: Any
) -> None:
    settings.PUBLIC_URL = live_server.url
    policy = copy.deepcopy(settings.CONTENT_SECURITY_POLICY)
    policy["DIRECTIVES"]["form-action"] = ["'self'", sandbox.url]
    settings.CONTENT_SECURITY_POLICY = policy
    organization = make_organization("adupe")
    owner = make_member(organization, Role.OWNER)
    with scopes_disabled():
        make_business(organization, sandbox.get("/_control/businesses")[0])
    page, faults = signed_in(browser, live_server.url, owner.email, width, 800)
    page.goto(f"{live_server.url}/connections/")
    page.locator("form[action*='/connect/hubspot/'] button").first.click()
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**/connections/*/")
    with scopes_disabled():
        connection = Connection.objects.get()
    sync_hubspot_deals(connection.pk)
    submit_due_invoices()

    page.goto(f"{live_server.url}/deals/?outcome=won")
    assert page.locator("main a[href^='/deals/']").count() > 5
    with scopes_disabled():
        invoice = Invoice.objects.filter(status=Status.SIGNED).order_by("pk").first()
    assert invoice is not None
    page.goto(f"{live_server.url}/invoices/{invoice.pk}/")
    assert page.get_by_text(invoice.irn).first.is_visible()
    assert page.locator("img[src*='qr.svg']").evaluate("image => image.complete && image.naturalWidth > 0")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults == []
