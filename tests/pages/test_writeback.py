from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organization, Role
from crm.models import WriteBack, WriteState
from integrations.models import Connection
from invoices.models import Business
from tests.invoices.making import make_connection
from tests.pages.making import Reader, make_deal

pytestmark = pytest.mark.django_db


def page_of(browser: Client, account: Connection) -> Reader:
    return Reader(browser.get(reverse("connection", args=[account.pk])).content.decode())


def save(browser: Client, account: Connection, **fields: str) -> Any:
    answer = browser.post(reverse("connection_write_back", args=[account.pk]), fields, follow=True)
    account.refresh_from_db()
    return answer


def test_an_owner_switches_it_on_and_off_and_other_choices_stay(owner_browser: Client, account: Connection) -> None:
    Connection.objects.filter(pk=account.pk).update(options={"properties": {"company": {"tin": "tax_id"}}})
    page = page_of(owner_browser, account)
    assert "E-invoice number, E-invoice status, E-invoice link" in page.text
    assert [box.get("checked") for box in page.all("input") if box.get("name") == "write_back"] == [None]
    save(owner_browser, account, write_back="on")
    assert account.options == {"properties": {"company": {"tin": "tax_id"}}, "write_back": True}
    boxes = [box for box in page_of(owner_browser, account).all("input") if box.get("name") == "write_back"]
    assert ["checked" in box for box in boxes] == [True]
    save(owner_browser, account)
    assert account.options == {"properties": {"company": {"tin": "tax_id"}}}


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.OPERATOR, Role.VIEWER])
def test_nobody_but_an_owner_may_switch_it(role: Role, sign_in: Callable[..., Client], account: Connection) -> None:
    browser = sign_in(role)
    assert save(browser, account, write_back="on").status_code == 403
    assert account.options == {}
    assert not [box for box in page_of(browser, account).all("input") if box.get("name") == "write_back"]


def test_another_tenants_switch_is_not_there(owner_browser: Client, other_organization: Organization) -> None:
    theirs = make_connection(other_organization, account="other")
    answer = owner_browser.post(reverse("connection_write_back", args=[theirs.pk]), {"write_back": "on"})
    assert answer.status_code == 404


def test_the_page_asks_for_exactly_the_rights_that_are_missing(owner_browser: Client, account: Connection) -> None:
    Connection.objects.filter(pk=account.pk).update(scopes=["oauth", "crm.objects.deals.write"])
    save(owner_browser, account, write_back="on")
    page = page_of(owner_browser, account)
    assert "has not granted what this needs" in page.text
    asked = [box["value"] for box in page.all("input") if box.get("name") == "scope"]
    assert asked == ["crm.schemas.deals.write"]


def test_a_deals_page_says_when_it_was_written_or_why_not(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    deal = make_deal(account)
    address = reverse("deal", args=[deal.pk])
    assert "Written to" not in Reader(owner_browser.get(address).content.decode()).text
    row = WriteBack.objects.create(deal=deal, state=WriteState.WRITTEN, written_at=timezone.now())
    assert "Written to Adupe CRM" in Reader(owner_browser.get(address).content.decode()).text
    row.state, row.problem, row.next_attempt_at = WriteState.WAITING, "HubSpot has no such record.", timezone.now()
    row.save()
    text = Reader(owner_browser.get(address).content.decode()).text
    assert "Not written to Adupe CRM: HubSpot has no such record." in text
    assert "1 deal could not be written" in page_of(owner_browser, account).text
