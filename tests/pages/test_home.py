from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from django.test import Client

from accounts.models import Organization, Role
from integrations.models import Connection, ConnectionStatus, Quarantine
from invoices.models import Business, Invoice, Status
from tests.invoices.making import GOODS
from tests.pages.making import Reader, make_deal, make_held, make_invoice


def read_home(browser: Client) -> Reader:
    return Reader(browser.get("/").content.decode())


def test_an_owner_with_nothing_connected_gets_the_one_button(owner_browser: Client, settings: object) -> None:
    settings.HUBSPOT_CLIENT_ID = "some-app"  # type: ignore[attr-defined]
    page = read_home(owner_browser)
    assert "Connect HubSpot" in page.text
    assert "/connect/hubspot/" in [form["action"] for form in page.all("form")]


def test_without_an_application_at_the_provider_no_button_leads_nowhere(
    owner_browser: Client, settings: object
) -> None:
    settings.HUBSPOT_CLIENT_ID = ""  # type: ignore[attr-defined]
    page = read_home(owner_browser)
    assert "/connect/hubspot/" not in [form["action"] for form in page.all("form")]
    assert "See what is needed to connect" in page.text


@pytest.mark.parametrize("role", [role for role in Role if role != Role.OWNER])
def test_whoever_may_not_connect_is_told_whom_to_ask(
    sign_in: Callable[..., Client], organization: Organization, role: Role
) -> None:
    page = read_home(sign_in(role))
    assert f"Ask an owner of {organization}." in page.text
    assert "/connect/hubspot/" not in [form["action"] for form in page.all("form")]


def test_the_sentence_counts_every_won_deal_once(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    signed = make_invoice(account, Status.SIGNED)
    held = make_held(account)
    for invoice in (signed, held):
        make_deal(account, external_id=invoice.source_external_id)
    make_deal(account, is_won=False, is_closed=False)
    text = read_home(owner_browser).text
    assert "2 deals are won. 1 is a signed invoice:" in text
    assert f"₦{signed.payable_amount:,}" in text
    assert f"1 is held until a fact is filled in; ₦{held.payable_amount:,} waits." in text


def test_what_needs_somebody_is_listed_with_its_reason(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    make_held(account)
    rejected = make_invoice(account, Status.REJECTED)
    Quarantine.objects.create(connection=account, stream="deals", external_id="7", reason="Not JSON.", payload="{")
    Business.objects.filter(pk=business.pk).update(submissions_paused_reason="The authority refuses the API key.")
    text = read_home(owner_browser).text
    assert "The buyer's TIN" in text
    assert f"1 invoice was rejected by the authority ₦{rejected.payable_amount:,}" in text
    assert "1 record could not be read" in text
    assert "Submissions are paused" in text
    assert "The authority refuses the API key." in text
    assert "Nothing needs you" not in text


def test_when_all_is_signed_it_says_that_nothing_needs_you(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    make_invoice(account, Status.SIGNED)
    text = read_home(owner_browser).text
    assert "Nothing needs you." in text
    assert "Nothing. Every won deal is on a signed invoice or on its way." in text


def test_a_connection_that_must_be_renewed_is_named_with_its_problem(
    owner_browser: Client, account: Connection
) -> None:
    Connection.objects.filter(pk=account.pk).update(
        status=ConnectionStatus.NEEDS_REAUTHORIZATION, problem="HubSpot no longer honours the grant."
    )
    text = read_home(owner_browser).text
    assert "Adupe CRM must be connected again" in text
    assert "HubSpot no longer honours the grant." in text


def test_foreign_money_is_never_added_to_naira(owner_browser: Client, account: Connection, business: Business) -> None:
    naira = make_held(account)
    dollars = make_held(account, currency="USD")
    assert dollars.payable_amount is not None
    text = read_home(owner_browser).text
    assert f"Held ₦{naira.payable_amount:,} 2 invoices, 1 without a sum in naira" in text


def test_a_bar_shows_the_shares_and_fills_its_width(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    make_invoice(account, Status.SIGNED, lines=(replace(GOODS, unit_price=Decimal(9_000_000)),))
    make_held(account)
    parts = read_home(owner_browser).all("rect")
    assert [part["class"] for part in parts] == ["signed", "held"]
    assert sum(Decimal(part["width"]) for part in parts) == pytest.approx(1000, abs=Decimal("0.2"))


def test_the_number_of_questions_does_not_grow_with_the_rows(
    owner_browser: Client, account: Connection, business: Business, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for _ in range(8):
        make_invoice(account, Status.SIGNED)
        make_held(account)
    assert Invoice.objects.count() == 16
    with django_assert_max_num_queries(19):  # type: ignore[attr-defined]
        owner_browser.get("/")
