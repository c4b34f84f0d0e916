"""What Paystack signed is accepted and nothing else; the vectors were made with openssl."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integrations.base.errors import InvalidSignature
from integrations.base.signatures import SignedRequest
from pos.paystack.webhooks import SIGNATURE, check_paystack, parse_paystack, touched_by

VECTORS = json.loads((Path(__file__).parent / "signature_vectors.json").read_text())["vectors"]
GOOD = VECTORS[0]


def check(signature: str, body: str = GOOD["body"], keys: tuple[str, ...] = (GOOD["key"],)) -> None:
    headers = {SIGNATURE: signature} if signature else {}
    check_paystack(SignedRequest("POST", "https://ours.example/x", headers, body.encode(), 0, keys))


@pytest.mark.parametrize("vector", VECTORS)
def test_the_vectors_hold(vector: dict[str, str]) -> None:
    check(vector["signature"], vector["body"], (vector["key"],))
    check(vector["signature"], vector["body"], ("sk_test_another", vector["key"]))


@pytest.mark.parametrize(
    ("signature", "body", "keys"),
    [
        (GOOD["signature"], GOOD["body"] + " ", (GOOD["key"],)),
        (GOOD["signature"], GOOD["body"], ("sk_test_sandbox-two",)),
        (GOOD["signature"], GOOD["body"], ()),
        (GOOD["signature"], GOOD["body"], ("",)),
        (GOOD["signature"], "", (GOOD["key"],)),
        (GOOD["signature"].upper(), GOOD["body"], (GOOD["key"],)),
        (GOOD["signature"][:-1], GOOD["body"], (GOOD["key"],)),
        ("", GOOD["body"], (GOOD["key"],)),
        ("ünsigned", GOOD["body"], (GOOD["key"],)),
    ],
)
def test_whatever_else_comes_is_refused(signature: str, body: str, keys: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSignature):
        check(signature, body, keys)


def test_the_keys_are_in_no_picture_of_a_request() -> None:
    request = SignedRequest("POST", "https://ours.example/x", {}, b"", 0, ("sk_live_secret",))
    assert "sk_live_secret" not in repr(request)


@pytest.mark.parametrize(
    ("event", "touched"),
    [
        ({"event": "charge.success", "data": {"reference": "T1"}}, {"T1"}),
        ({"event": "refund.processed", "data": {"transaction_reference": "T1", "reference": "R9"}}, {"T1"}),
        ({"event": "refund.pending", "data": {"transaction_reference": "T\x001"}}, {"T1"}),
        ({"event": "transfer.success", "data": {"reference": "T1"}}, set()),
        ({"event": "charge.dispute.create", "data": {"reference": "T1"}}, set()),
        ({"event": "charge.success", "data": {"reference": 7}}, set()),
        ({"event": "charge.success", "data": []}, set()),
        ({"event": ["charge.success"]}, set()),
        ([], set()),
    ],
)
def test_an_event_says_which_payment_to_read_and_nothing_more(event: object, touched: set[str]) -> None:
    assert touched_by(event) == touched


def test_a_body_that_is_no_event_is_named_and_one_of_no_use_is_let_be() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        parse_paystack(b"{")
    with pytest.raises(ValueError, match="not an event"):
        parse_paystack(b"[]")
    (transfer,) = parse_paystack(b'{"event": "transfer.success", "data": {}}')
    assert transfer.ignored
    (nameless,) = parse_paystack(b'{"data": {}}')
    assert nameless.parked
