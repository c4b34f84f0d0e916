"""Exchanges: what came back is credited once and whole, and what was taken for it is an invoice of its own."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from integrations.models import Connection
from invoices.irn import in_lagos
from invoices.models import Invoice, Status
from pos.models import Refund, SaleKey, SaleReturn
from pos.records import ReturnRecord, SaleLineRecord, SaleRecord
from pos.services.asking import sales_between
from pos.services.crediting import credit_due_exchanges, credit_due_refunds
from pos.services.invoicing import invoice_due_sales
from pos.services.saving import save_refunds, save_sales
from pos.tasks import invoice_waiting_sales
from tests.invoices.standing import stand_at
from tests.pos.making import LINE, NOON, line_of, refund_of, sale_of
from tests.pos.test_crediting import notes, sold, till

pytestmark = pytest.mark.django_db
__all__ = ["till"]  # a fixture
BACK = replace(LINE, external_id="l0")  # both bowls: 1,075.00


def exchange_of(sale: SaleRecord, new: SaleLineRecord, *back: SaleLineRecord, **changes: Any) -> SaleRecord:
    """Return a sale that took lines of an earlier one back, both bowls by default."""
    lines = back or (BACK,)
    total = sum((line.total_amount for line in lines), Decimal(0))
    tax = sum((line.tax_amount for line in lines), Decimal(0))
    return sale_of(new, returns=(ReturnRecord(sale.external_id, lines, total, tax),), **changes)


def test_goods_that_came_back_for_others_are_credited_whole_and_the_others_invoiced(till: Connection) -> None:
    sale = sale_of()
    first = sold(till, sale)
    exchange = exchange_of(sale, line_of("2150.00", "150.00"))
    save_sales(connection=till, records=[exchange])
    assert len(invoice_due_sales(connection=till)) == 1
    assert credit_due_exchanges(connection=till) == 1
    assert credit_due_exchanges(connection=till) == 0
    [note] = notes(first)
    assert (note.payable_amount, note.status) == (Decimal("1075.00"), Status.READY)
    second = Invoice.objects.get(source_external_id=exchange.external_id)
    assert second.payable_amount == Decimal("2150.00")


def test_money_beside_an_exchange_is_not_credited_a_second_time(till: Connection) -> None:
    sale = sale_of()
    first = sold(till, sale)
    exchange = exchange_of(sale, line_of("537.50", "37.50"))
    save_sales(connection=till, records=[exchange])
    money = [
        refund_of(sale, external_id=f"m{part}", amount=Decimal("268.75"), return_external_id=exchange.external_id)
        for part in range(2)
    ]
    save_refunds(connection=till, records=money)
    assert credit_due_refunds(connection=till) == 0, "the exchange comes first"
    assert Refund.objects.filter(note_due=True).count() == 2
    assert credit_due_exchanges(connection=till) == 1
    assert credit_due_refunds(connection=till) == 0
    [note] = notes(first)
    assert note.payable_amount == Decimal("1075.00")
    assert set(Refund.objects.values_list("note", "note_due", "note_problem")) == {(note.pk, False, "")}


def test_some_of_the_goods_are_credited_as_their_lines(till: Connection) -> None:
    sale = sale_of(LINE, line_of("500.00", "34.88", name="Book"))
    first = sold(till, sale)
    one = replace(
        BACK, quantity=Decimal(1), gross_amount=Decimal(500), tax_amount=Decimal("37.50"),
        total_amount=Decimal("537.50"),
    )  # fmt: skip
    save_sales(connection=till, records=[exchange_of(sale, line_of("1075.00", "75.00"), one)])
    assert invoice_waiting_sales() >= 1
    [note] = notes(first)
    assert [(line.name, line.quantity) for line in note.lines.all()] == [("Jollof bowl", Decimal(1))]
    assert note.payable_amount == Decimal("537.50")


def test_an_exchange_waits_for_the_earlier_sale_and_for_the_authority(till: Connection) -> None:
    sale = sale_of()
    save_sales(connection=till, records=[exchange_of(sale, line_of("1075.00", "75.00"))])
    assert credit_due_exchanges(connection=till) == 0
    save_sales(connection=till, records=[sale])
    invoice_due_sales(connection=till)
    assert credit_due_exchanges(connection=till) == 0
    stand_at(Invoice.objects.get(source_external_id=sale.external_id), Status.SIGNED)
    assert credit_due_exchanges(connection=till) == 1


def test_an_exchange_that_names_no_sale_is_left_to_people_and_so_is_its_money(till: Connection) -> None:
    sale = sale_of()
    sold(till, sale)
    nameless = sale_of(
        line_of("537.50", "37.50"), returns=(ReturnRecord("", (BACK,), Decimal("1075.00"), Decimal("75.00")),)
    )
    save_sales(connection=till, records=[nameless])
    assert credit_due_exchanges(connection=till) == 0
    assert "which sale" in SaleReturn.objects.get().note_problem
    assert SaleReturn.objects.filter(note_due=True).count() == 0


def test_reading_an_exchange_again_asks_for_no_second_note(till: Connection) -> None:
    sale = sale_of()
    first = sold(till, sale)
    exchange = exchange_of(sale, line_of("2150.00", "150.00"), version=1)
    save_sales(connection=till, records=[exchange])
    credit_due_exchanges(connection=till)
    save_sales(connection=till, records=[replace(exchange, version=2, tip_amount=Decimal(5))])
    assert credit_due_exchanges(connection=till) == 0
    assert len(notes(first)) == 1
    key = SaleKey.objects.get(external_id=exchange.external_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        SaleReturn.objects.create(
            organization=till.organization, connection=till, sale=key, source_external_id=sale.external_id,
            amount=Decimal(1),
        )  # fmt: skip


def test_the_reconciliation_asks_for_what_is_left_after_an_exchange(till: Connection) -> None:
    sale = sale_of()
    sold(till, sale)
    exchange = exchange_of(sale, line_of("537.50", "37.50"))
    save_sales(connection=till, records=[exchange])
    money = refund_of(sale, amount=Decimal("537.50"), return_external_id=exchange.external_id)
    save_refunds(connection=till, records=[money])
    day = in_lagos(NOON).date()
    asked = {
        each.external_id: each.asked for chunk in sales_between(connection=till, since=day, until=day) for each in chunk
    }
    assert asked == {sale.external_id: Decimal("0.00"), exchange.external_id: Decimal("537.50")}
