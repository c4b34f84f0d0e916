"""A shop's day is closed against Square over HTTP: what it took is stored, invoiced and reported, or named."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from django_scopes import scopes_disabled

from accounts.models import Organization, Role
from integrations.models import Connection
from integrations.services.leases import give_back, take
from invoices.irn import in_lagos
from invoices.models import Invoice
from invoices.services.submitting import submit_due_invoices
from pos.models import CatalogObject, DayClose, Location, Sale, SaleKey
from pos.services.closing import CLOSING, close_day, days_to_close, shops_to_close
from pos.services.crediting import credit_due_refunds
from pos.services.invoicing import invoice_due_sales
from pos.services.syncing import sync_sales
from pos.tasks import close_days_of
from tests.factories import make_member
from tests.invoices.making import make_business
from tests.pages.conftest import MODEL_BACKEND
from tests.pages.making import Reader
from tests.pos.square.conftest import Tills
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(organization: Organization, till: Connection, square: SandboxProcess) -> Location:
    make_business(organization, square.get("/_control/businesses")[0], hsn_code="2106.90", product_category="Food")
    sync_sales(connection=till)
    return Location.objects.get(connection=till)


def today() -> date:
    return in_lagos(timezone.now()).date()


def hand_in(till: Connection) -> None:
    invoice_due_sales(connection=till)
    with scopes_disabled():
        submit_due_invoices()


def closed(shop: Location, side: str = "sold") -> DayClose:
    rows = close_day(location=shop, day=today())
    assert rows is not None
    [row] = [each for each in rows if each.side == side]
    return row


def named(row: DayClose) -> list[tuple[str, str, str, bool]]:
    return [(each["step"], each["what"], each["amount"], each["is_settled"]) for each in row.differences]


def figures(row: DayClose) -> list[Decimal]:
    return [row.till_amount, row.stored_amount, row.invoiced_amount, row.reported_amount]


def test_a_day_that_is_read_invoiced_and_signed_is_closed(shop: Location, till: Connection, tills: Tills) -> None:
    for _ in range(3):
        tills.ring_up(variant="plain")
    sync_sales(connection=till)
    hand_in(till)
    row = closed(shop)
    assert row.closed_at is not None
    took = Decimal(sum(each["total"] for each in tills.truth()["sales"])) / 100
    assert figures(row) == [took] * 4
    assert (row.till_count, row.reported_count, row.fetched_count, row.open_count) == (3, 3, 0, 0)


def test_a_sale_that_was_not_here_is_fetched_and_waits_by_name_for_its_invoice(shop: Location, tills: Tills) -> None:
    order = tills.ring_up(variant="plain")
    row = closed(shop)
    assert row.fetched_count == 1
    assert Sale.objects.get().external_id == order["id"]
    amount = str(row.till_amount)
    assert named(row) == [("invoiced", order["id"], amount, False)]
    assert row.closed_at is None
    assert "waits for its turn" in row.differences[0]["sentence"]


def test_a_sale_that_comes_after_the_close_opens_the_day_again(shop: Location, till: Connection, tills: Tills) -> None:
    tills.ring_up(variant="plain")
    sync_sales(connection=till)
    hand_in(till)
    first = closed(shop)
    tills.ring_up(variant="plain")
    again = closed(shop)
    assert (again.pk, again.closed_at, again.first_closed_at) == (first.pk, None, first.first_closed_at)
    hand_in(till)
    assert closed(shop).closed_at is not None


def test_what_is_no_turnover_is_named_and_needs_nobody(shop: Location, till: Connection, tills: Tills) -> None:
    tills.ring_up(variant="gift_card")
    tills.ring_up(variant="cash_rounding")
    sync_sales(connection=till)
    hand_in(till)
    row = closed(shop)
    assert {(step, what, settled) for step, what, _amount, settled in named(row)} <= {
        ("invoiced", "Gift cards", True), ("invoiced", "Rounding of cash", True), ("invoiced", "Tax of the sum", True)
    }  # fmt: skip
    assert {"Gift cards", "Rounding of cash"} <= {what for _step, what, _amount, _settled in named(row)}
    assert row.closed_at is not None


def test_an_invoice_that_the_authority_does_not_have_is_named_with_where_it_stands(
    shop: Location, till: Connection, tills: Tills
) -> None:
    tills.ring_up(variant="plain")
    tills.ring_up(variant="untaxed")
    sync_sales(connection=till)
    invoice_due_sales(connection=till)
    row = closed(shop)
    assert {"reported"} == {step for step, _what, _amount, settled in named(row) if not settled}
    told = {each["document"]: each["sentence"] for each in row.differences if each["step"] == "reported"}
    for invoice in Invoice.objects.all():
        assert str(invoice.get_status_display()) in told[str(invoice.pk)]
    assert row.reported_amount == 0


def test_a_refund_is_followed_to_its_credit_note(shop: Location, till: Connection, tills: Tills) -> None:
    order = tills.ring_up(variant="plain")
    sync_sales(connection=till)
    hand_in(till)
    tills.refund(order["id"])
    waiting = closed(shop, "back")
    assert [step for step, *_ in named(waiting)] == ["invoiced"]
    assert waiting.till_amount == waiting.stored_amount == Sale.objects.get(external_id=order["id"]).total_amount
    assert credit_due_refunds(connection=till) == 1
    with scopes_disabled():
        submit_due_invoices()
    row = closed(shop, "back")
    assert figures(row) == [waiting.till_amount] * 4
    assert row.closed_at is not None


def test_a_sale_that_the_till_does_not_show_any_more_is_named(shop: Location, till: Connection, tills: Tills) -> None:
    tills.ring_up(variant="plain")
    sync_sales(connection=till)
    hand_in(till)
    SaleKey.objects.update(external_id="never-rung-up")
    Sale.objects.update(external_id="never-rung-up")
    row = closed(shop)
    assert ("stored", "never-rung-up", str(-Sale.objects.get(external_id="never-rung-up").total_amount), False) in (
        named(row)
    )


def test_a_row_that_does_not_add_up_is_refused_by_the_database(shop: Location, tills: Tills) -> None:
    tills.ring_up(variant="plain")
    row = closed(shop)
    for change in ({"reported_amount": Decimal(1)}, {"named_amount": Decimal(0)}, {"closed_at": timezone.now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            DayClose.objects.filter(pk=row.pk).update(**change)


def test_a_shop_that_another_worker_closes_is_left_to_it(shop: Location) -> None:
    held = take(f"{CLOSING} {shop.pk}")
    assert held is not None
    assert close_day(location=shop, day=today()) is None
    give_back(held)
    assert close_day(location=shop, day=today()) is not None


def test_the_nights_task_closes_the_days_to_which_late_sales_may_come(shop: Location) -> None:
    assert shops_to_close() == [shop.pk]
    assert days_to_close(timezone.now()) == [today() - timedelta(days=back) for back in (1, 2, 3, 4)]
    assert close_days_of(shop.pk) == "Closed as far as it goes."
    assert set(DayClose.objects.values_list("day", flat=True)) == set(days_to_close(timezone.now()))
    count = DayClose.objects.count()
    close_days_of(shop.pk)
    assert DayClose.objects.count() == count


def client_of(organization: Organization, role: Role = Role.OWNER) -> Client:
    client = Client()
    client.force_login(make_member(organization, role), backend=MODEL_BACKEND)
    return client


def test_the_pages_show_the_days_and_each_difference_and_nobody_elses(
    shop: Location, tills: Tills, other_organization: Organization
) -> None:
    browser, path = client_of(shop.organization), f"/sales/close/{shop.pk}/{today()}/"
    assert "Not closed yet" in Reader(browser.get(path).content.decode()).text
    order = tills.ring_up(variant="plain")
    closed(shop)
    text = Reader(browser.get(path).content.decode()).text
    for told in (order["id"], "At the till", "On invoices", "Open: 1 difference", "waits for its turn"):
        assert told in text
    assert "Open" in Reader(browser.get("/sales/close/").content.decode()).text
    with scopes_disabled():
        theirs = client_of(other_organization)
    assert theirs.get(path).status_code == 404
    assert theirs.post(f"{path}now/").status_code == 404
    assert "No till is connected" in Reader(theirs.get("/sales/close/").content.decode()).text


@pytest.mark.parametrize("day", ["2026-02-30", "tomorrow", "1999-01-01", "9999-12-31"])
def test_a_day_that_cannot_be_closed_is_not_found(shop: Location, day: str) -> None:
    assert client_of(shop.organization).get(f"/sales/close/{shop.pk}/{day}/").status_code == 404


def test_only_who_may_sync_asks_the_till_again(shop: Location, django_capture_on_commit_callbacks: Any) -> None:
    path = f"/sales/close/{shop.pk}/{today()}/now/"
    assert client_of(shop.organization, Role.VIEWER).post(path).status_code in {302, 403}
    with django_capture_on_commit_callbacks() as asked:
        client_of(shop.organization, Role.OPERATOR).post(path)
    assert len(asked) == 1


def test_goods_of_sales_that_the_close_finds_first_are_learnt_with_them(shop: Location, tills: Tills) -> None:
    tills.ring_up(lines=[{"ware": "YAM", "quantity": "1"}])
    assert not CatalogObject.objects.exists()
    assert closed(shop).fetched_count == 1
    assert CatalogObject.objects.get(kind="variation").sku == "YAM"
