"""What a Square seller's tills sold is what is stored, to the kobo, over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone

from accounts.models import Organization
from integrations.base.errors import NotFound, PermissionMissing, ReauthorizationRequired
from integrations.models import Connection, ConnectionStatus, Credential, RunStatus, SyncCursor
from integrations.services.connections import ConnectRefused, connector_for, disconnect
from invoices.models import Invoice, Status
from pos.models import Location, Refund, Sale, SaleKey
from pos.services.crediting import credit_due_refunds
from pos.services.invoicing import invoice_due_sales
from pos.services.syncing import refresh_sales, sync_sales
from pos.square.connector import SquareConnector
from tests.factories import make_organization
from tests.invoices.making import make_business
from tests.invoices.standing import stand_at
from tests.pos.square.conftest import LARGE, Tills, connect
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db


def kobo(amount: Decimal | None) -> int:
    return int((amount or 0) * 100)


def test_every_kind_of_sale_is_stored_as_the_till_has_it(till: Connection, tills: Tills) -> None:
    for variant in tills.sandbox.get("/_control/square/variants"):
        tills.ring_up(variant=variant)
    run = sync_sales(connection=till)
    assert (run.status, run.mode, run.quarantined) == (RunStatus.SUCCEEDED, "full", 0)
    told = {each["order_id"]: each for each in tills.truth()["sales"]}
    assert set(Sale.objects.values_list("external_id", flat=True)) == set(told)
    for sale in Sale.objects.all():
        truth = told[sale.external_id]
        assert sale.problem == "", truth
        assert kobo(sale.total_amount) == truth["total"], truth
        assert kobo(sale.tax_amount) == truth["tax"]
        assert kobo(sale.discount_amount) == truth["discount"]
        assert kobo(sale.tip_amount) == truth["tip"]
        assert kobo(sale.rounding_amount) == truth["rounding"]


@pytest.mark.parametrize("with_tips", [True, False])
def test_tips_are_no_part_of_a_sale_whether_squares_total_has_them_or_not(
    till: Connection, tills: Tills, *, with_tips: bool
) -> None:
    tills.sandbox.set(square_tips_in_total=with_tips)
    tills.ring_up(variant="tip")
    sync_sales(connection=till)
    sale = Sale.objects.get()
    assert (sale.problem, kobo(sale.total_amount)) == ("", tills.truth()["sales"][0]["total"])
    assert kobo(sale.tip_amount) == 50_000


def test_more_than_ten_shops_and_more_than_a_page_each_are_read_whole(
    organization: Organization, square: SandboxProcess
) -> None:
    till, tills = connect(organization, square, LARGE), Tills(square, LARGE)
    square.post("/_control/square/history", {"merchant_id": LARGE, "sales": 4, "days": 20})
    busy = square.get("/_control/square/sellers")
    shops = next(each["locations"] for each in busy if each["merchant_id"] == LARGE)
    assert len(shops) > 10
    square.post(
        "/_control/square/history", {"merchant_id": LARGE, "sales": 505, "days": 20, "location_id": shops[-1]["id"]}
    )
    run = sync_sales(connection=till)
    assert run.status == RunStatus.SUCCEEDED
    told = tills.truth()["sales"]
    assert Sale.objects.count() == len(told) == 4 * len(shops) + 505
    assert kobo(Sale.objects.aggregate(Sum("total_amount"))["total_amount__sum"]) == sum(each["total"] for each in told)
    assert sync_sales(connection=till, full=True).changed == 0


def test_a_cursor_that_dies_in_the_middle_costs_time_and_no_sale(till: Connection, tills: Tills) -> None:
    tills.sandbox.post("/_control/square/history", {"merchant_id": tills.seller, "sales": 501, "days": 5})
    tills.sandbox.fail_next(
        "POST", "/v2/orders/search", status=400,
        body={"errors": [{"category": "INVALID_REQUEST_ERROR", "code": "INVALID_CURSOR", "detail": "It is too old."}]},
    )  # fmt: skip
    assert sync_sales(connection=till).status == RunStatus.SUCCEEDED
    assert Sale.objects.count() == 501


def test_a_window_finds_what_changed_and_a_second_one_nothing(till: Connection, tills: Tills) -> None:
    tills.ring_up()
    sync_sales(connection=till)
    tills.ring_up()
    run = sync_sales(connection=till)
    assert (run.mode, run.created) == ("window", 1)
    again = sync_sales(connection=till)
    assert (again.created, again.changed) == (0, 0)


def test_shops_that_are_not_chosen_are_not_read(organization: Organization, square: SandboxProcess) -> None:
    till = connect(organization, square, LARGE)
    sync_sales(connection=till)
    chosen, other = Location.objects.order_by("external_id")[:2]
    Location.objects.exclude(pk=chosen.pk).update(is_chosen=False)
    tills = Tills(square, LARGE)
    for shop in (chosen, other):
        tills.ring_up(location_id=shop.external_id)
    sync_sales(connection=till)
    assert set(Sale.objects.values_list("location", flat=True)) == {chosen.pk}


def test_a_refund_is_linked_to_its_sale_and_credited_on_its_invoice(
    till: Connection, tills: Tills, organization: Organization
) -> None:
    profile = tills.sandbox.get("/_control/businesses")[0]
    make_business(organization, profile, hsn_code="8516.79", product_category="Small appliances")
    order = tills.ring_up(variant="plain")
    sync_sales(connection=till)
    invoice_due_sales(connection=till)
    invoice = stand_at(Invoice.objects.get(), Status.SIGNED)
    assert kobo(invoice.payable_amount) == tills.truth()["sales"][0]["total"]
    tills.refund(order["id"])
    sync_sales(connection=till)
    refund = Refund.objects.get()
    assert (refund.state, refund.sale) == ("completed", SaleKey.objects.get(external_id=order["id"]))
    assert credit_due_refunds(connection=till) == 1
    [note] = invoice.notes.all()
    assert note.payable_amount == invoice.payable_amount


def test_a_sale_that_a_till_sent_late_has_the_tills_own_time(till: Connection, tills: Tills) -> None:
    sync_sales(connection=till)
    made_at = timezone.now().replace(microsecond=0) - timedelta(hours=30)
    tills.sandbox.set(square_offline_keeps_time=False)
    tills.ring_up(variant="plain", offline_at=made_at.astimezone(UTC).isoformat())
    sync_sales(connection=till)
    sale = Sale.objects.get()
    assert sale.is_offline
    assert abs(sale.sold_at - made_at) < timedelta(seconds=1)


@pytest.mark.parametrize("days", [1, 11])
def test_a_late_sale_keeps_the_tills_time_however_it_is_read_again(till: Connection, tills: Tills, days: int) -> None:
    now = timezone.now().replace(microsecond=0)
    made_at, sent_at = now - timedelta(days=days, hours=30), now - timedelta(days=days)
    tills.sandbox.set(square_offline_keeps_time=False)
    moments = {"at": sent_at.astimezone(UTC).isoformat(), "offline_at": made_at.astimezone(UTC).isoformat()}
    order = tills.ring_up(variant="plain", **moments)
    sync_sales(connection=till)
    again = sync_sales(connection=till, full=True)
    assert (again.created, again.changed) == (0, 0)
    refresh_sales(connection=till, sale_ids=[order["id"]])
    assert (Sale.objects.get().is_offline, Sale.objects.get().sold_at) == (True, made_at)


def test_a_late_sale_never_stands_at_the_time_it_was_sent(till: Connection, tills: Tills) -> None:
    made_at = timezone.now().replace(microsecond=0) - timedelta(hours=30)
    tills.sandbox.set(square_offline_keeps_time=False)
    tills.ring_up(variant="plain", offline_at=made_at.astimezone(UTC).isoformat())
    seen: set[datetime] = set()
    sync_sales(connection=till, on_page=lambda _run: seen.update(Sale.objects.values_list("sold_at", flat=True)))
    assert seen == {made_at}


def test_a_run_that_was_cut_off_goes_on_at_the_shop_where_it_stopped(
    organization: Organization, square: SandboxProcess
) -> None:
    till = connect(organization, square, LARGE)
    square.post("/_control/square/history", {"merchant_id": LARGE, "sales": 2, "days": 3})

    def stop(_run: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync_sales(connection=till, on_page=stop)
    position = SyncCursor.objects.get().position["after"]
    assert position
    assert sync_sales(connection=till).status == RunStatus.SUCCEEDED
    assert Sale.objects.count() == len(Tills(square, LARGE).truth()["sales"])


def test_one_sale_read_alone_is_the_one_of_the_list(till: Connection, tills: Tills) -> None:
    order = tills.ring_up(variant="split_tenders")
    connector = connector_for(till)
    assert isinstance(connector, SquareConnector)
    [listed] = connector.get_sales()
    alone = connector.get_sale_by_id(order["id"])
    assert (alone.lines, alone.total_amount, alone.version) == (listed.lines, listed.total_amount, listed.version)
    assert {each.state for each in alone.tenders} == {"completed"}
    assert {each.kind for each in alone.tenders} == {"cash", "bank_transfer"}
    assert connector.sale_to_invoice_data(order["id"]).kind == "B2C"
    with pytest.raises(NotFound):
        connector.get_sale_by_id("nothing")
    connector.close()


def test_a_test_of_the_connection_says_what_it_found_and_what_lacks(till: Connection, tills: Tills) -> None:
    connector = connector_for(till)
    well = connector.test_connection()
    assert well.success
    assert "1 location" in well.message
    assert well.details["missing"] == []
    tills.sandbox.post("/_control/square/revoke", {"merchant_id": tills.seller})
    ill = connector.test_connection()
    assert not ill.success
    assert isinstance(ill.problem, ReauthorizationRequired)
    connector.close()


def test_a_scope_that_is_not_granted_is_no_dead_connection(till: Connection, tills: Tills) -> None:
    tills.sandbox.set(square_missing_scopes=["ORDERS_READ"])
    connector = connector_for(till)
    with pytest.raises(PermissionMissing):
        connector.get_sales()  # type: ignore[attr-defined]
    connector.close()


def test_a_token_is_renewed_at_six_days_and_once_when_it_is_refused(till: Connection, tills: Tills) -> None:
    first = Credential.objects.get(connection=till).access_token
    Credential.objects.update(expires_at=timezone.now() + timedelta(days=23))
    sync_sales(connection=till)
    renewed = Credential.objects.get(connection=till)
    assert renewed.access_token != first
    assert renewed.expires_at is not None
    assert renewed.expires_at > timezone.now() + timedelta(days=29)
    tills.sandbox.set(square_dead_token={"code": "ACCESS_TOKEN_EXPIRED", "after": 0, "times": 1})
    assert sync_sales(connection=till).status == RunStatus.SUCCEEDED
    assert Credential.objects.get(connection=till).access_token != renewed.access_token


def test_a_seller_who_takes_the_access_away_has_to_connect_again(till: Connection, tills: Tills) -> None:
    tills.sandbox.post("/_control/square/revoke", {"merchant_id": tills.seller})
    sync_sales(connection=till)
    till.refresh_from_db()
    assert till.status == ConnectionStatus.NEEDS_REAUTHORIZATION
    assert "Connect" in till.problem


def test_disconnecting_ends_our_access_at_square(till: Connection, tills: Tills) -> None:
    assert disconnect(connection=till) == ""
    seller = next(each for each in tills.sandbox.get("/_control/square/sellers") if each["merchant_id"] == tills.seller)
    assert seller["granted"] == []


def test_a_seller_belongs_to_one_organization(till: Connection, tills: Tills) -> None:
    with pytest.raises(ConnectRefused, match="belongs to another organization"):
        connect(make_organization("another"), tills.sandbox, tills.seller)


@pytest.mark.parametrize(
    "bad_day", [{"square_rate_limit": {"times": 1, "retry_after": 0.05}}, {"square_error_500": 2},
                {"square_bad_gateway_html": 1}]
)  # fmt: skip
def test_bad_days_cost_time_and_no_sale(till: Connection, tills: Tills, bad_day: dict[str, Any]) -> None:
    tills.ring_up()
    tills.sandbox.set(**bad_day)
    assert sync_sales(connection=till).status == RunStatus.SUCCEEDED
    assert Sale.objects.count() == 1
    assert Sale.objects.get().sold_at.astimezone(UTC).year >= datetime.now(UTC).year - 1
