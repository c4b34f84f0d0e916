"""What tills ask for is what the authority acknowledges plus named differences, to the kobo."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Organization
from integrations.models import Connection
from invoices.models import Invoice
from invoices.reconciling import Cause
from invoices.services.reconciling import reconcile
from invoices.tasks import submit_due_invoices
from pos.records import AppliedTax
from pos.services.asking import sales_between
from pos.services.crediting import credit_due_refunds
from pos.services.invoicing import invoice_due_sales
from pos.services.saving import save_refunds, save_sales
from tests.invoices.making import make_business
from tests.pos.making import LINE, line_of, make_till, refund_of, sale_of
from tests.pos.test_invoicing import BY_DAY, YESTERDAY, use_rules
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db
DAY = YESTERDAY.date()


@pytest.fixture
def till(organization: Organization, sandbox: SandboxProcess) -> Connection:
    make_business(organization, sandbox.get("/_control/businesses")[0], hsn_code="2106.90", product_category="Food")
    return make_till(organization)


def asked(till: Connection) -> dict[str, Decimal | None]:
    chunks = sales_between(connection=till, since=DAY - timedelta(days=1), until=DAY)
    return {each.external_id: each.asked for chunk in chunks for each in chunk}


def test_open_and_canceled_sales_ask_for_nothing_and_others_for_what_their_invoice_is(till: Connection) -> None:
    sale = sale_of(sold_at=YESTERDAY)
    others = [sale_of(sold_at=YESTERDAY, state=state) for state in ("open", "canceled")]
    save_sales(connection=till, records=[sale, *others])
    assert asked(till) == {sale.external_id: Decimal("1075.00")}


def test_refunds_are_taken_off(till: Connection) -> None:
    sale = sale_of(sold_at=YESTERDAY)
    save_sales(connection=till, records=[sale])
    save_refunds(connection=till, records=[refund_of(sale, amount=Decimal("107.50"))])
    assert asked(till) == {sale.external_id: Decimal("967.50")}


@pytest.mark.parametrize("content", [{}, BY_DAY])
def test_tills_invoices_and_the_authority_agree_to_the_kobo(till: Connection, content: dict[str, Any]) -> None:
    if content:
        use_rules(till, content)
    odd = line_of("101.17", "7.06", name="Odd")
    sales = [sale_of(LINE, odd, sold_at=YESTERDAY) for _ in range(4)]
    strange = AppliedTax("Sales tax", Decimal(5), Decimal("75.00"))
    held = sale_of(replace(LINE, taxes=(strange,)), sold_at=YESTERDAY - timedelta(days=1))
    save_sales(connection=till, records=[*sales, held])
    invoice_due_sales(connection=till)
    submit_due_invoices()
    save_refunds(connection=till, records=[refund_of(sales[0])])
    credit_due_refunds(connection=till)
    submit_due_invoices()
    run = reconcile(organization=till.organization, since=DAY - timedelta(days=1), until=DAY)
    assert Invoice.objects.filter(type_code="380", signed_at__isnull=False).count() == 1
    figures = run.figures["NGN"]
    whole = sum(amount or 0 for amount in asked(till).values())
    assert Decimal(figures["asked"]) == whole
    assert figures["causes"] == {Cause.HELD: [1, "1075.00"]}
    assert Decimal(figures["acknowledged"]) == whole - 1075
