from __future__ import annotations

from typing import Any

import pytest

from dev.verdict import compare

DEAL = {"won": True, "flaw": None, "buyer_tin": "9001", "payable_amount": "107.50"}
SIGNED = {"irn": "INV1", "buyer_tin": "9001", "payable_amount": 107.5, "sums_ok": True}


def test_what_was_signed_as_it_should_has_no_difference() -> None:
    lost = {**DEAL, "won": False}
    held = {**DEAL, "flaw": "no_tin"}
    assert compare({"signed": [SIGNED]}, [DEAL, lost, held]) == []


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        ([], "Not signed"),
        ([SIGNED, {**SIGNED, "irn": "INV2"}], "Signed and should not"),
        ([{**SIGNED, "payable_amount": 107.51}], "Not signed"),
        ([{**SIGNED, "sums_ok": False}], "sums do not hold"),
    ],
)
def test_every_difference_is_told(signed: list[dict[str, Any]], words: str) -> None:
    assert any(words in fault for fault in compare({"signed": signed}, [DEAL]))


def test_an_irn_that_was_signed_twice_is_told() -> None:
    assert "INV1 was signed twice." in compare({"signed": [SIGNED, SIGNED]}, [DEAL, DEAL])


def test_a_sandbox_that_expects_nothing_proves_nothing() -> None:
    assert compare({"signed": []}, []) == ["The sandbox expects nothing to be signed, so this proves nothing."]
