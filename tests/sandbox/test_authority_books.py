"""The authority's books, falsified on purpose for tests of the comparison with them."""

from __future__ import annotations

from tests.sandbox.client import Client
from tests.sandbox.documents import example


def signed(sandbox: Client) -> str:
    document = example("b2b_invoice")
    assert sandbox.mbs("POST", "/invoice/sign", json=document).status_code == 201
    return str(document["irn"])


def test_a_registered_document_can_be_made_to_say_another_amount(sandbox: Client) -> None:
    irn = signed(sandbox)
    sandbox.control("mbs/alter", {"irn": irn, "payable_amount": "290149.99"})
    [entry] = sandbox.control("received")["mbs"]["signed"]
    assert entry["payable_amount"] == "290149.99"
    assert entry["document"]["legal_monetary_total"]["payable_amount"] == 290149.99
    assert entry["document"]["invoice_line"] == example("b2b_invoice")["invoice_line"]


def test_a_registered_document_can_be_lost_and_signed_again(sandbox: Client) -> None:
    irn = signed(sandbox)
    sandbox.control("mbs/forget", {"irn": irn})
    assert sandbox.mbs("GET", f"/invoice/confirm/{irn}").status_code != 200
    assert signed(sandbox) == irn


def test_what_is_not_registered_cannot_be_falsified(sandbox: Client) -> None:
    for path in ("mbs/alter", "mbs/forget"):
        answer = sandbox.call("POST", f"/_control/{path}", json={"irn": "NOBODYS", "payable_amount": "1"})
        assert answer.status_code == 404
