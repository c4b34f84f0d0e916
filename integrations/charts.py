"""Small charts as the points of an SVG, so that a page needs no script to show how an hour went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 240, 48


@dataclass(frozen=True, slots=True)
class Chart:
    """One line over the minutes; `lines` are its unbroken pieces, and where nothing is known there is none."""

    title: str
    unit: str
    lines: tuple[str, ...]
    most: int
    last: int | None


def chart(title: str, values: Sequence[int | None], unit: str = "") -> Chart:
    """Draw values from left to right, the highest at the top; None leaves a gap."""
    known = [value for value in values if value is not None]
    most = max(known, default=0)
    step = WIDTH / max(1, len(values) - 1)
    pieces: list[list[str]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            pieces.append([])
        else:
            height = HEIGHT - 2 - (HEIGHT - 4) * value / (most or 1)
            pieces[-1].append(f"{number * step:.1f},{height:.1f}")
    lines = tuple(" ".join(piece if len(piece) > 1 else piece * 2) for piece in pieces if piece)
    return Chart(title, unit, lines, most, known[-1] if known else None)
