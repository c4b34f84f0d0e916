"""Tells the authority that an invoice is paid or void, and reports the VAT of paid ones.

A payment status is set and then confirmed; setting it twice is harmless. A VAT report is sent once: no look-up tells
whether it arrived, so after anything unclear it is held until a person releases or dismisses it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from django.conf import settings

from invoices.authority.base import Accepted, CredentialsRefused, Found, Rejected, VatReport
from invoices.models import Exchange, Invoice, Purpose, Stage
from invoices.services.authority_keys import Group
from invoices.services.exchanging import MAY_HAVE_ARRIVED, MENDING, Outcome, Work, call

PENDING, PAID = "PENDING", "PAID"
VAT_CATEGORIES = ("STANDARD_VAT", "ZERO_VAT", "REDUCED_VAT")
LONGEST_DESCRIPTION = 255
NO_VAT = (
    "This invoice has no line under VAT, so there is nothing to report. Exempt supplies are not part of the VAT report."
)


def payment_words() -> tuple[str, str, str]:
    """Return the payment statuses that may be set: pending, paid, and the word that settings choose for a void."""
    return (PENDING, PAID, settings.MBS_VOID_WORD)


def set_payment_status(work: Work) -> Outcome:
    """Make one attempt: ask first where it may be set already, else set it, then see that it is there."""
    if work.was_sent:
        looked = _confirmed(work)
        if looked is not None:
            return looked
    row = work.exchange
    work.about_to_send()
    irn, wanted = row.invoice.irn or "", row.wanted
    answer = call(
        work, "update", lambda: work.authority(Group.DOCUMENTS).update_payment_status(irn, wanted), request=wanted
    )
    match answer:
        case Rejected(sentence=sentence):
            return Outcome(Stage.REFUSED, sentence)
        case CredentialsRefused(sentence=sentence):
            return Outcome(Stage.WAITING, sentence, MENDING)
        case Accepted():
            problem = f"The authority took the payment status {wanted} and does not show it yet. It is asked again."
            return _confirmed(work) or Outcome(Stage.WAITING, problem, is_sent=True)
    return Outcome(Stage.WAITING, answer.sentence, is_sent=True)


def _confirmed(work: Work) -> Outcome | None:
    """Return what a look-up settles: DONE, or that it could not be asked; None when another status is set there."""
    row = work.exchange
    answer = call(work, "confirm", lambda: work.authority(Group.DOCUMENTS).confirm(row.invoice.irn or ""))
    match answer:
        case Found(payment_status=shown) if shown == row.wanted:
            return Outcome(Stage.DONE)
        case Found():
            return None
        case CredentialsRefused(sentence=sentence):
            return Outcome(Stage.WAITING, sentence, MENDING, is_sent=True)
    sentence = getattr(answer, "sentence", "") or "The authority does not find this invoice now. It is asked again."
    return Outcome(Stage.WAITING, sentence, is_sent=True)


def report_vat(work: Work) -> Outcome:
    """Send the VAT report once. One that may have been sent before is held, never sent again by itself."""
    if work.was_sent:
        return Outcome(Stage.HELD, MAY_HAVE_ARRIVED, is_sent=True)
    report = vat_report(work.exchange.invoice)
    if report is None:
        return Outcome(Stage.REFUSED, NO_VAT)
    work.about_to_send()
    request = orjson.dumps(report).decode()
    answer = call(work, "vat", lambda: work.authority(Group.REPORT).report_vat(report), request=request)
    match answer:
        case Accepted():
            return Outcome(Stage.DONE)
        case Rejected(sentence=sentence):
            return Outcome(Stage.REFUSED, sentence)
        case CredentialsRefused(sentence=sentence):
            return Outcome(Stage.WAITING, sentence, MENDING)
    return Outcome(Stage.HELD, f"{answer.sentence} {MAY_HAVE_ARRIVED}", is_sent=True)


def vat_report(invoice: Invoice) -> VatReport | None:
    """Return the report of an invoice from its frozen document, every value as text; None when no line is under VAT.

    The authority's form has room for one rate: that of the first VAT category with the largest taxable amount.
    """
    document = orjson.loads(invoice.body)
    subtotals = [part for total in document["tax_total"] for part in total["tax_subtotal"]]
    under_vat = [part for part in subtotals if part["tax_category"]["id"] in VAT_CATEGORIES]
    if not under_vat:
        return None
    main = max(under_vat, key=lambda part: Decimal(str(part["taxable_amount"])))
    others = [part for part in subtotals if part not in under_vat]
    totals = document["legal_monetary_total"]
    names = ", ".join(line["item"]["name"] for line in document["invoice_line"])
    return VatReport(
        agent_tin=document["accounting_supplier_party"]["tin"],
        beneficiary_tin=(document.get("accounting_customer_party") or {}).get("tin", ""),
        irn=document["irn"],
        currency=document["document_currency_code"],
        item_description=names[:LONGEST_DESCRIPTION],
        base_amount=_kobo(totals["line_extension_amount"]),
        vat_calculated=_kobo(_sum(under_vat)),
        vat_rate=f"{Decimal(str(main['tax_category']['percent'])).normalize():f}",
        vat_status=main["tax_category"]["id"],
        other_taxes=_kobo(_sum(others)),
        total_amount=_kobo(totals["payable_amount"]),
        transaction_date=document["issue_date"],
        integrator_service_id=settings.MBS_INTEGRATOR_SERVICE_ID,
    )


def _sum(subtotals: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(str(part["tax_amount"])) for part in subtotals), Decimal(0))


def _kobo(amount: Any) -> str:
    return f"{Decimal(str(amount)):.2f}"


def is_paid_at_authority(invoice: Invoice) -> bool:
    """Tell whether the authority has confirmed that the invoice is paid."""
    return Exchange.objects.filter(invoice=invoice, purpose=Purpose.PAYMENT, wanted=PAID, stage=Stage.DONE).exists()
