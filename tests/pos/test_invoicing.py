"""Every sale is on one invoice: alone, or on one batch of its shop's day, and never on both."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from django_scopes import scope

from accounts.models import Organization, User
from crm.services import activate, apply_rules
from integrations.models import Connection, Quarantine
from invoices.irn import LAGOS, in_lagos
from invoices.models import Invoice, Status
from invoices.services.ruling import save_draft
from pos.models import Location, SaleBatch, SaleKey
from pos.services import invoicing
from pos.services.invoicing import invoice_due_sales, retry_conversions
from pos.services.saving import save_sales
from tests.factories import make_user
from tests.invoices.making import make_business
from tests.pos.making import line_of, make_till, sale_of
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db
BY_DAY: dict[str, Any] = {"sales": {"by_day": True, "single_above": "50000"}}
YESTERDAY = in_lagos(timezone.now()).replace(hour=12, minute=0) - timedelta(days=1)


@pytest.fixture
def till(organization: Organization, sandbox: SandboxProcess) -> Connection:
    make_business(organization, sandbox.get("/_control/businesses")[0], hsn_code="2106.90", product_category="Food")
    return make_till(organization)


def use_rules(till: Connection, content: dict[str, Any]) -> User:
    by = make_user()
    activate(rule_set=save_draft(organization=till.organization, content=content, by=by), by=by)
    return by


def invoices() -> list[Invoice]:
    return list(Invoice.objects.order_by("pk"))


def test_each_sale_is_an_invoice_of_its_own_by_default(till: Connection) -> None:
    save_sales(connection=till, records=[sale_of() for _ in range(3)])
    assert [each.status for each in invoice_due_sales(connection=till)] == [Status.READY] * 3
    assert {each.kind for each in invoices()} == {"B2C"}
    assert [each.payable_amount for each in invoices()] == [Decimal("1075.00")] * 3
    assert invoice_due_sales(connection=till) == []


def test_the_sales_of_a_shops_day_go_together_once_it_is_over_and_dear_ones_alone(till: Connection) -> None:
    use_rules(till, BY_DAY)
    today = in_lagos(timezone.now())
    dear = sale_of(line_of("107500.00", "7500.00"), sold_at=YESTERDAY)
    save_sales(connection=till, records=[sale_of(sold_at=YESTERDAY), sale_of(sold_at=YESTERDAY), dear])
    save_sales(connection=till, records=[sale_of(sold_at=today)])
    invoice_due_sales(connection=till)
    alone, together = invoices()
    assert (alone.source_kind, alone.source_external_id) == ("sale", dear.external_id)
    assert (together.source_kind, together.payable_amount, together.status) == (
        "sales",
        Decimal("2150.00"),
        Status.READY,
    )
    batch = SaleBatch.objects.get()
    assert batch.sales.count() == 2
    assert SaleKey.objects.filter(invoice_due=True).count() == 1, "today's waits for its day's end"


def test_the_most_pressing_batch_is_first(till: Connection) -> None:
    use_rules(till, BY_DAY)
    later = sale_of(sold_at=YESTERDAY, location_external_id="yaba")
    sooner = sale_of(sold_at=YESTERDAY - timedelta(hours=1), location_external_id="zaria")
    save_sales(connection=till, records=[later, sooner])
    invoice_due_sales(connection=till)
    assert [each.source_external_id.partition(":")[0] for each in invoices()] == ["zaria", "yaba"]


def test_a_sale_that_comes_late_is_on_a_batch_of_its_own_number(till: Connection) -> None:
    use_rules(till, BY_DAY)
    save_sales(connection=till, records=[sale_of(sold_at=YESTERDAY)])
    invoice_due_sales(connection=till)
    save_sales(connection=till, records=[sale_of(sold_at=YESTERDAY - timedelta(hours=1), is_offline=True)])
    invoice_due_sales(connection=till)
    assert [(each.source_external_id, each.source_part) for each in invoices()] == [
        (f"yaba:{YESTERDAY.date()}:NGN", "1"), (f"yaba:{YESTERDAY.date()}:NGN", "2"),
    ]  # fmt: skip


def test_sales_that_lack_something_are_held_together_and_hold_back_no_other_of_their_day(till: Connection) -> None:
    use_rules(till, BY_DAY)
    whole = [sale_of(sold_at=YESTERDAY) for _ in range(3)]
    lacking = [sale_of(line_of("500.00", sku="BK-7"), sold_at=YESTERDAY) for _ in range(2)]
    save_sales(connection=till, records=[lacking[0], *whole, lacking[1]])
    invoice_due_sales(connection=till)
    went, held = invoices()
    assert (went.status, went.payable_amount, went.source_part) == (Status.READY, Decimal("3225.00"), "1")
    assert (held.status, held.source_part, [each["field"] for each in held.missing]) == (
        Status.DRAFT, "2", ["sale.tax"],
    )  # fmt: skip
    assert [batch.total_amount for batch in SaleBatch.objects.order_by("sequence")] == [3225, 1000]
    use_rules(till, {**BY_DAY, "lines": {"tax_category": {"cases": [{"like": "BK-*", "value": "EXEMPTED"}]}}})
    apply_rules()
    invoice_due_sales(connection=till)
    held.refresh_from_db()
    assert (held.status, held.payable_amount) == (Status.READY, Decimal("1000.00"))
    assert Invoice.objects.count() == 2


def test_the_first_sale_of_the_night_closes_its_batch_inside_the_law_s_hours(
    till: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_rules(till, BY_DAY)
    midnight = datetime.combine(YESTERDAY.date(), datetime.min.time(), tzinfo=LAGOS)
    first = midnight + timedelta(minutes=5)
    save_sales(connection=till, records=[sale_of(sold_at=first), sale_of(sold_at=first + timedelta(hours=9))])
    monkeypatch.setattr(invoicing.timezone, "now", lambda: first + timedelta(hours=22, minutes=50))
    assert invoice_due_sales(connection=till) == []
    monkeypatch.setattr(invoicing.timezone, "now", lambda: first + timedelta(hours=23, minutes=1))
    assert len(invoice_due_sales(connection=till)) == 1
    assert SaleBatch.objects.get().due_at == first + timedelta(hours=24)


def test_shops_that_are_not_chosen_make_no_invoices(till: Connection) -> None:
    save_sales(connection=till, records=[sale_of()])
    Location.objects.update(is_chosen=False)
    assert invoice_due_sales(connection=till) == []
    Location.objects.update(is_chosen=True)
    assert len(invoice_due_sales(connection=till)) == 1


@pytest.mark.parametrize("content", [{}, BY_DAY])
def test_a_held_sale_goes_on_by_the_rules_that_complete_it(till: Connection, content: dict[str, Any]) -> None:
    if content:
        use_rules(till, content)
    save_sales(connection=till, records=[sale_of(line_of("500.00", sku="BK-7"), sold_at=YESTERDAY)])
    invoice_due_sales(connection=till)
    [held] = invoices()
    assert (held.status, [each["field"] for each in held.missing]) == (Status.DRAFT, ["sale.tax"])
    use_rules(till, {**content, "lines": {"tax_category": {"cases": [{"like": "BK-*", "value": "EXEMPTED"}]}}})
    apply_rules()
    invoice_due_sales(connection=till)
    held.refresh_from_db()
    assert held.status == Status.READY
    assert Invoice.objects.count() == 1


def test_one_sale_that_breaks_the_converter_holds_back_no_other(
    till: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = sale_of(external_id="bad"), sale_of(external_id="good")
    save_sales(connection=till, records=[bad, good])
    real: Callable[..., Any] = invoicing.sale_to_draft

    def breaking(sale: Any, *given: Any) -> Any:
        if sale.external_id == "bad":
            raise ZeroDivisionError
        return real(sale, *given)

    monkeypatch.setattr(invoicing, "sale_to_draft", breaking)
    assert len(invoice_due_sales(connection=till)) == 1
    assert Quarantine.objects.get(stream="sale-conversion").external_id == "bad"
    monkeypatch.setattr(invoicing, "sale_to_draft", real)
    assert invoice_due_sales(connection=till) == []
    assert retry_conversions(connection=till, external_ids=["bad", "good"]) == 1
    assert len(invoice_due_sales(connection=till)) == 1
    assert not Quarantine.objects.filter(resolved_at=None).exists()


def test_a_batch_that_broke_the_converter_is_made_once_it_can_be(
    till: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_rules(till, BY_DAY)
    save_sales(connection=till, records=[sale_of(sold_at=YESTERDAY)])
    real = invoicing.batch_to_draft

    def breaking(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(invoicing, "batch_to_draft", breaking)
    assert invoice_due_sales(connection=till) == []
    name = Quarantine.objects.get(stream="sale-conversion").external_id
    monkeypatch.setattr(invoicing, "batch_to_draft", real)
    assert retry_conversions(connection=till, external_ids=[name]) == 1
    assert len(invoice_due_sales(connection=till)) == 1
    assert not Quarantine.objects.filter(resolved_at=None).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("content", [{}, BY_DAY])
def test_two_workers_at_the_same_sales_invoice_each_once(till: Connection, content: dict[str, Any]) -> None:
    if content:
        use_rules(till, content)
    save_sales(connection=till, records=[sale_of(sold_at=YESTERDAY) for _ in range(40)])
    problems: list[BaseException] = []

    def work() -> None:
        try:
            with scope(organization=till.organization):
                invoice_due_sales(connection=till)
        except BaseException as problem:
            problems.append(problem)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert problems == []
    assert sum(each.payable_amount or 0 for each in invoices()) == 40 * Decimal("1075.00")
    assert len(invoices()) == (1 if content else 40)


def test_a_sale_that_contradicts_itself_goes_alone_and_does_not_hold_its_days_batch(till: Connection) -> None:
    use_rules(till, BY_DAY)
    save_sales(connection=till, records=[sale_of(sold_at=YESTERDAY), sale_of(sold_at=YESTERDAY, problem="Not so.")])
    invoice_due_sales(connection=till)
    assert {(each.source_kind, each.status) for each in invoices()} == {("sales", Status.READY), ("sale", Status.DRAFT)}
