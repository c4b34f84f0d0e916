from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.paper.words import LARGEST, amount_in_words, number_in_words

SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
VALUES = {word: number for number, word in enumerate(SMALL)} | {
    word: 10 * number for number, word in enumerate(TENS, start=2)
}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


def read_back(text: str) -> int:
    """Return the number that the words say, read by another road than they were written."""
    total = group = 0
    for word in text.replace(",", " ").replace("-", " ").split():
        if word == "hundred":
            group *= 100
        elif word in SCALES:
            total, group = total + group * SCALES[word], 0
        elif word != "and":
            group += VALUES[word]
    return total + group


@given(st.integers(0, 10**15 - 1))
def test_words_read_back_to_the_number(number: int) -> None:
    assert read_back(number_in_words(number)) == number


@given(st.integers(-(10**14) + 1, 10**14 - 1))
def test_naira_and_kobo_read_back_to_the_amount(hundredths: int) -> None:
    text = amount_in_words(Decimal(hundredths) / 100, "NGN")
    assert text[0].isupper()
    assert text.endswith(" only")
    body = text.removesuffix(" only").lower().removeprefix("minus ")
    whole, _, part = body.partition(" naira")
    kobo = part.removeprefix(", ").removesuffix(" kobo") or "zero"
    assert read_back(whole) * 100 + read_back(kobo) == abs(hundredths)
    assert text.startswith("Minus ") == (hundredths < 0)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_different_numbers_have_different_words(first: int, second: int) -> None:
    assert (number_in_words(first) == number_in_words(second)) == (first == second)


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("0", "NGN", "Zero naira only"),
        ("0.01", "NGN", "Zero naira, one kobo only"),
        ("1005.50", "NGN", "One thousand and five naira, fifty kobo only"),
        ("290250.00", "NGN", "Two hundred and ninety thousand, two hundred and fifty naira only"),
        ("1000000000000", "NGN", "One trillion naira only"),
        ("1.01", "USD", "One US dollar, one cent only"),
        ("5.50", "XOF", "Five XOF and 50/100 only"),
    ],
)
def test_amounts_as_an_accountant_writes_them(amount: str, currency: str, words: str) -> None:
    assert amount_in_words(Decimal(amount), currency) == words


@pytest.mark.parametrize("amount", [LARGEST + 1, Decimal("0.001"), Decimal("NaN"), Decimal("Infinity")])
def test_what_cannot_be_said_exactly_is_refused(amount: Decimal) -> None:
    with pytest.raises(ValueError, match=r"too large|two places"):
        amount_in_words(amount, "NGN")
