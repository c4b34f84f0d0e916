"""The pages of payments: what needs a person, and what a person decides."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Organization, Role
from integrations.models import Connection
from integrations.services.own_addresses import address_of
from pos.models import TerminalPayment
from pos.tasks import sync_payments_of
from tests.factories import make_member
from tests.pages.conftest import MODEL_BACKEND
from tests.pages.making import Reader
from tests.pos.paystack.conftest import ONE, Issuer, Terminal
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db


def signed_in(organization: Organization, role: Role = Role.OWNER) -> Client:
    client = Client()
    client.force_login(make_member(organization, role), backend=MODEL_BACKEND)
    return client


@pytest.fixture
def browser(organization: Organization) -> Client:
    return signed_in(organization)


def text_of(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return Reader(answer.content.decode()).text


def test_without_payments_the_page_says_what_to_do(browser: Client) -> None:
    assert "No payment has been read" in text_of(browser, "/payments/")
    assert "Payments" not in text_of(browser, "/connections/").partition("Invoices")[0]


def test_the_lists_show_what_needs_a_person_what_is_matched_and_all(
    browser: Client, paying: Connection, terminal: Terminal, issue: Issuer
) -> None:
    invoice = issue(5000)
    terminal.take(500_000, reference="clear")
    terminal.take(123_400, reference="unclear")
    sync_payments_of(paying.pk)
    needs, matched = text_of(browser, "/payments/"), text_of(browser, "/payments/?show=matched")
    everything = text_of(browser, "/payments/?show=all")
    assert ("unclear" in needs, "clear" in needs.replace("unclear", "")) == (True, False)
    assert "none of this amount was issued" in needs
    assert ("unclear" in matched, str(invoice.number) in matched) == (False, True)
    assert ("unclear" in everything, str(invoice.number) in everything) == (True, True)
    assert "unclear" in text_of(browser, "/payments/?q=unclear&show=matched")
    assert "unclear" in text_of(browser, "/payments/?show=nonsense")
    assert "Payments" in text_of(browser, "/")


def test_a_person_matches_by_hand_and_lets_go_again(
    browser: Client, paying: Connection, terminal: Terminal, issue: Issuer
) -> None:
    one, other = issue(5000), issue(5000)
    terminal.take(500_000)
    sync_payments_of(paying.pk)
    stored = TerminalPayment.objects.get()
    path = f"/payments/{stored.pk}/"
    shown = text_of(browser, path)
    assert str(one.number) in shown
    assert str(other.number) in shown
    refused = browser.post(f"{path}match/", {"number": "INV9", "reason": "a slip of the hand"})
    assert refused.status_code == 422
    assert "No invoice has this number" in refused.content.decode()
    assert "a slip of the hand" in refused.content.decode()
    assert browser.post(f"{path}match/", {"number": str(one.number)}).status_code == 422
    assert browser.post(f"{path}match/", {"number": str(one.number), "reason": "it is hers"}).status_code == 302
    stored.refresh_from_db()
    assert stored.invoice == one
    assert "it is hers" in text_of(browser, path)
    assert browser.post(f"{path}let-go/", {"reason": "it is not"}).status_code == 302
    assert browser.post(f"{path}take-up/").status_code == 302
    assert browser.post(f"{path}set-aside/", {"reason": "rent"}).status_code == 302
    assert "No payment needs a person" in text_of(browser, "/payments/")
    assert browser.post(f"{path}explode/").status_code == 404
    assert browser.get(f"{path}match/").status_code == 405


def test_who_only_looks_decides_nothing_and_another_organization_sees_nothing(
    paying: Connection, terminal: Terminal, issue: Issuer, organization: Organization,
    other_organization: Organization,
) -> None:  # fmt: skip
    invoice = issue(5000)
    terminal.take(700_000)
    sync_payments_of(paying.pk)
    path = f"/payments/{TerminalPayment.objects.get().pk}/"
    looker = signed_in(organization, Role.VIEWER)
    assert "It pays this invoice" not in text_of(looker, path)
    given = {"number": str(invoice.number), "reason": "mine"}
    assert looker.post(f"{path}match/", given).status_code == 403
    stranger = signed_in(other_organization)
    assert stranger.get(path).status_code == 404
    assert stranger.post(f"{path}match/", given).status_code == 404
    assert "No payment has been read" in text_of(stranger, "/payments/?show=all")
    assert TerminalPayment.objects.get().invoice is None


def test_an_account_is_connected_by_its_key_and_the_page_shows_its_webhook_address(
    browser: Client, organization: Organization, paystack: SandboxProcess
) -> None:
    shown = text_of(browser, "/connections/")
    assert "Connect by a key" in shown
    assert "not yet tried with the real Paystack" in shown
    assert "Copy the account's secret key" in text_of(browser, "/connections/key/paystack/")
    refused = browser.post("/connections/key/paystack/", {"key": "sk_test_nobody", "organization": organization.pk})
    assert refused.status_code == 422
    assert "does not accept this secret key" in Reader(refused.content.decode()).text
    assert browser.post("/connections/key/paystack/", {"key": ONE, "organization": organization.pk}).status_code == 302
    connection = Connection.objects.get(provider="paystack")
    shown = text_of(browser, f"/connections/{connection.pk}/")
    assert address_of(connection) in shown
    assert "See its payments" in shown
    assert "Made into invoices" not in shown
    assert ONE not in browser.get(f"/connections/{connection.pk}/").content.decode()
    assert address_of(connection) not in text_of(
        signed_in(organization, Role.ACCOUNTANT), f"/connections/{connection.pk}/"
    )
    assert browser.post("/connect/paystack/").status_code == 404


def test_an_account_of_one_organization_is_not_connected_by_another(
    paying: Connection, others_paying: Connection, other_organization: Organization
) -> None:
    stranger = signed_in(other_organization)
    answer = stranger.post("/connections/key/paystack/", {"key": ONE, "organization": other_organization.pk})
    assert answer.status_code == 422
    assert "belongs to another organization" in Reader(answer.content.decode()).text


def test_a_payment_terminal_is_no_till_on_the_page_of_the_day(browser: Client, paying: Connection) -> None:
    answer = browser.get("/sales/today/")
    assert answer.status_code == 200
    assert "Paystack" not in Reader(answer.content.decode()).text
    assert not answer.context["today"].hearing.has_till
