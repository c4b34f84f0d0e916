from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from accounts.models import Organization, Role
from invoices.models import Business
from tests.factories import make_member
from tests.pages.making import Reader


def read(browser: Client) -> Reader:
    return Reader(browser.get("/settings/").content.decode())


def test_people_and_their_roles_are_listed(sign_in: Callable[..., Client], organization: Organization) -> None:
    member = make_member(organization, Role.AUDITOR, first_name="Ife", last_name="Fictive")
    text = read(sign_in(Role.VIEWER)).text
    assert f"Ife Fictive Auditor {member.email}" in text
    assert "Accountant see everything, start syncs and tests, submit invoices" in text


def test_without_a_profile_it_says_that_every_invoice_is_held(owner_browser: Client) -> None:
    assert "There is no business profile yet, so every invoice is held." in read(owner_browser).text


def test_a_complete_profile_says_so_and_shows_no_secret(owner_browser: Client, business: Business) -> None:
    page = read(owner_browser)
    assert "Business profile Complete" in page.text
    assert business.tin in page.text
    assert "Ask operations to change it" in page.text
    for secret in ("sandbox-key", "sandbox-secret", business.certificate or "", business.public_key):
        assert secret not in page.text


def test_each_fact_that_holds_invoices_back_is_marked(owner_browser: Client, business: Business) -> None:
    Business.objects.filter(pk=business.pk).update(street="", tin="123", public_key="", service_id="")
    text = read(owner_browser).text
    assert "Incomplete" in text
    assert "Street – Missing: invoices are held until it is filled in." in text
    assert "123 is shorter than 5 characters" in text
    assert "Key file – Missing" in text
    assert "Service id – Missing" in text


def test_a_pause_is_told_with_its_reason(owner_browser: Client, business: Business) -> None:
    Business.objects.filter(pk=business.pk).update(submissions_paused_reason="The authority refuses the API key.")
    text = read(owner_browser).text
    assert "Submissions paused" in text
    assert "The authority refuses the API key." in text


def test_staff_are_led_to_the_admin(sign_in: Callable[..., Client], business: Business) -> None:
    page = read(sign_in(Role.OWNER, is_staff=True))
    assert f"/admin/invoices/business/{business.pk}/change/" in [link["href"] for link in page.all("a")]
