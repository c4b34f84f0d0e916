"""Keeps the seller that documents are made with, and makes a numbered invoice's document again from what is kept."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from invoices.document import Identity
from invoices.drafts import InvoiceDraft, Seller, with_defaults
from invoices.drafts.missing import tax_point
from invoices.drafts.preparing import NAIRA, prepare
from invoices.freezing import make_document
from invoices.irn import LAGOS
from invoices.law import Law
from invoices.models import Business, Invoice, SellerVersion
from invoices.services.law import pinned_rate, tax_rules_of


class CannotRebuild(ValueError):
    """The invoice does not say with what its document was made."""


def remember_seller(business: Business, seller: Seller) -> SellerVersion:
    """Keep a seller's facts as documents are made with them, once for each content, and return the version."""
    content = seller.to_json()
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    kept, _ = SellerVersion.objects.get_or_create(business=business, version=version, defaults={"content": content})
    return kept


def rebuild_document(invoice: Invoice) -> bytes:
    """Return a numbered invoice's document made again, from its stored draft and the versions it was made with.

    Today's rates, exchange rates, settings and business profile do not matter to it. Raises CannotRebuild for one that
    has no number, or that was made before versions were kept.
    """
    kept, tax = invoice.seller_version, tax_rules_of(invoice)
    if kept is None or tax is None or not invoice.irn or invoice.issue_date is None or invoice.issue_time is None:
        raise CannotRebuild(f"{invoice} does not say what its document was made with.")
    seller = Seller.from_json(kept.content)
    draft = with_defaults(InvoiceDraft.from_json(invoice.draft, invoice.snapshot), seller)
    law = Law(tax, keeps_foreign=invoice.currency != NAIRA)
    prepared = prepare(draft, law, tax_point(draft.supply_date, invoice.issue_date), pinned_rate(invoice))
    identity = Identity(invoice.irn, datetime.combine(invoice.issue_date, invoice.issue_time, tzinfo=LAGOS))
    made = None if prepared.missing else make_document(prepared.draft, seller, identity=identity, tax=tax)
    if made is None:
        raise CannotRebuild(f"{invoice} cannot be added up any more.")
    return made[1]
