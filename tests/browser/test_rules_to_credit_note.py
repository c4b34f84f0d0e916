"""From a rule to a credit note in a real browser: written, tried, activated; a buyer asked; signed and credited."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
import zxingcpp
from django_scopes import scope, scopes_disabled
from PIL import Image

from accounts.models import Organization, Role
from crm.models import Deal
from crm.services import apply_rules, sync_deals
from crm.services.trying import Trial
from crm.tasks import invoice_waiting_deals
from integrations.base.auth import Tokens
from integrations.models import Connection
from integrations.services.connections import connect_account
from invoices.models import Invoice, RuleSet, RuleStatus, Status
from invoices.services.papering import pictures_of
from invoices.services.ruling import RulesInForce
from invoices.services.submitting import submit_due_invoices
from tests.browser.conftest import signed_in
from tests.factories import make_member, make_organization
from tests.invoices.making import make_business
from tests.invoices.paper.reading import codes_on, words_of
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def work() -> None:
    """Do what the workers do within a minute."""
    apply_rules()
    invoice_waiting_deals()
    submit_due_invoices()


@pytest.fixture
def account(sandbox: SandboxProcess) -> Connection:
    organization = make_organization("adupe")
    with scope(organization=organization):
        make_business(organization, sandbox.get("/_control/businesses")[0])
        connection = connect_account(
            organization=organization, provider="hubspot", tokens=Tokens(access_token="pat-sandbox")
        )
        sync_deals(connection=connection)
    return connection


def without_tin(account: Connection, sandbox: SandboxProcess, organization: Organization) -> Deal:
    """Return a deal that lacks nothing but its buyer's TIN."""
    with scope(organization=organization):
        trial = Trial(organization, RulesInForce())
        deal = next(deal for deal in Deal.objects.won() if not trial.of_deal(deal).facts.get("missing"))
        assert deal.company is not None
        sandbox.edit("companies", deal.company.external_id, tin="")
        sync_deals(connection=account)
    return deal


def test_a_rule_a_buyers_link_a_signature_the_paper_and_a_credit_note(
    browser: Any, live_server: Any, sandbox: SandboxProcess, settings: Any, account: Connection
) -> None:
    settings.PUBLIC_URL, settings.MBS_RESOLVE_WAIT_SECONDS = live_server.url, 0
    organization = account.organization
    deal = without_tin(account, sandbox, organization)
    owner = make_member(organization, Role.OWNER)
    page, faults = signed_in(browser, live_server.url, owner.email)

    # A rule is written, tried on a deal as it is typed, kept as an example, saved and activated.
    page.goto(f"{live_server.url}/settings/rules/")
    page.get_by_role("button", name="Write a new version").click()
    page.fill("input[name=deal]", deal.external_id)
    page.wait_for_selector("#preview .origins")
    page.fill("input[name=note]", "=With thanks")
    page.wait_for_selector("#preview >> text=With thanks")
    assert "The buyer's TIN" in page.locator("#preview").inner_text()
    page.fill("input[name=example]", "A deal without a TIN")
    page.get_by_role("button", name="Keep as an example").click()
    page.get_by_text("is an example now").wait_for()
    page.get_by_role("button", name="Save the draft").click()
    page.get_by_text("is saved").wait_for()
    page.get_by_role("button", name="Activate").click()
    page.get_by_text("holds from now on").wait_for()
    with scopes_disabled():
        assert RuleSet.objects.get().status == RuleStatus.ACTIVE
    work()

    # The held draft is completed by the buyer, who has no log-in.
    page.goto(f"{live_server.url}/buyers/")
    card = page.locator("section.card", has_text=str(deal.company))
    card.locator("input[name=to]").fill("")
    card.get_by_role("button", name="Make a link").click()
    address = page.locator("section.card", has_text=str(deal.company)).locator("[data-copy]").get_attribute("data-copy")
    buyer = browser.new_context(viewport={"width": 360, "height": 740}).new_page()
    buyer.goto(address)
    buyer.fill("input[name=tin]", "90055555-0001")
    buyer.get_by_role("button", name="Send").click()
    buyer.get_by_text("Thank you").wait_for()
    assert buyer.evaluate("document.documentElement.scrollWidth") <= 360
    work()
    with scopes_disabled():
        invoice = Invoice.objects.get(source_external_id=deal.external_id)
    assert (invoice.status, invoice.buyer_tin) == (Status.SIGNED, "90055555-0001")
    assert b"With thanks" in invoice.body

    # The paper carries the code that was stored, on the page and in the PDF.
    page.goto(f"{live_server.url}/invoices/{invoice.pk}/")
    picture = page.locator("img[src*='qr.svg']").first.get_attribute("src")
    print_view = page.context.new_page()
    print_view.set_viewport_size({"width": 640, "height": 640})
    print_view.goto(f"{live_server.url}{picture}")
    seen = zxingcpp.read_barcodes(Image.open(BytesIO(print_view.screenshot())).convert("L"))
    assert [code.text for code in seen] == [invoice.qr_payload]
    pdf = page.request.get(f"{live_server.url}/invoices/{invoice.pk}/paper/pdf/").body()
    assert invoice.irn in words_of(pdf)
    with scopes_disabled():
        printed = pictures_of(invoice)  # the same sheet as the PDF's, drawn instead of set
    assert [code for sheet in printed for code in codes_on(sheet)] == [invoice.qr_payload]
    page.get_by_role("link", name="Where does this come from?").click()
    assert "filled in by the buyer" in page.locator("main").inner_text()

    # It is credited whole, and the authority signs the note.
    page.goto(f"{live_server.url}/invoices/{invoice.pk}/note/")
    page.fill("input[name=reason]", "The deal was called off")
    page.get_by_role("button", name="Work out").click()
    page.get_by_role("button", name="Make the note").click()
    page.get_by_text("Credit note CRN000001").first.wait_for()
    work()
    with scopes_disabled():
        note = Invoice.objects.get(original=invoice)
        invoice.refresh_from_db()
    assert (note.status, invoice.status) == (Status.SIGNED, Status.CREDITED)
    assert faults == []
