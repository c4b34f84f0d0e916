"""Reads paper as a person with a phone would: the QR off the picture of a page, the words off the PDF."""

from __future__ import annotations

import io

import zxingcpp
from PIL import Image
from pypdf import PdfReader


def codes_on(page: bytes) -> list[str]:
    """Return what the codes on the picture of a page say."""
    with Image.open(io.BytesIO(page)) as picture:
        return [code.text for code in zxingcpp.read_barcodes(picture.convert("L"))]


def words_of(pdf: bytes) -> str:
    """Return the text of all pages, each gap one blank."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())
