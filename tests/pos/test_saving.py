"""Sales and refunds are stored once each, in whichever order and however often they come."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from integrations.models import Connection
from pos.models import Location, Refund, Sale, SaleKey, SaleLine
from pos.readback import tenders_of, to_record
from pos.records import AppliedTax, LocationRecord, ReturnRecord, TenderRecord
from pos.services.saving import Saved, save_locations, save_refunds, save_sales
from tests.pos.making import LINE, NOON, make_till, refund_of, sale_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def till(organization: Organization) -> Connection:
    return make_till(organization)


def test_a_stored_sale_comes_back_as_it_was(till: Connection) -> None:
    line = replace(
        LINE, quantity=Decimal("1.705"), variation="Large", modifiers=("Extra plantain", "No onion"), unit="kg",
        note="To go", catalog_id="c1", taxes=(AppliedTax("VAT", None, Decimal("75.00"), is_inclusive=True),),
    )  # fmt: skip
    taken_back = ReturnRecord("s0", (replace(LINE, external_id="l9"),), Decimal("1075.00"), Decimal("75.00"))
    sale = sale_of(line, returns=(taken_back,), version=3, customer_external_id="c9", is_offline=True)
    assert save_sales(connection=till, records=[sale]) == Saved(new=1)
    key = SaleKey.objects.select_related("location").get()
    assert to_record(Sale.objects.get(), key, SaleLine.objects.all()) == sale
    assert Sale.objects.get().returned_amount == Decimal("1075.00")


def test_the_same_again_is_no_work_and_a_change_replaces_it(till: Connection) -> None:
    sale = sale_of(version=1)
    save_sales(connection=till, records=[sale])
    stored_at = Sale.objects.get().stored_at
    assert save_sales(connection=till, records=[replace(sale, payload={"fee": 1}, version=2)]) == Saved(unchanged=1)
    assert Sale.objects.get().stored_at == stored_at
    assert save_sales(connection=till, records=[replace(sale, tip_amount=Decimal(50), version=3)]) == Saved(changed=1)
    assert Sale.objects.get().tip_amount == 50
    assert SaleLine.objects.count() == 1


@pytest.mark.parametrize("by", ["version", "time"])
def test_an_older_version_never_overwrites_a_newer(till: Connection, by: str) -> None:
    old, new = sale_of(external_id="x"), sale_of(external_id="x", tip_amount=Decimal(5))
    if by == "version":
        old, new = replace(old, version=1), replace(new, version=2)
    else:
        new = replace(new, source_updated_at=NOON + timedelta(seconds=1))
    save_sales(connection=till, records=[new, old])
    save_sales(connection=till, records=[old])
    assert Sale.objects.get().tip_amount == 5


def test_what_payments_told_stays_when_the_sale_is_read_without_them(till: Connection) -> None:
    paid = TenderRecord("p1", "bank_transfer", Decimal(1075), Decimal(0), "approved", "A bank")
    blind = replace(paid, kind="other", state="", source="")
    known = sale_of(tenders=(paid,), is_offline=True, sold_at=NOON - timedelta(hours=30), version=1)
    less = replace(known, tenders=(blind,), is_offline=False, sold_at=NOON, version=2)
    save_sales(connection=till, records=[known])
    assert save_sales(connection=till, records=[less]) == Saved(unchanged=1)
    assert save_sales(connection=till, records=[replace(less, state="canceled", version=3)]) == Saved(changed=1)
    kept = Sale.objects.get()
    assert (kept.state, kept.is_offline, kept.sold_at) == ("canceled", True, NOON - timedelta(hours=30))
    assert tenders_of(kept) == (replace(paid, state=""),)


def test_payments_that_are_read_again_tell_anew(till: Connection) -> None:
    paid = TenderRecord("p1", "cash", Decimal(1075), Decimal(0), "completed")
    wrong = sale_of(tenders=(paid,), is_offline=True, sold_at=NOON - timedelta(hours=30), version=1)
    save_sales(connection=till, records=[wrong])
    save_sales(connection=till, records=[replace(wrong, is_offline=False, sold_at=NOON)])
    assert (Sale.objects.get().is_offline, Sale.objects.get().sold_at) == (False, NOON)


@given(order=st.permutations(range(6)), twice=st.lists(st.integers(0, 5)))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_versions_in_any_order_and_number_end_with_the_newest(
    till: Connection, order: list[int], twice: list[int]
) -> None:
    external_id = f"shuffled-{random.getrandbits(64)}"
    versions = [sale_of(external_id=external_id, version=n, tip_amount=Decimal(n)) for n in range(6)]
    for at in (*order, *twice):
        save_sales(connection=till, records=[versions[at]])
    assert Sale.objects.get(external_id=external_id).tip_amount == 5


@pytest.mark.parametrize(
    ("changes", "due"), [({}, True), ({"state": "open"}, False), ({"state": "canceled"}, False), ({"lines": ()}, False)]
)
def test_a_completed_sale_with_lines_asks_for_an_invoice(
    till: Connection, changes: dict[str, object], due: bool
) -> None:
    save_sales(connection=till, records=[sale_of(**changes)])
    assert SaleKey.objects.get().invoice_due is due


@pytest.mark.parametrize("first", ["sale", "refund"])
def test_a_refund_finds_its_sale_whichever_comes_first(till: Connection, first: str) -> None:
    sale = sale_of()
    steps = [
        lambda: save_sales(connection=till, records=[sale]),
        lambda: save_refunds(connection=till, records=[refund_of(sale)]),
    ]
    for step in steps if first == "sale" else reversed(steps):
        step()
    assert Refund.objects.get().sale == SaleKey.objects.get()


def test_a_completed_refund_asks_for_its_note_once_and_is_not_pending_again(till: Connection) -> None:
    refund = refund_of(sale_of(), state="pending")
    save_refunds(connection=till, records=[refund])
    assert not Refund.objects.get().note_due
    save_refunds(connection=till, records=[replace(refund, state="completed")])
    assert Refund.objects.get().note_due
    Refund.objects.update(note_due=False)
    assert save_refunds(connection=till, records=[replace(refund, state="completed")]) == Saved(unchanged=1)
    assert save_refunds(connection=till, records=[refund]) == Saved(unchanged=1)
    assert (Refund.objects.get().state, Refund.objects.get().note_due) == ("completed", False)


def test_a_location_is_named_when_it_is_listed_and_stays_chosen_or_not(till: Connection) -> None:
    save_sales(connection=till, records=[sale_of(location_external_id="ikeja")])
    shop = Location.objects.get(external_id="ikeja")
    assert shop.name == "ikeja"
    Location.objects.filter(pk=shop.pk).update(is_chosen=False)
    listed = LocationRecord("ikeja", "Ikeja shop", "Africa/Lagos", "NGN", is_active=True)
    assert save_locations(connection=till, records=[listed]) == Saved(changed=1)
    assert save_locations(connection=till, records=[listed]) == Saved(unchanged=1)
    shop.refresh_from_db()
    assert (shop.name, shop.is_chosen) == ("Ikeja shop", False)
