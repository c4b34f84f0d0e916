"""Where the values of a till's invoice come from, by converting what it was made from by its rules once more."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.base.registry import get_connector_class
from invoices.drafts import InvoiceDraft, PartyDraft, Seller
from invoices.irn import in_lagos
from invoices.models import Invoice
from invoices.outcomes import facts_of
from invoices.rules import RulesInvalid, default_rules
from invoices.services.law import law_in_force, tax_rules_of
from invoices.tracing import NotTraceable, Traced
from pos.converters import Shop, batch_to_draft, sale_to_draft
from pos.models import Location
from pos.readback import from_snapshot
from pos.records import SaleRecord, Ware
from pos.tracing import SaleTracer

PROGRAM = "the program's own rules"


def trace_sales(*, invoice: Invoice) -> list[Traced]:
    """Return where each value comes from: those of the document of a frozen invoice, else those of the draft.

    Raises NotTraceable for one that this program reads otherwise now.
    """
    seller = _seller(invoice)
    law = law_in_force([invoice.source_currency or invoice.currency])
    try:
        made = InvoiceDraft.from_json(invoice.draft, invoice.snapshot)
        sales = [from_snapshot(row) for row in invoice.snapshot["sales"]]
        shop = _shop(invoice, sales, seller.default_tax_category if seller else "")
        draft = _draft(invoice, sales, shop, made.buyer)
        if draft.lines != made.lines:
            raise ValueError("It has other lines now.")
    except (RulesInvalid, KeyError, TypeError, ValueError, ArithmeticError) as problem:
        raise NotTraceable(_("What it was made from is kept, but this program reads it otherwise now.")) from problem
    tracer = SaleTracer(sales, draft, shop, str(invoice.rule_set) if invoice.rule_set else PROGRAM)
    if invoice.document is not None:
        return tracer.of_document(json.loads(invoice.document, parse_float=Decimal, parse_int=Decimal))
    return tracer.of_facts(facts_of([draft], seller, law, in_lagos(timezone.now()).date()))


def _seller(invoice: Invoice) -> Seller | None:
    """Return the seller as it was when the invoice was made, of a draft as it is."""
    if invoice.seller_version is not None:
        return Seller.from_json(invoice.seller_version.content)
    return invoice.business.as_seller() if invoice.business else None


def _shop(invoice: Invoice, sales: list[SaleRecord], default_category: str) -> Shop:
    where = Location.objects.filter(connection=invoice.connection, external_id=sales[0].location_external_id)
    rules = invoice.rule_set.rules if invoice.rule_set else default_rules()
    wares = {name: Ware(**row) for name, row in invoice.snapshot.get("wares", {}).items()}
    return Shop(
        connection_id=invoice.connection_id,
        provider=get_connector_class(invoice.connection.provider).info.name,
        location=where.values_list("name", flat=True).first() or sales[0].location_external_id,
        rules=rules,
        rule_set_id=invoice.rule_set_id,
        tax=tax_rules_of(invoice) or law_in_force().tax,
        default_category=default_category,
        wares=wares,
    )


def _draft(invoice: Invoice, sales: list[SaleRecord], shop: Shop, buyer: PartyDraft | None) -> InvoiceDraft:
    if invoice.source_kind == "sale":
        return sale_to_draft(sales[0], shop, buyer)
    day = date.fromisoformat(invoice.source_external_id.rsplit(":", 2)[1])
    return batch_to_draft(sales, shop, source_id=invoice.source_external_id, part=invoice.source_part, day=day)
