from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from integrations.models import Connection
from invoices import qr
from invoices.models import Business, Invoice, QrPicture, Status
from invoices.services.papering import pdf_of, pictures_of, qr_of
from tests.invoices.making import BUYER, GOODS, make_draft
from tests.invoices.paper.reading import codes_on, words_of
from tests.invoices.standing import stand_at

HOSTILE = '#panic("x") $a$ *b* _c_ `d` <e> @f \\u{41} #read("/etc/passwd") "], [" ẸọṣɓƘ'


def test_the_qr_of_the_printed_page_reads_back_to_the_stored_payload(signed: Invoice) -> None:
    [page] = pictures_of(signed)
    assert codes_on(page) == [signed.qr_payload]


def test_the_pdf_says_everything_that_the_law_asks_for(signed: Invoice, settings: Any) -> None:
    settings.ENVIRONMENT = "production"
    Business.objects.update(rc_number="RC 1234567")
    signed = Invoice.objects.get()
    text = words_of(pdf_of(signed))
    assert signed.business is not None
    for fact in (
        *("Tax invoice", signed.number, signed.irn, signed.business.tin, "RC 1234567", BUYER.name, BUYER.tin),
        *("₦237,500.00", "Discount 5 % −₦12,500.00", "HSN 9403.20", "VAT, standard rate 7.5 % ₦270,000.00 ₦20,250.00"),
        *("₦290,250.00", "Two hundred and ninety thousand, two hundred and fifty naira only"),
        *(f"/verify/{signed.irn}/", "Page 1 of 1"),
    ):
        assert str(fact) in text, fact
    for stamp in ("SANDBOX", "DRAFT", "REJECTED", "NOT SIGNED", "not a tax invoice"):
        assert stamp not in text


def test_the_pdf_is_for_archives_and_a_reprint_is_the_same_bytes(signed: Invoice) -> None:
    first = pdf_of(signed)
    assert first.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>3</pdfaid:part>" in first
    assert pdf_of(Invoice.objects.get()) == first


def test_the_qr_is_drawn_once_and_kept(signed: Invoice, monkeypatch: pytest.MonkeyPatch) -> None:
    first = qr_of(signed)
    QrPicture.objects.update(svg=first.replace("QR code of the invoice", "As it was drawn then"))
    assert "As it was drawn then" in qr_of(signed)
    signed.qr_payload = "B" + signed.qr_payload[1:]
    assert qr_of(signed) == qr.qr_svg(signed.qr_payload)
    assert QrPicture.objects.count() == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.READY, "has not signed this document yet"),
        (Status.UNKNOWN, "has not signed this document yet"),
        (Status.REJECTED, "rejected this document"),
        (Status.VOIDED, "was given up"),
        (Status.CREDITED, "credited in full"),
    ],
)
def test_what_the_paper_is_not_stands_on_it(
    business: Business, issue: Callable[..., Invoice], status: Status, words: str
) -> None:
    assert words in words_of(pdf_of(stand_at(issue(), status)))


@pytest.mark.parametrize("status", [Status.READY, Status.SIGNED, Status.CREDITED])
def test_the_sandbox_is_named_on_every_page(
    business: Business, issue: Callable[..., Invoice], account: Connection, status: Status
) -> None:
    draft = make_draft(account.pk, lines=(GOODS,) * 40)
    text = words_of(pdf_of(stand_at(issue(draft), status)))
    assert text.count("Page ") > 2
    assert text.count("SANDBOX – not a tax invoice") == text.count("Page ") + 1


def test_the_preview_of_a_draft_has_no_number_and_no_irn(business: Business, issue: Callable[..., Invoice]) -> None:
    held = issue(buyer=replace(BUYER, tin=""))
    assert held.status == Status.DRAFT
    text = words_of(pdf_of(held))
    assert "This is not an invoice and has no number" in text
    assert "IRN" not in text
    assert "Tax invoice" not in text
    assert codes_on(pictures_of(held)[0]) == []


def test_what_somebody_typed_is_never_code(business: Business, issue: Callable[..., Invoice], signed: Invoice) -> None:
    line = replace(GOODS, name=HOSTILE, description=HOSTILE + "W" * 90)
    hostile = issue(buyer=replace(BUYER, name=HOSTILE[:90], street=HOSTILE), lines=(line,), note=HOSTILE)
    text = words_of(pdf_of(hostile))
    for part in ('#panic("x")', "*b*", "_c_", "`d`", "<e>", '#read("/etc/passwd")', "ẸọṣɓƘ", "W" * 18):
        assert part in text, part
    assert "root:" not in text


def test_letters_that_the_typefaces_lack_cost_the_archive_mark_and_not_the_invoice(
    business: Business, issue: Callable[..., Invoice]
) -> None:
    odd = issue(note="漢字 and so on")
    pdf = pdf_of(odd)
    assert b"pdfaid" not in pdf
    assert "and so on" in words_of(pdf)
