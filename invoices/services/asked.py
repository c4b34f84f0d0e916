"""What a draft asks to be invoiced, by the same rules and sums as invoices are made with."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from django.utils import timezone

from invoices.drafts import InvoiceDraft, Seller, with_defaults
from invoices.drafts.lines import totals_of
from invoices.drafts.missing import tax_point
from invoices.drafts.preparing import prepare
from invoices.irn import in_lagos
from invoices.law import Law
from invoices.models import Invoice
from invoices.services.law import pinned_rate, tax_rules_of


def asked_amount(
    draft: InvoiceDraft, seller: Seller | None, law: Law, invoice: Invoice | None
) -> tuple[str, Decimal | None]:
    """Return (currency, amount with tax) of one draft in the terms of its invoice, None while it cannot be added up."""
    issued = (invoice.issue_date if invoice else None) or in_lagos(timezone.now()).date()
    day, tax = tax_point(draft.supply_date, issued), (tax_rules_of(invoice) if invoice else None) or law.tax
    pinned = pinned_rate(invoice) if invoice else None
    prepared = prepare(with_defaults(draft, seller), replace(law, tax=tax), day, pinned)
    totals = totals_of(prepared.draft, day, tax)
    return prepared.draft.currency, totals.payable_amount if totals else None
