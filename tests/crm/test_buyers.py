"""Buyers who fill in their own facts: a link that opens once, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope

from accounts.models import Organization, Role
from crm.converters import FILLED, convert
from crm.models import BuyerFacts, BuyerLink, Company, Deal
from crm.services import buyers, sync_deals
from crm.services.buyers import address_of, fill_in, make_link, missing_of, open_link, waiting_buyers
from crm.services.trying import Trial
from crm.tasks import invoice_waiting_deals
from integrations.models import Connection
from invoices.models import Invoice, Status
from invoices.services.ruling import RulesInForce
from tests.crm.examples import COMPANY, DEAL
from tests.factories import make_member, make_organization
from tests.invoices.making import make_business
from tests.pages.conftest import MODEL_BACKEND
from tests.pages.making import Reader, make_company, make_deal, make_held
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]


def text_of(answer: Any) -> str:
    return Reader(answer.content.decode()).text


@pytest.fixture
def browse(organization: Organization) -> Callable[..., Client]:
    def browser(role: Role = Role.OWNER) -> Client:
        client = Client()
        client.force_login(make_member(organization, role), backend=MODEL_BACKEND)
        return client

    return browser


def path_of(link: BuyerLink) -> str:
    return reverse("buyer", args=[address_of(link).rstrip("/").rpartition("/")[2]])


def held_for_tin(organization: Organization) -> tuple[Company, list[Invoice]]:
    """Return a buyer that lacks just its TIN, with its drafts."""
    for each in waiting_buyers():
        if set(each.missing) == {"tin"}:
            ids = Deal.objects.filter(company=each.company).values("external_id")
            return each.company, list(Invoice.objects.filter(status=Status.DRAFT, source_external_id__in=ids))
    raise AssertionError("the sandbox has no buyer that lacks just its TIN")


@pytest.fixture
def asked(organization: Organization, connection: Connection, sandbox: SandboxProcess) -> Company:
    make_business(organization, sandbox.get("/_control/businesses")[0])
    sync_deals(connection=connection)
    trial = Trial(organization, RulesInForce())
    whole = [deal for deal in Deal.objects.won() if not trial.of_deal(deal).facts.get("missing")]
    company = whole[0].company
    assert company is not None
    sandbox.edit("companies", company.external_id, tin="")
    sync_deals(connection=connection)
    invoice_waiting_deals()
    return held_for_tin(organization)[0]


def test_the_buyers_that_hold_invoices_are_listed_with_their_money(asked: Company, browse: Any) -> None:
    waiting = waiting_buyers()
    assert [each.amount for each in waiting] == sorted((each.amount for each in waiting), reverse=True)
    page = text_of(browse().get(reverse("buyers")))
    assert str(asked) in page
    assert "The buyer's TIN" in page


def test_a_buyer_fills_in_its_facts_and_the_held_invoice_is_made(
    asked: Company, organization: Organization, browse: Any, client: Client
) -> None:
    drafts = held_for_tin(organization)[1]
    browse().post(reverse("buyer_ask", args=[asked.pk]))
    link = BuyerLink.objects.get()
    shown = client.get(path_of(link))
    assert "Tax identification number" in text_of(shown)
    assert asked.street not in shown.content.decode(), "what the seller knows already is not told"
    assert shown["X-Robots-Tag"] == "noindex"
    assert "no-store" in shown["Cache-Control"]
    wrong = client.post(path_of(link), {"tin": "12"})
    assert wrong.status_code == 422
    assert "5 to 20 characters" in text_of(wrong)
    assert "Thank you" in text_of(client.post(path_of(link), {"tin": " 90055555-0001 ", "street": "smuggled"}))
    assert BuyerFacts.objects.get().facts == {"tin": "90055555-0001"}
    invoice_waiting_deals()
    for draft in drafts:
        draft.refresh_from_db()
        assert draft.status == Status.READY, draft.missing
        assert draft.buyer_tin == "90055555-0001"
    assert client.get(path_of(link)).status_code == 404
    assert client.post(path_of(link), {"tin": "90066666-0001"}).status_code == 404


def test_what_was_filled_in_is_remembered_and_the_crm_comes_first() -> None:
    company = replace(COMPANY, tin="", filled={"tin": "90055555-0001", "city": "Elsewhere"})
    converted = convert(replace(DEAL, companies=(company,)), connection_id=7)
    assert converted.draft.buyer is not None
    assert (converted.draft.buyer.tin, converted.draft.buyer.city) == ("90055555-0001", "Aba")
    assert converted.origins["buyer.tin"].rule == FILLED


def test_what_the_authority_would_refuse_gives_way_to_what_was_filled_in() -> None:
    company = replace(COMPANY, tin="12", filled={"tin": "90055555-0001"})
    draft = convert(replace(DEAL, companies=(company,)), connection_id=7).draft
    assert draft.buyer is not None
    assert draft.buyer.tin == "90055555-0001"


@pytest.mark.parametrize("how", ["expired", "revoked", "forged", "nonsense"])
def test_a_link_that_does_not_open_says_only_that(asked: Company, owner: Any, client: Client, how: str) -> None:
    link = make_link(company=asked, by=owner)
    path = path_of(link)
    if how == "expired":
        past = timezone.now() - timedelta(days=1)
        BuyerLink.objects.update(created_at=past - timedelta(days=1), expires_at=past)
    elif how == "revoked":
        make_link(company=asked, by=owner)
    else:
        path = reverse("buyer", args=[f"{link.pk}:AAAA" if how == "forged" else "x" * 200])
    answer = client.get(path)
    assert answer.status_code == 404
    assert "does not open any more" in text_of(answer)
    assert str(asked) not in answer.content.decode()


def test_two_answers_at_once_are_one(asked: Company, owner: Any) -> None:
    link = make_link(company=asked, by=owner)
    assert fill_in(link=link, facts={"tin": "90055555-0001"})
    assert not fill_in(link=link, facts={"tin": "90066666-0001"})
    assert BuyerFacts.objects.get().facts == {"tin": "90055555-0001"}


def test_the_link_goes_out_by_mail(asked: Company, browse: Any) -> None:
    browse().post(reverse("buyer_ask", args=[asked.pk]), {"to": "payables@bridgepoint.example"})
    assert mail.outbox[0].to == ["payables@bridgepoint.example"]
    assert address_of(BuyerLink.objects.get()) in mail.outbox[0].body
    answer = browse().post(reverse("buyer_ask", args=[asked.pk]), {"to": "nobody"}, follow=True)
    assert "is no e-mail address" in text_of(answer)
    assert len(mail.outbox) == 1


def test_a_buyer_beyond_the_end_of_the_list_is_still_asked_for_what_it_lacks(
    asked: Company, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = make_held(asked.connection)
    make_deal(
        asked.connection, external_id=newest.source_external_id, company=make_company(asked.connection, "New Ltd")
    )
    monkeypatch.setattr(buyers, "MOST", 1)
    assert [str(each.company) for each in waiting_buyers()] == ["New Ltd"]
    assert set(missing_of(asked)) == {"tin"}
    page = text_of(Client().get(path_of(make_link(company=asked, by=owner))))
    assert "Tax identification number" in page


def test_where_no_mail_is_set_up_the_link_is_made_and_the_page_says_so(
    asked: Company, browse: Any, settings: Any
) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", ""
    answer = browse().post(reverse("buyer_ask", args=[asked.pk]), {"to": "payables@bridgepoint.example"}, follow=True)
    assert "E-mail is not set up here" in text_of(answer)
    assert BuyerLink.objects.get().is_open


def test_who_may_only_look_makes_no_link_and_sees_none(asked: Company, owner: Any, browse: Any) -> None:
    link = make_link(company=asked, by=owner)
    viewer = browse(Role.VIEWER)
    assert address_of(link) not in viewer.get(reverse("buyers")).content.decode()
    assert viewer.post(reverse("buyer_ask", args=[asked.pk])).status_code == 403


def test_another_organizations_buyer_is_not_found(asked: Company, browse: Any) -> None:
    other = make_organization("elsewhere")
    client = Client()
    with scope(organization=other):
        client.force_login(make_member(other), backend=MODEL_BACKEND)
    assert client.post(reverse("buyer_ask", args=[asked.pk])).status_code == 404


def test_a_buyer_has_one_open_link(asked: Company, owner: Any) -> None:
    make_link(company=asked, by=owner)
    make_link(company=asked, by=owner)
    assert BuyerLink.objects.filter(revoked_at=None).count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        BuyerLink.objects.update(revoked_at=None)


def test_the_signature_is_the_key(asked: Company, owner: Any) -> None:
    link = make_link(company=asked, by=owner)
    token = address_of(link).rstrip("/").rpartition("/")[2]
    assert open_link(token) == link
    assert open_link(token[:-1]) is None
    assert open_link(str(link.pk)) is None
