"""What anybody may know of an invoice whose reference number they hold: that it exists, its standing, whose, when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from django_scopes import scopes_disabled

from invoices.irn import IRN, MAX_LENGTH
from invoices.models import REGISTERED, Invoice, Status

SIGNED = ("Signed", "The tax authority signed this invoice.", "done")
CREDITED = ("Credited", "The tax authority signed this invoice; it was credited in full since.", "needs")
UNSIGNED = ("Not signed", "The tax authority has not signed this document. It is not a tax invoice.", "waiting")
REJECTED = ("Rejected", "The tax authority rejected this document. It is not a tax invoice.", "failed")
VOIDED = ("Given up", "The seller gave this document up. It is not a tax invoice.", "failed")


@dataclass(frozen=True, slots=True)
class Verified:
    """All that is told about an invoice; `meaning` is how the badge with the word looks."""

    irn: str
    word: str
    sentence: str
    meaning: str
    seller: str
    issued: date | None


def verify_irn(text: str) -> Verified | None:
    """Return what may be known of the invoice with this reference number, of whichever tenant; None for none.

    A draft has no reference number, so it does not exist here.
    """
    irn = clean_irn(text)
    if not irn:
        return None
    with scopes_disabled():
        found = Invoice.objects.filter(irn=irn).only("irn", "status", "document", "issue_date").first()
    if found is None:
        return None
    seller = json.loads(found.document or "{}").get("accounting_supplier_party", {}).get("party_name", "")
    return Verified(irn, *_standing(found.status), seller, found.issue_date)


def clean_irn(text: str) -> str:
    """Return a reference number as it is stored, from what somebody typed or copied; "" when it cannot be one."""
    irn = "".join(text.split()).upper().replace("–", "-").replace("—", "-")
    return irn if len(irn) <= MAX_LENGTH and IRN.fullmatch(irn) else ""


def _standing(status: str) -> tuple[str, str, str]:
    if status == Status.CREDITED:
        return CREDITED
    if status in REGISTERED:
        return SIGNED
    return {Status.REJECTED: REJECTED, Status.VOIDED: VOIDED}.get(Status(status), UNSIGNED)
