"""Completed refunds become credit notes on their sales' invoices, once, and never of more than was sold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Organization
from integrations.models import Connection
from invoices.models import Invoice, Status
from pos.models import Refund
from pos.records import RefundRecord, ReturnRecord, SaleRecord
from pos.services.crediting import credit_due_refunds
from pos.services.invoicing import invoice_due_sales
from pos.services.saving import save_refunds, save_sales
from pos.tasks import invoice_waiting_sales
from tests.invoices.making import make_business
from tests.invoices.standing import stand_at
from tests.pos.making import LINE, line_of, make_till, refund_of, sale_of
from tests.pos.test_invoicing import BY_DAY, YESTERDAY, use_rules
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db


@pytest.fixture
def till(organization: Organization, sandbox: SandboxProcess) -> Connection:
    make_business(organization, sandbox.get("/_control/businesses")[0], hsn_code="2106.90", product_category="Food")
    return make_till(organization)


def sold(till: Connection, *sales: SaleRecord) -> Invoice:
    """Store sales, invoice them, and return the first invoice as the authority has it."""
    save_sales(connection=till, records=list(sales))
    invoice_due_sales(connection=till)
    return stand_at(Invoice.objects.order_by("pk")[0], Status.SIGNED)


def given_back(till: Connection, *refunds: RefundRecord) -> int:
    save_refunds(connection=till, records=list(refunds))
    return credit_due_refunds(connection=till)


def notes(invoice: Invoice) -> list[Invoice]:
    return list(invoice.notes.order_by("pk"))


def test_a_whole_refund_credits_everything_once(till: Connection) -> None:
    sale = sale_of()
    invoice = sold(till, sale)
    assert given_back(till, refund_of(sale)) == 1
    assert given_back(till, refund_of(sale)) == 0
    [note] = notes(invoice)
    assert (note.type_code, note.payable_amount, note.status) == ("380", Decimal("1075.00"), Status.READY)
    assert "Cold" in note.draft["note"]


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_what_is_not_completed_is_not_credited(till: Connection, state: Any) -> None:
    sale = sale_of()
    invoice = sold(till, sale)
    assert given_back(till, refund_of(sale, state=state)) == 0
    assert notes(invoice) == []


def test_a_refund_waits_for_its_sale_and_for_the_authority(till: Connection) -> None:
    sale = sale_of()
    assert given_back(till, refund_of(sale)) == 0
    save_sales(connection=till, records=[sale])
    invoice_due_sales(connection=till)
    assert credit_due_refunds(connection=till) == 0, "the authority does not have the invoice yet"
    stand_at(Invoice.objects.get(), Status.SIGNED)
    assert invoice_waiting_sales() == 1
    assert Refund.objects.get().note_due is False


def test_part_of_a_sale_of_one_category_is_credited_by_amount(till: Connection) -> None:
    sale = sale_of()
    invoice = sold(till, sale)
    assert given_back(till, refund_of(sale, amount=Decimal("107.50"))) == 1
    [note] = notes(invoice)
    assert (note.tax_exclusive_amount, note.payable_amount) == (Decimal("100.00"), Decimal("107.50"))


def test_lines_that_came_back_are_credited_as_lines(till: Connection) -> None:
    sale = sale_of(LINE, line_of("500.00", "34.88", name="Book"))
    invoice = sold(till, sale)
    back = replace(LINE, external_id="l0", quantity=Decimal(1), gross_amount=Decimal(500), tax_amount=Decimal("37.50"),
                   total_amount=Decimal("537.50"))  # fmt: skip
    taken = ReturnRecord(sale.external_id, (back,), Decimal("537.50"), Decimal("37.50"))
    save_sales(connection=till, records=[sale_of(lines=(), external_id="return-1", returns=(taken,))])
    refund = refund_of(sale, amount=Decimal("537.50"), return_external_id="return-1")
    assert given_back(till, refund) == 1
    [note] = notes(invoice)
    assert [(line.name, line.quantity) for line in note.lines.all()] == [("Jollof bowl", Decimal(1))]
    assert note.payable_amount == Decimal("537.50")


def test_refunds_never_come_to_more_than_the_sale(till: Connection) -> None:
    sale = sale_of()
    invoice = sold(till, sale)
    parts = [refund_of(sale, external_id=f"r{n}", amount=Decimal("600.00")) for n in range(2)]
    assert given_back(till, *parts) == 1
    assert sum(note.payable_amount or 0 for note in notes(invoice)) <= Decimal("1075.00")
    left = Refund.objects.exclude(note_problem="").get()
    assert "is left of" in left.note_problem
    assert not left.note_due


def test_what_names_no_sale_or_no_category_is_left_to_people_with_the_reason(till: Connection) -> None:
    exempt = {"lines": {"tax_category": {"cases": [{"like": "BK-*", "value": "EXEMPTED"}]}}}
    use_rules(till, exempt)
    sale = sale_of(LINE, line_of("500.00", sku="BK-1"))
    invoice = sold(till, sale)
    unlinked = refund_of(sale, external_id="u", payment_external_id="nobody's", is_unlinked=True)
    assert given_back(till, refund_of(sale, amount=Decimal(100)), unlinked) == 0
    problems = dict(Refund.objects.values_list("external_id", "note_problem"))
    assert "several tax categories" in problems[f"refund-{sale.external_id}"]
    assert "names no payment" in problems["u"]
    assert notes(invoice) == []


def test_a_refund_of_a_sale_that_went_with_others_credits_their_invoice(till: Connection) -> None:
    use_rules(till, BY_DAY)
    sales = [sale_of(sold_at=YESTERDAY) for _ in range(3)]
    invoice = sold(till, *sales)
    assert invoice.source_kind == "sales"
    assert given_back(till, refund_of(sales[1])) == 1
    [note] = notes(invoice)
    assert note.payable_amount == Decimal("1075.00")


def test_a_tip_that_was_given_back_is_on_no_note(till: Connection) -> None:
    sale = sale_of(tip_amount=Decimal(100))
    invoice = sold(till, sale)
    taken = ReturnRecord(sale.external_id, (), Decimal("537.50"), Decimal("37.50"), tip_amount=Decimal(50))
    save_sales(connection=till, records=[sale_of(lines=(), external_id="return-2", returns=(taken,))])
    refund = refund_of(sale, amount=Decimal("587.50"), return_external_id="return-2", refunded_at=timezone.now())
    assert given_back(till, refund) == 1
    assert notes(invoice)[0].payable_amount == Decimal("537.50")


def test_a_refund_waits_for_the_return_that_it_names_and_after_a_day_for_people(till: Connection) -> None:
    sale = sale_of(tip_amount=Decimal(100))
    invoice = sold(till, sale)
    refund = refund_of(sale, amount=Decimal("587.50"), return_external_id="return-3")
    assert given_back(till, refund) == 0
    assert Refund.objects.get().note_due
    taken = ReturnRecord(sale.external_id, (), Decimal("537.50"), Decimal("37.50"), tip_amount=Decimal(50))
    save_sales(connection=till, records=[sale_of(lines=(), external_id="return-3", returns=(taken,))])
    assert credit_due_refunds(connection=till) == 1
    assert notes(invoice)[0].payable_amount == Decimal("537.50")
    assert given_back(till, refund_of(sale, external_id="late", amount=Decimal(50), return_external_id="never")) == 0
    Refund.objects.filter(external_id="late").update(stored_at=timezone.now() - timedelta(days=1, minutes=1))
    assert credit_due_refunds(connection=till) == 0
    left = Refund.objects.get(external_id="late")
    assert (left.note_due, "could not be read for a day" in left.note_problem) == (False, True)


def test_a_refund_of_as_much_as_the_invoice_with_a_tip_in_it_is_not_all_of_it(till: Connection) -> None:
    sale = sale_of(tip_amount=Decimal("107.50"))
    invoice = sold(till, sale)
    taken = ReturnRecord(sale.external_id, (), Decimal("967.50"), Decimal("67.50"), tip_amount=Decimal("107.50"))
    save_sales(connection=till, records=[sale_of(lines=(), external_id="return-4", returns=(taken,))])
    assert given_back(till, refund_of(sale, amount=Decimal("1075.00"), return_external_id="return-4")) == 1
    assert notes(invoice)[0].payable_amount == Decimal("967.50")
