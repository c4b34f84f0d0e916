"""What anybody may know of an invoice whose reference number they hold: that it exists, its standing, whose, when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from django_scopes import scopes_disabled

from invoices.irn import IRN, MAX_LENGTH
from invoices.models import REGISTERED, Invoice, Status

SIGNED = "Signed by the tax authority"
CREDITED = "Signed by the tax authority, and credited in full since"
UNSIGNED = "Not signed by the tax authority: not a tax invoice"
REJECTED = "Rejected by the tax authority: not a tax invoice"
VOIDED = "Given up by its seller: not a tax invoice"


@dataclass(frozen=True, slots=True)
class Verified:
    """All that is told about an invoice; `meaning` is how its badge looks."""

    irn: str
    standing: str
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
    standing, meaning = _standing(found.status)
    seller = json.loads(found.document or "{}").get("accounting_supplier_party", {}).get("party_name", "")
    return Verified(irn, standing, meaning, seller, found.issue_date)


def clean_irn(text: str) -> str:
    """Return a reference number as it is stored, from what somebody typed or copied; "" when it cannot be one."""
    irn = "".join(text.split()).upper().replace("–", "-").replace("—", "-")
    return irn if len(irn) <= MAX_LENGTH and IRN.fullmatch(irn) else ""


def _standing(status: str) -> tuple[str, str]:
    if status == Status.CREDITED:
        return CREDITED, "needs"
    if status in REGISTERED:
        return SIGNED, "done"
    if status == Status.REJECTED:
        return REJECTED, "failed"
    return (VOIDED, "failed") if status == Status.VOIDED else (UNSIGNED, "waiting")
