"""The day at the tills: its figures are those of the rows, counted here one by one, and of nobody else's."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from accounts.models import Organization, Role
from integrations.models import Connection, ConnectionStatus, EventStatus, Pulse, WebhookEvent
from integrations.models.queue import WORKER
from invoices.irn import LAGOS
from invoices.models import Invoice, Status
from pos.dashboard import Takings, Today, today
from pos.models import Location, Sale, SaleKey
from pos.services.invoicing import invoice_due_sales
from pos.services.saving import save_refunds, save_sales
from pos.sums import Sum
from tests.factories import make_member
from tests.invoices.making import make_business
from tests.invoices.standing import stand_at
from tests.pages.conftest import MODEL_BACKEND
from tests.pages.making import Reader
from tests.pos.making import NOON, line_of, make_till, refund_of, sale_of
from tests.pos.test_invoicing import BY_DAY, use_rules
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db
EVENING = NOON.replace(hour=20)


@pytest.fixture
def till(organization: Organization, sandbox: SandboxProcess) -> Connection:
    make_business(organization, sandbox.get("/_control/businesses")[0], hsn_code="2106.90", product_category="Food")
    return make_till(organization, provider="square")


@pytest.fixture
def browser(organization: Organization) -> Client:
    client = Client()
    client.force_login(make_member(organization, Role.OWNER), backend=MODEL_BACKEND)
    return client


def naira(found: Today) -> Takings:
    [takings] = [each for each in found.takings if each.currency == "NGN"]
    return takings


def a_full_day(till: Connection) -> None:
    """Store sales of every standing: alone and in batches, in two shops, and some that count for nothing."""
    Location.objects.create(
        organization=till.organization, connection=till, external_id="ikeja", name="Ikeja shop", currency="NGN"
    )
    use_rules(till, BY_DAY)
    dear = [
        sale_of(line_of(f"{64_500 + 1_075 * at}.00", tax=f"{4_500 + 75 * at}.00"), sold_at=NOON.replace(hour=8 + at))
        for at in range(6)
    ]
    batched = [sale_of(sold_at=NOON + timedelta(minutes=at)) for at in range(5)]
    batched += [sale_of(sold_at=NOON, location_external_id="ikeja") for _ in range(3)]
    save_sales(
        connection=till,
        records=[
            *dear,
            *batched,
            sale_of(sold_at=NOON, state="open"),
            sale_of(sold_at=NOON, state="canceled"),
            sale_of(sold_at=NOON, problem="It contradicts itself."),
            sale_of(lines=(), sold_at=NOON),
        ],
    )
    invoice_due_sales(connection=till)
    alone = list(Invoice.objects.filter(source_kind="sale", status=Status.READY).order_by("payable_amount"))
    for invoice, status in zip(
        alone, (Status.SIGNED, Status.REJECTED, Status.VOIDED, Status.UNKNOWN, Status.CREDITED), strict=False
    ):
        stand_at(invoice, status)
    stand_at(Invoice.objects.get(source_kind="sales", source_external_id__startswith="yaba"), Status.SIGNED)
    Invoice.objects.filter(pk=alone[5].pk).update(deadline_at=EVENING + timedelta(hours=3))
    save_sales(connection=till, records=[sale_of(sold_at=NOON.replace(hour=19))])  # in no batch, and due for one


def standing_of(sale: Sale) -> str:
    """Return how a sale stands, found by looking at its rows one after the other."""
    key = SaleKey.objects.get(pk=sale.pk)
    mine = Invoice.objects.filter(connection=sale.connection_id)
    if key.batch is None:
        invoice = mine.filter(source_kind="sale", source_external_id=sale.external_id).first()
    else:
        invoice = mine.filter(
            source_kind="sales", source_external_id=key.batch.source_id, source_part=str(key.batch.sequence)
        ).first()
    if invoice and invoice.status in {"signed", "transmitted", "delivered", "credited"}:
        return "reported"
    if sale.problem or (invoice and invoice.status in {"draft", "rejected", "config_error", "voided"}):
        return "held"
    return "waiting" if invoice or key.batch or key.invoice_due else "held"


def test_every_figure_is_that_of_the_rows_counted_one_by_one(till: Connection) -> None:
    a_full_day(till)
    found = naira(today(organization=till.organization, now=EVENING))
    counts: Counter[str] = Counter()
    amounts: Counter[str] = Counter()
    for sale in Sale.objects.filter(state="completed", total_amount__gt=0):
        hour = sale.sold_at.astimezone(LAGOS).hour
        for name in ("all", standing_of(sale), f"hour {hour}", f"shop {sale.location}"):
            counts[name] += 1
            amounts[name] += sale.total_amount
    truth = {name: Sum(counts[name], Decimal(amounts[name])) for name in counts}
    assert truth["all"].count == 16
    assert {found.reported.count, found.waiting.count, found.held.count} == {7, 6, 3}
    told = {"all": found.all, "reported": found.reported, "waiting": found.waiting, "held": found.held}
    told |= {f"hour {each.hour}": each.sum for each in found.hours if each.sum.count}
    told |= {f"shop {each.name}": each.all for each in found.shops}
    assert told == truth
    assert found.at_risk == Sum(1, Decimal("69875.00"))
    for part in (found.hours, found.shops):
        whole = sum(((each.sum if hasattr(each, "sum") else each.all) for each in part), Sum())  # type: ignore[attr-defined]
        assert whole == found.all
    for shop in found.shops:
        assert shop.reported + shop.waiting + shop.held == shop.all


def test_a_sale_without_an_invoice_is_at_risk_by_its_own_clock(till: Connection) -> None:
    use_rules(till, BY_DAY)
    save_sales(connection=till, records=[sale_of(sold_at=NOON.replace(hour=1)), sale_of(sold_at=NOON)])
    assert naira(today(organization=till.organization, now=EVENING)).at_risk == Sum()
    late = NOON.replace(hour=23)
    found = naira(today(organization=till.organization, now=late))
    assert found.at_risk == Sum(1, Decimal("1075.00")), "its 24 hours end at one in the morning"


def test_what_is_left_of_earlier_days_is_told_beside_the_day(till: Connection) -> None:
    before = NOON - timedelta(days=1)
    save_sales(connection=till, records=[sale_of(sold_at=before) for _ in range(3)])
    invoice_due_sales(connection=till)
    stand_at(Invoice.objects.order_by("pk")[0], Status.SIGNED)
    save_sales(connection=till, records=[sale_of(sold_at=before), sale_of(sold_at=NOON)])
    found = today(organization=till.organization, now=EVENING)
    assert naira(found).all.count == 1
    assert (found.earlier.invoices, found.earlier.naira, found.earlier.sales) == (2, Decimal("2150.00"), 1)


def test_a_shop_that_is_not_chosen_is_not_counted(till: Connection) -> None:
    save_sales(connection=till, records=[sale_of()])
    Location.objects.update(is_chosen=False)
    assert today(organization=till.organization, now=EVENING).takings == []


def test_a_day_is_nigerias_and_begins_and_ends_at_its_midnight(till: Connection) -> None:
    midnight = datetime(2026, 11, 20, tzinfo=LAGOS)
    save_sales(
        connection=till,
        records=[
            sale_of(line_of("1.00"), sold_at=midnight - timedelta(microseconds=1)),
            sale_of(line_of("10.00"), sold_at=midnight),
            sale_of(line_of("100.00"), sold_at=midnight + timedelta(days=1, microseconds=-1)),
            sale_of(line_of("1000.00"), sold_at=midnight + timedelta(days=1)),
        ],
    )
    found = naira(today(organization=till.organization, now=EVENING))
    assert found.all == Sum(2, Decimal("110.00"))
    assert [each.hour for each in found.hours if each.sum.count] == [0, 23]


def test_another_organizations_day_is_not_in_it(till: Connection, other_organization: Organization) -> None:
    save_sales(connection=till, records=[sale_of()])
    with scope(organization=other_organization):
        theirs = make_till(other_organization, provider="square")
        sale = sale_of(line_of("7.00"))
        save_sales(connection=theirs, records=[sale])
        save_refunds(connection=theirs, records=[refund_of(sale)])
        assert naira(today(organization=other_organization, now=EVENING)).all == Sum(1, Decimal("7.00"))
    found = naira(today(organization=till.organization, now=EVENING))
    assert (found.all, found.refunded) == (Sum(1, Decimal("1075.00")), Sum())


def test_money_of_another_currency_is_never_added_to_naira(till: Connection) -> None:
    save_sales(connection=till, records=[sale_of(), sale_of(line_of("20.00"), currency="USD")])
    found = today(organization=till.organization, now=EVENING)
    assert [(each.currency, each.all.amount) for each in found.takings] == [
        ("NGN", Decimal("1075.00")), ("USD", Decimal("20.00"))
    ]  # fmt: skip


def test_refunds_of_today_are_told_by_how_far_they_are(till: Connection) -> None:
    sales = [sale_of() for _ in range(4)]
    save_sales(connection=till, records=sales)
    done, pending, failed, before = (refund_of(each) for each in sales)
    changes: list[Any] = [
        done, refund_of(sales[1], state="pending", amount=Decimal(5)), refund_of(sales[2], state="failed"),
        refund_of(sales[3], refunded_at=NOON - timedelta(days=1)),
    ]  # fmt: skip
    assert {pending.state, failed.state, before.state} == {"completed"}
    save_refunds(connection=till, records=changes)
    found = naira(today(organization=till.organization, now=EVENING))
    assert (found.refunded, found.refunds_pending) == (Sum(1, Decimal("1075.00")), Sum(1, Decimal(5)))


def test_how_late_we_hear_is_told_without_what_a_till_kept_back_or_was_there_before_it(till: Connection) -> None:
    now = timezone.now()
    lags = {"a": 1, "b": 2, "c": 9}
    save_sales(connection=till, records=[sale_of(external_id=each, sold_at=now) for each in lags])
    save_sales(connection=till, records=[sale_of(external_id="late", sold_at=now, is_offline=True)])
    save_sales(connection=till, records=[sale_of(external_id="old", sold_at=till.created_at - timedelta(seconds=1))])
    for external_id, seconds in lags.items():
        Sale.objects.filter(external_id=external_id).update(stored_at=now + timedelta(seconds=seconds))
    Sale.objects.filter(external_id__in=["late", "old"]).update(stored_at=now + timedelta(hours=30))
    hearing = today(organization=till.organization).hearing
    assert (hearing.usual_lag, hearing.longest_lag) == (timedelta(seconds=2), timedelta(seconds=9))


def test_it_says_what_waits_who_is_away_and_which_till_is_broken(till: Connection) -> None:
    quiet = today(organization=till.organization).hearing
    assert (quiet.is_served, quiet.waiting, quiet.broken) == (False, 0, [])
    now = timezone.now()
    Pulse.objects.create(name="w", kind=WORKER, queues=["high_priority"], started_at=now, beaten_at=now)
    Pulse.objects.create(name="v", kind=WORKER, queues=["batch"], started_at=now, beaten_at=now)
    WebhookEvent.objects.create(
        provider="square", external_account_id=till.external_account_id, connection=till, event_type="payment.updated",
        object_type="payment", object_id="o", received_at=now - timedelta(minutes=3), next_attempt_at=now,
        status=EventStatus.RECEIVED, key="k", payload="{}", delivery_id=1,
    )  # fmt: skip
    busy = today(organization=till.organization, now=now).hearing
    assert (busy.is_served, busy.waiting, busy.oldest_at) == (True, 1, now - timedelta(minutes=3))
    Pulse.objects.filter(name="w").update(beaten_at=now - timedelta(minutes=1))
    Connection.objects.filter(pk=till.pk).update(status=ConnectionStatus.NEEDS_REAUTHORIZATION)
    ill = today(organization=till.organization, now=now).hearing
    assert (ill.is_served, ill.broken) == (False, [till])


def test_the_number_of_questions_does_not_grow_with_the_sales(till: Connection) -> None:
    def asked() -> int:
        with CaptureQueriesContext(database) as questions:
            today(organization=till.organization, now=EVENING)
        return len(questions)

    save_sales(connection=till, records=[sale_of()])
    few = asked()
    save_sales(connection=till, records=[sale_of() for _ in range(50)])
    assert asked() == few <= 12


def test_the_page_shows_it_without_a_script_and_its_part_alone_to_one(till: Connection, browser: Client) -> None:
    assert "No sale yet today" in Reader(browser.get("/sales/today/").content.decode()).text
    save_sales(connection=till, records=[sale_of(sold_at=timezone.now())])
    whole = browser.get("/sales/today/").content.decode()
    text = Reader(whole).text
    for told in ("₦1,075.00", "1 sale", "Yaba shop", "By the hour", "Given back", "At risk", "Sales are not being"):
        assert told in text
    part = browser.get("/sales/today/", headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="today"')
    assert "<html" not in part
    assert part.strip().splitlines()[-1] in whole


def test_without_a_till_the_page_says_what_to_do_and_nobody_sees_anothers(
    browser: Client, other_organization: Organization
) -> None:
    with scopes_disabled():
        theirs = make_till(other_organization, provider="square")
        save_sales(connection=theirs, records=[sale_of(sold_at=timezone.now())])
    text = Reader(browser.get("/sales/today/").content.decode()).text
    assert "No till is connected" in text
    assert "1,075" not in text
