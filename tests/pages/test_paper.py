from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail
from django.test import Client

from accounts.models import Organization, Role
from integrations.models import Connection
from invoices.models import Business, Invoice, PaperSent, Status
from invoices.services.mailing import send_due_letters
from tests.factories import make_member
from tests.pages.conftest import MODEL_BACKEND
from tests.pages.making import Reader, make_held, make_invoice

FORMS = {"pdf": b"%PDF-", "json": b'{"business_id"', "ubl": b"<?xml", "evidence": b"PK"}


@pytest.fixture
def invoice(account: Connection, business: Business) -> Invoice:
    """Return a signed invoice."""
    return make_invoice(account, Status.SIGNED)


@pytest.mark.parametrize("form", list(FORMS))
def test_everybody_who_sees_the_invoice_can_take_its_forms(
    sign_in: Callable[..., Client], invoice: Invoice, form: str
) -> None:
    answer = sign_in(Role.AUDITOR).get(f"/invoices/{invoice.pk}/paper/{form}/")
    assert answer.status_code == 200
    assert answer.content.startswith(FORMS[form])
    assert str(invoice.number) in answer["Content-Disposition"]
    assert "no-cache" in answer["Cache-Control"]


def test_json_is_the_frozen_bytes(owner_browser: Client, invoice: Invoice) -> None:
    assert owner_browser.get(f"/invoices/{invoice.pk}/paper/json/").content == invoice.body


@pytest.mark.parametrize("form", list(FORMS))
def test_another_tenant_and_strangers_get_none(other_organization: Organization, invoice: Invoice, form: str) -> None:
    stranger = Client()
    address = f"/invoices/{invoice.pk}/paper/{form}/"
    assert stranger.get(address).status_code == 302
    stranger.force_login(make_member(other_organization, Role.OWNER), backend=MODEL_BACKEND)
    assert stranger.get(address).status_code == 404


def test_a_draft_has_a_preview_and_nothing_else(owner_browser: Client, account: Connection, business: Business) -> None:
    held = make_held(account)
    statuses = {form: owner_browser.get(f"/invoices/{held.pk}/paper/{form}/").status_code for form in FORMS}
    assert statuses == {"pdf": 200, "json": 404, "ubl": 404, "evidence": 404}
    assert "Preview as PDF" in Reader(owner_browser.get(f"/invoices/{held.pk}/").content.decode()).text


def test_a_form_that_nobody_makes_is_not_found(owner_browser: Client, invoice: Invoice) -> None:
    assert owner_browser.get(f"/invoices/{invoice.pk}/paper/docx/").status_code == 404


def test_staff_take_the_forms_in_the_admin(invoice: Invoice, sign_in: Callable[..., Client]) -> None:
    staff = sign_in(Role.OWNER, is_staff=True, is_superuser=True)
    page = staff.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()
    for form, start in FORMS.items():
        address = f"/admin/invoices/invoice/{invoice.pk}/paper/{form}/"
        assert address in page
        assert staff.get(address).content.startswith(start)


def test_staff_without_the_right_to_see_invoices_get_none(invoice: Invoice, sign_in: Callable[..., Client]) -> None:
    staff = sign_in(Role.OWNER, is_staff=True)
    assert staff.get(f"/admin/invoices/invoice/{invoice.pk}/paper/pdf/").status_code == 403


def test_an_accountant_sends_the_invoice_once_and_sees_it(sign_in: Callable[..., Client], invoice: Invoice) -> None:
    browser = sign_in(Role.ACCOUNTANT)
    page = f"/invoices/{invoice.pk}/"
    assert "Send to the buyer" in browser.get(page).content.decode()
    answer = browser.post(f"{page}send/", follow=True)
    assert "goes to payables@bridgepoint-books.example" in Reader(answer.content.decode()).text
    send_due_letters()
    assert len(mail.outbox) == 1
    text = Reader(browser.get(page).content.decode()).text
    assert "Sent to payables@bridgepoint-books.example" in text
    assert "already" in Reader(browser.post(f"{page}send/", follow=True).content.decode()).text


def test_a_viewer_sends_nothing(sign_in: Callable[..., Client], invoice: Invoice) -> None:
    browser = sign_in(Role.VIEWER)
    assert "Send to the buyer" not in browser.get(f"/invoices/{invoice.pk}/").content.decode()
    assert browser.post(f"/invoices/{invoice.pk}/send/").status_code == 403
    assert browser.post("/settings/letters/", {"is_on": "yes"}).status_code == 403
    assert not PaperSent.objects.exists()


def test_the_switch_stands_on_the_settings_page(owner_browser: Client, business: Business) -> None:
    assert "only when somebody sends them" in Reader(owner_browser.get("/settings/").content.decode()).text
    answer = owner_browser.post("/settings/letters/", {"is_on": "yes"}, follow=True)
    assert "Stop sending by itself" in Reader(answer.content.decode()).text
    owner_browser.post("/settings/letters/", {"is_on": "no"})
    business.refresh_from_db()
    assert business.email_buyers_since is None
