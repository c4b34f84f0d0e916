"""Freezes a complete draft under its number: the document's exact bytes, their hash, and the QR payload."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

from invoices.document import Identity, build_document, check_document, document_bytes, due_date
from invoices.drafts import InvoiceDraft, Seller
from invoices.drafts.facts import terms_of
from invoices.drafts.lines import totals_of
from invoices.drafts.missing import tax_point
from invoices.irn import make_irn
from invoices.qr import qr_payload
from invoices.taxes import TaxRules, Totals


@dataclass(frozen=True, slots=True)
class Frozen:
    """What never changes again once the authority may have seen it. `issued_at` is on Nigeria's clock."""

    number: str
    irn: str
    issued_at: datetime
    due_date: date
    totals: Totals
    document: bytes
    sha256: str
    qr_payload: str


def freeze(
    draft: InvoiceDraft, seller: Seller, *, number: str, issued_at: datetime, stamp: str, tax: TaxRules
) -> Frozen | None:
    """Return the frozen invoice of a complete draft that carries the seller's defaults, None when it cannot be summed.

    Raises DocumentInvalid when the authority's rules refuse the document, IrnInvalid and KeyFileInvalid when the
    number or the key does.
    """
    irn = make_irn(number, seller.service_id, issued_at.date())
    made = make_document(draft, seller, identity=Identity(irn, issued_at), tax=tax)
    if made is None:
        return None
    totals, document = made
    check_document(document)
    return Frozen(
        number=number,
        irn=irn,
        issued_at=issued_at,
        due_date=due_date(issued_at.date(), terms_of(draft, seller)),
        totals=totals,
        document=document,
        sha256=hashlib.sha256(document).hexdigest(),
        qr_payload=qr_payload(irn=irn, public_key=seller.public_key, certificate=seller.certificate, stamp=stamp),
    )


def make_document(
    draft: InvoiceDraft, seller: Seller, *, identity: Identity, tax: TaxRules
) -> tuple[Totals, bytes] | None:
    """Return a complete draft's sums and its document's bytes, unchecked; None when it cannot be summed.

    The same facts, seller, identity and rates give the same bytes.
    """
    totals = totals_of(draft, tax_point(draft.supply_date, identity.issue_date), tax)
    if totals is None:
        return None
    return totals, document_bytes(build_document(identity=identity, seller=seller, draft=draft, totals=totals))
