"""An amount of money in English words, as it stands on the invoice below the figures."""

from __future__ import annotations

from decimal import Decimal

LARGEST = Decimal("999999999999999.99")
_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
# What a hundredth is called; a currency that is not here is named by its code, its hundredths as a fraction.
_NAMES = {
    "NGN": ("naira", "kobo"),
    "USD": ("US dollars", "cents"),
    "EUR": ("euros", "cents"),
    "GBP": ("pounds", "pence"),
}


def amount_in_words(amount: Decimal, currency: str) -> str:
    """Return the amount in words: "One thousand and five naira, fifty kobo only".

    `amount` has at most two places and lies between minus and plus LARGEST; raises ValueError otherwise.
    """
    if not amount.is_finite() or abs(amount) > LARGEST:
        raise ValueError(f"{amount} is too large to be written in words.")
    hundredths = abs(amount) * 100
    if hundredths != int(hundredths):
        raise ValueError(f"{amount} has more than two places.")
    whole, part = divmod(int(hundredths), 100)
    sign = "minus " if amount < 0 else ""
    text = f"{sign}{number_in_words(whole)} {_named(whole, part, currency)} only"
    return text[0].upper() + text[1:]


def number_in_words(number: int) -> str:
    """Return a whole number from 0 to 999,999,999,999,999 in words, with "and" as it is used in Nigeria."""
    groups = []
    for size, name in _SCALES:
        count, number = divmod(number, size)
        if count:
            groups.append(f"{_below_thousand(count)} {name}")
    if not groups:
        return _below_thousand(number)
    if number:
        groups.append(("and " if number < 100 else "") + _below_thousand(number))
    *before, last = groups
    if not before:
        return last
    return ", ".join(before) + (f" {last}" if last.startswith("and ") else f", {last}")


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest)
    text = f"{_UNITS[hundreds]} hundred"
    return f"{text} and {_below_hundred(rest)}" if rest else text


def _below_hundred(number: int) -> str:
    if number < 20:
        return _UNITS[number]
    tens, rest = divmod(number, 10)
    return f"{_TENS[tens]}-{_UNITS[rest]}" if rest else _TENS[tens]


def _named(whole: int, part: int, currency: str) -> str:
    if currency not in _NAMES:
        return f"{currency} and {part:02d}/100" if part else currency
    name, hundredth = _NAMES[currency]
    if whole == 1:
        name = name.removesuffix("s")
    if part == 1:
        hundredth = {"cents": "cent", "pence": "penny"}.get(hundredth, hundredth)
    return f"{name}, {number_in_words(part)} {hundredth}" if part else name
