"""By when, how near, and what is pressing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from invoices.deadlines import OWN_TARGET, deadline_of, step_of, time_left_words, urgency
from tests.invoices.making import LAW

KNOWN = datetime(2026, 11, 20, 9, tzinfo=UTC)
SUPPLIED = date(2026, 11, 20)


def deadline(kind: str = "B2C", payable: str = "50000.01", **changes: object) -> object:
    facts = {"supplied": SUPPLIED, "supplied_at": None, "known_since": KNOWN, "law": LAW, "target_hours": 24}
    return deadline_of(kind=kind, payable=Decimal(payable), **{**facts, **changes})  # type: ignore[arg-type]


def test_a_large_consumer_receipt_has_a_day_from_the_first_minute_of_its_supply() -> None:
    found = deadline()
    assert (found.at, found.rule) == (datetime(2026, 11, 20, 23, tzinfo=UTC), "b2c-report-hours")  # type: ignore[attr-defined]


def test_where_the_instant_of_the_sale_is_known_the_hours_run_from_it() -> None:
    sold_at = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    assert deadline(supplied_at=sold_at).at == sold_at + timedelta(hours=24)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("kind", "payable"), [("B2B", "1e6"), ("B2G", "1e6"), ("B2C", "50000")])
def test_where_the_law_names_no_hours_the_own_target_counts(kind: str, payable: str) -> None:
    found = deadline(kind, payable)
    assert (found.at, found.rule) == (KNOWN + timedelta(hours=24), OWN_TARGET)  # type: ignore[attr-defined]
    assert deadline(kind, payable, target_hours=0) is None


def test_the_law_of_the_day_of_supply_counts() -> None:
    stricter = replace(LAW.rules[1], value=Decimal(12), since=date(2026, 11, 21))
    law = replace(LAW, rules=(*LAW.rules, stricter))
    assert deadline(law=law) == deadline()
    later = deadline(law=law, supplied=date(2026, 11, 21))
    assert later.at == datetime(2026, 11, 21, 11, tzinfo=UTC)  # type: ignore[attr-defined]


def test_a_consumer_sale_before_the_law_has_the_own_target() -> None:
    assert deadline(supplied=date(2025, 12, 31)).rule == OWN_TARGET  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("left", "step"),
    [(25, ""), (15, ""), (12, "half"), (5, "half"), (4, "soon"), (0.1, "soon"), (0, "late"), (-9, "late")],
)
def test_the_steps_come_one_after_the_other(left: float, step: str) -> None:
    end = KNOWN + timedelta(hours=24)
    assert step_of(end, KNOWN, end - timedelta(hours=left)) == step


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (0.5, "30 min left"),
        (18, "18 h left"),
        (47.9, "47 h left"),
        (72, "3 days left"),
        (-2, "2 h late"),
        (-49, "2 days late"),
    ],
)
def test_the_time_left_is_said_as_people_do(hours: float, words: str) -> None:
    assert time_left_words(KNOWN + timedelta(hours=hours), KNOWN) == words


def test_urgency_only_grows_as_time_goes_by() -> None:
    hours = [240, 48, 12, 1, 0, -1, -24, -240]
    found = [urgency(left) for left in hours]
    assert found == sorted(found)
    assert urgency(12) == 0.5
    assert urgency(0) == 1
