"""The pages of sales: a day, one sale, and the shops that are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organization, Role
from integrations.models import Connection, SyncCursor
from invoices.models import Invoice
from pos.models import Location, SaleKey
from pos.services.invoicing import invoice_due_sales
from pos.services.saving import save_refunds, save_sales
from tests.factories import make_member, make_organization
from tests.invoices.making import make_business
from tests.pages.conftest import MODEL_BACKEND
from tests.pages.making import Reader
from tests.pos.making import LINE, line_of, make_till, refund_of, sale_of
from tests.pos.test_invoicing import BY_DAY, YESTERDAY, use_rules
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db


@pytest.fixture
def till(organization: Organization, sandbox: SandboxProcess) -> Connection:
    make_business(organization, sandbox.get("/_control/businesses")[0], hsn_code="2106.90", product_category="Food")
    return make_till(organization, provider="square")


@pytest.fixture
def browser(organization: Organization) -> Client:
    return signed_in(organization, Role.OWNER)


def signed_in(organization: Organization, role: Role) -> Client:
    client = Client()
    client.force_login(make_member(organization, role), backend=MODEL_BACKEND)
    return client


def text_of(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return Reader(answer.content.decode()).text


def test_without_a_till_the_page_says_what_to_do(browser: Client) -> None:
    assert "No till is connected" in text_of(browser, "/sales/")


def test_a_day_shows_its_sums_and_each_sale_beside_its_invoice(browser: Client, till: Connection) -> None:
    now = timezone.now()
    held = sale_of(replace(LINE, taxes=(replace(LINE.taxes[0], rate=Decimal(5)),)), sold_at=now)
    save_sales(connection=till, records=[sale_of(sold_at=now, tip_amount=Decimal(50)), held])
    assert "Next Alone, or at its day's end" in text_of(browser, "/sales/")
    invoice_due_sales(connection=till)
    waiting = sale_of(sold_at=now, state="open")
    save_sales(connection=till, records=[waiting, sale_of(sold_at=YESTERDAY - timedelta(days=2))])
    text = text_of(browser, "/sales/")
    assert "2 sales · ₦2,150.00 with tax · ₦150.00 tax · ₦50.00 tips" in text
    assert f"Ready {Invoice.objects.exclude(number=None).get().number}" in text
    assert "Held Line 1 (Jollof bowl): the tax category" in text
    assert "Open" in text


def test_sales_of_a_batch_say_so_and_lead_to_its_invoice(browser: Client, till: Connection) -> None:
    use_rules(till, BY_DAY)
    save_sales(connection=till, records=[sale_of(sold_at=YESTERDAY), sale_of(sold_at=YESTERDAY)])
    invoice_due_sales(connection=till)
    assert text_of(browser, f"/sales/?day={YESTERDAY.date()}").count("with its day") == 2
    key = SaleKey.objects.first()
    assert key is not None
    assert f"With the other sales of Yaba shop, {YESTERDAY.date()}, 1" in text_of(
        browser, reverse("sale", args=[key.pk])
    )


def test_a_sale_is_found_by_its_id_in_whichever_month(browser: Client, till: Connection) -> None:
    save_sales(connection=till, records=[sale_of(external_id="long-ago", sold_at=YESTERDAY - timedelta(days=400))])
    assert "long-ago" in text_of(browser, "/sales/?q=long-ago")
    assert "No sale has this id" in text_of(browser, "/sales/?q=nothing")


def test_one_sale_shows_lines_payments_and_what_was_given_back(browser: Client, till: Connection) -> None:
    card = line_of("5000.00", kind="gift_card", name="Card")
    sale = sale_of(replace(LINE, modifiers=("No onion",)), card, tip_amount=Decimal(100))
    save_sales(connection=till, records=[sale])
    save_refunds(connection=till, records=[refund_of(sale, amount=Decimal("107.50"))])
    text = text_of(browser, reverse("sale", args=[SaleKey.objects.get().pk]))
    assert "No onion" in text
    assert "Gift card: paid ahead, on no invoice" in text
    assert "Tip in it ₦100.00" in text
    assert "₦107.50 · Completed · Cold" in text


def test_the_number_of_questions_does_not_grow_with_the_sales(
    browser: Client, till: Connection, django_assert_max_num_queries: object
) -> None:
    now = timezone.now()
    for count in (1, 30):
        save_sales(connection=till, records=[sale_of(sold_at=now) for _ in range(count)])
        with django_assert_max_num_queries(20):  # type: ignore[operator]
            browser.get("/sales/")


def test_the_shops_that_are_read_are_chosen_and_a_new_one_is_read_from_its_beginning(
    browser: Client, till: Connection
) -> None:
    yaba = Location.objects.get()
    ikeja = Location.objects.create(
        organization=till.organization, connection=till, external_id="ikeja", name="Ikeja shop", currency="NGN",
        is_chosen=False,
    )  # fmt: skip
    SyncCursor.objects.create(connection=till, stream="sales", complete_until=timezone.now())
    page = reverse("locations", args=[till.pk])
    assert "Ikeja shop" in text_of(browser, page)
    answer = browser.post(reverse("choose_locations", args=[till.pk]), {"location": [str(ikeja.pk), "x"]}, follow=True)
    assert "1 shops are read" in Reader(answer.content.decode()).text
    assert set(Location.objects.filter(is_chosen=True)) == {ikeja}
    assert SyncCursor.objects.get().full_read_started_at is not None
    assert yaba.pk != ikeja.pk


def test_who_may_only_look_chooses_nothing_and_others_see_nothing(
    organization: Organization, till: Connection, other_organization: Organization
) -> None:
    save_sales(connection=till, records=[sale_of()])
    key = SaleKey.objects.get()
    viewer, stranger = signed_in(organization, Role.VIEWER), signed_in(other_organization, Role.OWNER)
    assert viewer.post(reverse("choose_locations", args=[till.pk]), {}).status_code == 403
    assert Location.objects.filter(is_chosen=True).count() == 1
    for path in (reverse("sale", args=[key.pk]), reverse("locations", args=[till.pk])):
        assert stranger.get(path).status_code == 404
    assert key.external_id not in stranger.get("/sales/").content.decode()
    assert make_organization("third").pk != organization.pk


def test_the_page_of_a_tills_connection_speaks_of_sales(browser: Client, till: Connection) -> None:
    text = text_of(browser, reverse("connection", args=[till.pk]))
    assert "See its sales" in text
    assert "Shops that are read" in text
    assert "See its deals" not in text
    assert "Preview a full read" not in text
