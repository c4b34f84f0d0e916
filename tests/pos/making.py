"""Sales for tests: every sum a till's, in plainly invented shops."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.models import Organization
from integrations.models import Connection
from invoices.irn import LAGOS
from pos.models import Location
from pos.records import AppliedTax, RefundRecord, SaleLineRecord, SaleRecord, TenderRecord

NOON = datetime(2026, 11, 20, 12, tzinfo=LAGOS)
VAT = AppliedTax("VAT", Decimal("7.5"), Decimal("75.00"))
LINE = SaleLineRecord(
    external_id="l1",
    position=0,
    kind="item",
    name="Jollof bowl",
    quantity=Decimal(2),
    gross_amount=Decimal("1000.00"),
    discount_amount=Decimal(0),
    tax_amount=Decimal("75.00"),
    total_amount=Decimal("1075.00"),
    taxes=(VAT,),
    sku="JOL-1",
)
SALE = SaleRecord(
    external_id="s1",
    location_external_id="yaba",
    state="completed",
    sold_at=NOON,
    currency="NGN",
    total_amount=Decimal("1075.00"),
    tax_amount=Decimal("75.00"),
    discount_amount=Decimal(0),
    tip_amount=Decimal(0),
    rounding_amount=Decimal(0),
    source_updated_at=NOON,
    payload={"id": "s1"},
    lines=(LINE,),
)
_numbers = itertools.count(1)


def line_of(total: str, tax: str = "0", **changes: Any) -> SaleLineRecord:
    """Return a line of one piece that cost `total`, of which `tax` is VAT at 7.5 % on top of its price."""
    net = Decimal(total) - Decimal(tax)
    taxes = (replace(VAT, amount=Decimal(tax)),) if Decimal(tax) else ()
    facts = {
        "taxes": taxes,
        "quantity": Decimal(1),
        "gross_amount": net,
        "tax_amount": Decimal(tax),
        "total_amount": Decimal(total),
    }
    return replace(LINE, **{**facts, **changes})


def sale_of(*lines: SaleLineRecord, **changes: Any) -> SaleRecord:
    """Return a completed sale of these lines (by default a bowl for 1,075.00), paid in cash, with an id of its own."""
    external_id = changes.pop("external_id", f"sale-{next(_numbers)}")
    lines = changes.pop("lines", lines or (LINE,))
    total = sum((line.total_amount for line in lines), Decimal(0))
    sums = {
        "total_amount": total,
        "tax_amount": sum((line.tax_amount for line in lines), Decimal(0)),
        "discount_amount": sum((line.discount_amount for line in lines), Decimal(0)),
    }
    lines = tuple(replace(line, external_id=f"l{at}", position=at) for at, line in enumerate(lines))
    tender = TenderRecord(f"pay-{external_id}", "cash", total, Decimal(0), "completed")
    facts = {"payload": {"id": external_id}, "tenders": (tender,), **sums}
    return replace(SALE, external_id=external_id, lines=lines, **{**facts, **changes})


def refund_of(sale: SaleRecord, **changes: Any) -> RefundRecord:
    """Return a completed refund of all that a sale came to."""
    refund = RefundRecord(
        external_id=f"refund-{sale.external_id}",
        location_external_id=sale.location_external_id,
        state="completed",
        payment_external_id=sale.tenders[0].external_id,
        return_external_id="",
        refunded_at=sale.sold_at,
        currency=sale.currency,
        amount=sale.total_amount,
        reason="Cold",
        source_updated_at=sale.sold_at,
    )
    return replace(refund, **changes)


def make_till(organization: Organization, provider: str = "hubspot") -> Connection:
    """Return a till's connection with the shop in Yaba. No provider of tills is needed to store and invoice sales."""
    till = Connection.objects.create(
        organization=organization, provider=provider, name="Till", external_account_id=f"merchant-{next(_numbers)}"
    )
    Location.objects.create(
        organization=organization, connection=till, external_id="yaba", name="Yaba shop", currency="NGN"
    )
    return till
