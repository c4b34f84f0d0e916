"""Paper: PDFs with their QR, QR payloads, QR pictures; on one core, by the processor's own time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import process_time
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from invoices.models.status import Status
from invoices.paper.sheet import Standing, sheet_of
from invoices.paper.typeset import set_pdf
from invoices.qr import qr_payload, qr_svg

GOLDEN = Path(__file__).parents[1] / "invoices" / "golden" / "b2b_invoice.json"
AT = datetime(2026, 11, 20, 10, 42, 5, tzinfo=UTC)
ROUNDS = 5  # the best of so many, because other processes are on the machine


def run() -> None:
    """Print how many of each are made in a second of one core; every one differs from the one before."""
    payload = _payloads()
    payloads = [payload(number) for number in range(400)]
    pictures = [qr_svg(text) for text in payloads[:100]]
    documents = [_document(number) for number in range(400)]

    def pdf(number: int, qr: str) -> int:
        document, address = documents[number % 400], f"https://x.example/verify/INV{number:06d}/"
        standing = Standing(Status.SIGNED, f"INV{number:06d}", "381", "RC 1234567", False, qr, address)
        return len(set_pdf(sheet_of(document, standing), made_at=AT))

    print("paper, each with its own buyer, goods and amounts (one core, its own time; the best of five)")
    _tell("QR payloads", 2_000, payload, "asked: 10,000/s")
    _tell("QR pictures", 100, lambda number: qr_svg(payloads[number % 400]), "")
    _tell("PDFs, their QR drawn before and kept", 80, lambda number: pdf(number, pictures[number % 100]), "asked: 80/s")
    _tell("PDFs, their QR drawn for them", 80, lambda number: pdf(number, qr_svg(payloads[number % 400])), "")
    print()


def _tell(what: str, times: int, make: Callable[[int], object], asked: str) -> None:
    best = 0.0
    make(0)
    for turn in range(ROUNDS):
        started = process_time()
        for number in range(times):
            make(turn * times + number)
        best = max(best, times / (process_time() - started))
    print(f"  {what:<40} {best:>9,.0f}/s   {asked}")


def _document(number: int) -> Any:
    """Return a document of the same seller with its own buyer, goods and amounts."""
    document = json.loads(GOLDEN.read_text(), parse_float=Decimal, parse_int=Decimal)
    document = _times(document, number % 397 + 1) | {"irn": f"INV{number:06d}-C41D9D42-20261120"}
    buyer = document["accounting_customer_party"]
    buyer |= {"party_name": f"Buyer {number} Ltd", "tin": f"{90_000_000 + number}-0001", "email": f"{number}@b.example"}
    buyer["telephone"] = f"+2348{number:09d}"
    buyer["postal_address"]["street_name"] = f"{number} Sample Close"
    for position, line in enumerate(document["invoice_line"]):
        name = f"Thing {number}.{position}"
        line["item"] = {"name": name, "description": f"{name} and what it is for", "sellers_item_identification": name}
    return document


def _times(node: Any, factor: int) -> Any:
    """Return a document whose every amount is `factor` times as large, so that its sums hold."""
    if isinstance(node, list):
        return [_times(each, factor) for each in node]
    if not isinstance(node, dict):
        return node
    return {name: each * factor if name.endswith("amount") else _times(each, factor) for name, each in node.items()}


def _payloads() -> Callable[[int], str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    certificate = base64.b64encode(base64.b64encode(b"0123456789abcdef0123456789abcdef")).decode()

    def payload(number: int) -> str:
        irn = f"INV{number:06d}-C41D9D42-20261120"
        return qr_payload(irn=irn, public_key=pem, certificate=certificate, stamp=".1795172401")

    return payload
