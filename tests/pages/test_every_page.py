"""Each page for each role: it opens, says what it is for, keeps the content policy and shows nobody else's rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django_scopes import scope

from accounts.models import Organization, Role
from integrations.models import Connection, SyncRun
from invoices.models import Business, Status
from invoices.services.ruling import save_draft
from tests.factories import make_member, make_organization
from tests.invoices.making import make_business
from tests.pages.conftest import MODEL_BACKEND
from tests.pages.making import Reader, make_deal, make_held, make_invoice, outsider
from tests.sandbox_process import SandboxProcess

PLAIN_PAGES = {
    "home": "Where things stand",
    "deals": "Deals",
    "sales": "No till is connected",
    "invoices": "Invoices",
    "connections": "HubSpot",
    "settings": "Business profile",
    "rules": "What holds now",
    "at_risk": "At risk",
    "reconciliation": "Not reconciled yet",
    "buyers": "No buyer has to be asked",
}


def addresses(account: Connection, business: Business) -> list[str]:
    """Return the address of every page, with rows of each kind behind them."""
    deal = make_deal(account)
    SyncRun.objects.create(connection=account, stream="deals", mode="full", status="succeeded", sentence="All read.")
    pages = [reverse(name) for name in PLAIN_PAGES]
    pages += [reverse("connection", args=[account.pk]), reverse("deal", args=[deal.pk])]
    for invoice in (make_held(account), make_invoice(account), make_invoice(account, Status.SIGNED)):
        pages.append(reverse("invoice", args=[invoice.pk]))
    pages.append(reverse("invoice_origins", args=[invoice.pk]))
    draft = save_draft(organization=account.organization, content={}, by=None)
    pages += [
        reverse("rule_edit", args=[draft.pk]) + f"?deal={deal.external_id}",
        f"{reverse('rule_edit', args=[draft.pk])}?as=json",
    ]
    pages.append(reverse("rule_simulation", args=[draft.pk]))
    return [*pages, reverse("connection_disconnect", args=[account.pk])]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("name", PLAIN_PAGES)
def test_every_role_can_open_every_page(sign_in: Callable[..., Client], role: Role, name: str) -> None:
    answer = sign_in(role).get(reverse(name))
    assert answer.status_code == 200
    assert PLAIN_PAGES[name] in Reader(answer.content.decode()).text


@pytest.mark.parametrize("name", PLAIN_PAGES)
def test_a_stranger_is_sent_to_sign_in_and_back(db: None, client: Client, name: str) -> None:
    answer = client.get(reverse(name))
    assert answer.status_code == 302
    assert answer["Location"] == f"{reverse('login')}?next={reverse(name)}"


def test_no_page_runs_or_styles_anything_inline_or_loads_from_elsewhere(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    for address in [*addresses(account, business), "/login/", "/nowhere/"]:
        browser = Client() if address == "/login/" else owner_browser
        answer = browser.get(address)
        page = Reader(answer.content.decode())
        assert not page.inline_scripts, address
        assert not page.all("style"), address
        for tag, attributes in page.tags:
            assert "style" not in attributes, (address, tag)
            assert not [name for name in attributes if name.startswith("on")], (address, tag)
            loaded = attributes.get("src", "") if tag != "a" else ""
            assert loaded == "" or loaded.startswith("/"), (address, tag, loaded)
        assert all(link["href"].startswith("/") for link in page.all("link")), address
        assert "default-src 'self'" in answer["Content-Security-Policy"]


def test_every_page_has_one_heading_a_way_past_the_menu_and_named_fields(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    for address in addresses(account, business):
        page = Reader(owner_browser.get(address).content.decode())
        assert len(page.all("h1")) == 1, address
        assert page.all("a")[0]["href"] == "#main", address
        assert page.all("main")[0]["id"] == "main"
        labelled = {label["for"] for label in page.all("label")}
        for field in [*page.all("input"), *page.all("select")]:
            if field.get("type") != "hidden":
                assert field["id"] in labelled, (address, field)
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids)), address


def test_the_rows_of_another_organization_are_not_found(
    owner_browser: Client, account: Connection, business: Business, sandbox: SandboxProcess
) -> None:
    stranger = make_organization("okuta")
    with scope(organization=stranger):
        theirs = outsider(stranger)
        make_business(stranger, sandbox.get("/_control/businesses")[1])
        deal, invoice = make_deal(theirs, name="Their secret deal"), make_invoice(theirs)
    asked = [
        reverse("deal", args=[deal.pk]),
        *(reverse(name, args=[invoice.pk]) for name in ("invoice", "invoice_qr", "invoice_document")),
        *(
            reverse(name, args=[theirs.pk])
            for name in ("connection", "connection_progress_json", "connection_disconnect", "connection_progress")
        ),
    ]
    posted = [
        *(reverse(name, args=[theirs.pk]) for name in ("connection_sync", "connection_test", "connection_disconnect")),
        reverse("invoice_submit", args=[invoice.pk]),
    ]
    assert [owner_browser.get(address).status_code for address in asked] == [404] * len(asked)
    assert [owner_browser.post(address).status_code for address in posted] == [404] * len(posted)
    for name in PLAIN_PAGES:
        text = owner_browser.get(reverse(name)).content.decode()
        assert "Their secret deal" not in text
        assert "Their CRM" not in text
        assert str(invoice.irn) not in text


def test_switching_the_organization_switches_every_list(organization: Organization, account: Connection) -> None:
    make_deal(account, name="Ours")
    user = make_member(organization, Role.OWNER)
    second = make_organization("okuta")
    user.memberships.create(organization=second, role=Role.VIEWER)
    with scope(organization=second):
        make_deal(outsider(second), name="Second organization's deal")
    browser = Client()
    browser.force_login(user, backend=MODEL_BACKEND)
    assert "Ours" in browser.get("/deals/").content.decode()
    answer = browser.post("/organization/", {"organization": str(second.pk)}, follow=True)
    assert "You now work in Okuta Works Ltd." in Reader(answer.content.decode()).text
    text = Reader(browser.get("/deals/").content.decode()).text
    assert "Second organization's deal" in text
    assert "Ours" not in text


@pytest.mark.parametrize("wanted", ["", "abc", "999999"])
def test_an_organization_one_does_not_belong_to_cannot_be_chosen(owner_browser: Client, wanted: str) -> None:
    answer = owner_browser.post("/organization/", {"organization": wanted}, follow=True)
    assert "You do not belong to that organization" in Reader(answer.content.decode()).text


def test_the_sandbox_says_so_on_every_page_and_production_never(owner_browser: Client, settings: object) -> None:
    for environment, expected in (("sandbox", True), ("production", False)):
        settings.ENVIRONMENT = environment  # type: ignore[attr-defined]
        for browser, address in ((owner_browser, "/"), (Client(), "/login/"), (owner_browser, "/nowhere/")):
            assert ("SANDBOX" in browser.get(address).content.decode()) is expected, (environment, address)
