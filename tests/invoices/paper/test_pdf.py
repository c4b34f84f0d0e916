from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from integrations.models import Connection
from invoices import qr
from invoices.models import Business, Invoice, QrPicture, Status
from invoices.paper.sheet import Standing, sheet_of
from invoices.paper.typeset import set_pdf
from invoices.services.papering import pdf_of, pictures_of, qr_of
from tests.invoices.making import BUYER, GOODS, make_draft
from tests.invoices.paper.reading import codes_on, words_of
from tests.invoices.standing import stand_at

GOLDEN = Path(__file__).parents[1] / "golden" / "b2b_invoice.json"
DOCUMENT = json.loads(GOLDEN.read_text(), parse_float=Decimal, parse_int=Decimal)
STANDING = Standing(Status.SIGNED, "INV1", "381", "", False)
AT = datetime(2026, 11, 20, 10, 42, 5, tzinfo=UTC)
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
    signed.qr_payload = signed.qr_payload.swapcase()  # another one, whatever letter it began with
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


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet='"\\#$[]{}()u41n;\n\t\x7f', max_size=20))
def test_no_run_of_signs_ends_the_text_that_it_stands_in(signs: str) -> None:
    sheet = sheet_of(DOCUMENT, STANDING) | {"note": f"{signs}end"}
    assert "end" in words_of(set_pdf(sheet, made_at=AT))


def test_a_paper_says_nothing_of_the_one_that_was_set_before_it() -> None:
    first, second = (sheet_of(DOCUMENT | {"irn": irn}, replace(STANDING, number=irn)) for irn in ("INV1", "INV2"))
    alone = set_pdf(second, made_at=AT)
    set_pdf(first, made_at=AT)
    after = set_pdf(second, made_at=AT)
    assert after == alone
    assert "INV1" not in words_of(after)
    assert words_of(after).count("INV2") == 3  # below the title, under its label, in the foot
    assert "INV2" in str(PdfReader(io.BytesIO(after)).metadata)


def test_letters_that_the_typefaces_lack_cost_the_archive_mark_and_not_the_invoice(
    business: Business, issue: Callable[..., Invoice]
) -> None:
    odd = issue(note="漢字 and so on")
    pdf = pdf_of(odd)
    assert b"pdfaid" not in pdf
    assert "and so on" in words_of(pdf)
