"""The sandbox's own arithmetic of money, in whole kobo; nothing here is shared with the program it judges."""

from decimal import ROUND_HALF_UP, Decimal

KOBO = Decimal("0.01")


def half_up(numerator: int, denominator: int) -> int:
    """Return the quotient of two non-negative integers, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def rounded(amount: Decimal) -> Decimal:
    """Return an amount with two places, rounded half up."""
    return amount.quantize(KOBO, ROUND_HALF_UP)


def kobo_text(kobo: int) -> str:
    """Return an amount in kobo as naira with two places."""
    return f"{kobo // 100}.{kobo % 100:02}"


def shares(amount: int, weights: list[int]) -> list[int]:
    """Divide an amount of kobo in proportion to positive weights, by largest remainder; a tie goes to the first."""
    total = sum(weights)
    parts = [amount * weight // total for weight in weights]
    left = amount - sum(parts)
    for index in _by_remainder(amount, weights)[:left]:
        parts[index] += 1
    return parts


def tied(amount: int, weights: list[int]) -> bool:
    """Whether the last kobo of such a division could go to either of two places."""
    total = sum(weights)
    order = _by_remainder(amount, weights)
    left = amount - sum(amount * weight // total for weight in weights)
    if not 0 < left < len(order):
        return False
    return amount * weights[order[left - 1]] % total == amount * weights[order[left]] % total


def _by_remainder(amount: int, weights: list[int]) -> list[int]:
    total = sum(weights)
    return sorted(range(len(weights)), key=lambda index: -(amount * weights[index] % total))
