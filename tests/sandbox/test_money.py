"""The sandbox's own arithmetic."""

from decimal import Decimal

import pytest

from sandbox.money import half_up, kobo_text, rounded, shares, tied


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"), [(5, 2, 3), (4, 3, 1), (5, 3, 2), (0, 7, 0), (7, 1, 7)]
)
def test_halves_go_up(numerator: int, denominator: int, quotient: int) -> None:
    assert half_up(numerator, denominator) == quotient


def test_half_a_kobo_goes_up() -> None:
    assert rounded(Decimal("0.125")) == Decimal("0.13")
    assert rounded(Decimal("2.675")) == Decimal("2.68")


def test_kobo_are_written_as_naira() -> None:
    assert [kobo_text(kobo) for kobo in (0, 5, 100, 123_456)] == ["0.00", "0.05", "1.00", "1234.56"]


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (100, [2, 1], [67, 33]),  # 66.67 and 33.33: the larger remainder gets the kobo
        (100, [1, 2], [33, 67]),
        (10_000, [247_558, 26_247, 50_000], [7645, 811, 1544]),
        (0, [3, 4], [0, 0]),
        (7, [5], [7]),
    ],
)
def test_the_largest_remainder_gets_the_last_kobo(amount: int, weights: list[int], parts: list[int]) -> None:
    assert shares(amount, weights) == parts
    assert sum(parts) == amount


def test_a_tie_is_seen() -> None:
    assert tied(1, [50, 50])
    assert tied(100, [1, 1, 1])
    assert not tied(100, [2, 1])
    assert not tied(100, [50, 50])
