"""Only what Square signed for our registered address is believed."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from integrations.base.errors import ConfigurationError, InvalidSignature
from integrations.base.signatures import SignedRequest, hmac_sha256
from pos.square.connector import SquareConnector
from pos.square.webhooks import SIGNATURE, check_square

VECTORS = json.loads((Path(__file__).parent / "signature_vectors.json").read_text())["vectors"]


def signed(vector: dict[str, str], **changes: Any) -> SignedRequest:
    facts = {"url": vector["url"], "body": base64.b64decode(vector["body_b64"]), "signature": vector["signature"]}
    facts |= changes
    return SignedRequest("POST", facts["url"], {SIGNATURE: facts["signature"]}, facts["body"], 0)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_what_square_signed_is_accepted_with_any_key_in_use(vector: dict[str, str]) -> None:
    check_square(signed(vector), [vector["key"]])
    check_square(signed(vector), ["a newer key", vector["key"]])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_what_is_not_as_square_signed_it_is_refused(vector: dict[str, str]) -> None:
    url, body, key = vector["url"], base64.b64decode(vector["body_b64"]), vector["key"]
    hexed = base64.b64decode(vector["signature"]).hex()
    wrong = [
        signed(vector, body=body + b"\n"),
        signed(vector, url=url + "/"),
        signed(vector, url=url.replace("https://", "http://")),
        signed(vector, signature=hmac_sha256(key, body + url.encode())),
        signed(vector, signature=hexed),
        signed(vector, signature=""),
        signed(vector, body=b""),
    ]
    for request in wrong:
        with pytest.raises(InvalidSignature):
            check_square(request, [key])
    with pytest.raises(InvalidSignature):
        check_square(signed(vector), ["another key"])


def test_the_registered_address_counts_and_not_the_one_that_was_called(settings: Any) -> None:
    settings.SQUARE_WEBHOOK_URL, settings.SQUARE_WEBHOOK_KEYS = VECTORS[0]["url"], [VECTORS[0]["key"]]
    SquareConnector.verify_webhook(signed(VECTORS[0], url="http://10.0.0.5/behind/a/proxy"))


def test_without_a_key_operations_are_told() -> None:
    with pytest.raises(ConfigurationError, match="SQUARE_WEBHOOK_KEYS"):
        check_square(signed(VECTORS[0]), [])
