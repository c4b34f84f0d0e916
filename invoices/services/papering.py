"""The paper of one stored invoice: its QR, drawn once and kept, and its PDF."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.conf import settings

from invoices.models import Invoice, QrPicture
from invoices.paper.screen import paper_of
from invoices.paper.sheet import Standing, sheet_of
from invoices.paper.typeset import set_pdf, set_pictures
from invoices.qr import qr_svg


def qr_of(invoice: Invoice) -> str:
    """Return the invoice's QR as SVG, "" for a draft; drawn when it is first looked at, and the same ever after."""
    if not invoice.qr_payload:
        return ""
    digest = hashlib.sha256(invoice.qr_payload.encode()).hexdigest()
    kept = QrPicture.objects.filter(invoice=invoice, payload_sha256=digest).values_list("svg", flat=True).first()
    if kept is not None:
        return str(kept)
    drawn = {"payload_sha256": digest, "svg": qr_svg(invoice.qr_payload)}
    picture, _is_new = QrPicture.objects.update_or_create(invoice=invoice, defaults=drawn)
    return picture.svg


def pdf_of(invoice: Invoice) -> bytes:
    """Return the invoice as a PDF; the same bytes as long as neither its status nor its document changes.

    A draft gives a preview that says so and has no number.
    """
    return set_pdf(_sheet(invoice), made_at=_made_at(invoice))


def pictures_of(invoice: Invoice, *, ppi: float = 144) -> list[bytes]:
    """Return each page of the invoice as a PNG."""
    return set_pictures(_sheet(invoice), ppi=ppi)


def pdf_name(invoice: Invoice) -> str:
    """Return what the file is called: "INV000001.pdf", of letters and digits only."""
    return f"{invoice.number or f'draft-{invoice.pk}'}.pdf"


def check_address(irn: str) -> str:
    """Return where anybody can look an invoice up."""
    return f"{settings.PUBLIC_URL}/verify/{irn}/"


def _sheet(invoice: Invoice) -> dict[str, object]:
    standing = Standing(
        status=invoice.status,
        number=invoice.number or "",
        type_code=invoice.type_code,
        rc_number=invoice.business.rc_number if invoice.business else "",
        is_sandbox=settings.ENVIRONMENT == "sandbox",
        qr=qr_of(invoice),
        check_at=check_address(invoice.irn) if invoice.irn else "",
    )
    return sheet_of(paper_of(invoice, list(invoice.lines.all())), standing)


def _made_at(invoice: Invoice) -> datetime:
    return invoice.signed_at or invoice.ready_at or invoice.updated_at
