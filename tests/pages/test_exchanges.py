from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role
from integrations.models import Connection
from invoices.models import Business, Exchange, Invoice, Status
from tests.pages.making import Reader, make_invoice


def text_of(answer: object) -> str:
    return Reader(answer.content.decode()).text  # type: ignore[attr-defined]


@pytest.fixture
def signed(account: Connection, business: Business) -> Invoice:
    return make_invoice(account, Status.SIGNED)


def test_a_signed_invoice_offers_what_can_be_asked_and_shows_what_was(owner_browser: Client, signed: Invoice) -> None:
    page = reverse("invoice", args=[signed.pk])
    assert "Nothing has been asked of it since it was signed." in text_of(owner_browser.get(page))
    asked = owner_browser.post(
        reverse("exchange_request", args=[signed.pk, "payment"]), {"wanted": "PAID"}, follow=True
    )
    assert "Asked: Payment status." in text_of(asked)
    assert "Payment status PAID Waiting" in text_of(owner_browser.get(page))
    row = Exchange.objects.get()
    assert (row.wanted, row.requested_by is not None) == ("PAID", True)


@pytest.mark.parametrize(
    ("purpose", "wanted", "sentence"),
    [
        ("vat", "", "Choose Mark paid first"),
        ("payment", "GIFT", "The payment status is one of PENDING, PAID, REJECTED"),
    ],
)
def test_what_cannot_be_asked_says_why(
    owner_browser: Client, signed: Invoice, purpose: str, wanted: str, sentence: str
) -> None:
    address = reverse("exchange_request", args=[signed.pk, purpose])
    assert sentence in text_of(owner_browser.post(address, {"wanted": wanted}, follow=True))


def test_what_nobody_knows_is_not_found(owner_browser: Client, signed: Invoice) -> None:
    assert owner_browser.post(reverse("exchange_request", args=[signed.pk, "gift"])).status_code == 404
    row = Exchange.objects.create(invoice=signed, purpose="vat", stage="held", is_sent=True)
    assert owner_browser.post(reverse("exchange_decide", args=[row.pk, "shrug"])).status_code == 404


def test_a_held_report_is_decided_on_the_page_once(owner_browser: Client, signed: Invoice) -> None:
    row = Exchange.objects.create(invoice=signed, purpose="vat", stage="held", is_sent=True, problem="Look for it.")
    assert "It arrived" in text_of(owner_browser.get(reverse("invoice", args=[signed.pk])))
    address = reverse("exchange_decide", args=[row.pk, "dismiss"])
    assert "Decided." in text_of(owner_browser.post(address, follow=True))
    assert "not held any more" in text_of(owner_browser.post(address, follow=True))
    assert "Dismissed: the authority has it" in text_of(owner_browser.get(reverse("invoice", args=[signed.pk])))


def test_who_may_not_submit_asks_nothing(sign_in: Callable[..., Client], signed: Invoice) -> None:
    operator = sign_in(Role.OPERATOR)
    assert operator.post(reverse("exchange_request", args=[signed.pk, "transmit"])).status_code == 403
    assert "Transmit now" not in text_of(operator.get(reverse("invoice", args=[signed.pk])))
