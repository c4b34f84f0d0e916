"""The identity of the reconciliation."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.reconciling import BY_STATUS, Cause, Compared, Paper, Source, compare

ASKED = Decimal("1075.00")


def source(asked: str | None = "1075.00") -> Source:
    return Source(1, "deal", "901", "A deal", "NGN", None if asked is None else Decimal(asked))


def paper(status: str = "signed", payable: str | None = "1075.00", **facts: object) -> Paper:
    registered = status in ("signed", "transmitted", "delivered", "credited")
    whole = {"is_credit": False, "is_registered": registered, "is_there": True if registered else None, **facts}
    return Paper(pk=1, status=status, payable=None if payable is None else Decimal(payable), **whole)  # type: ignore[arg-type]


def told(compared: Compared) -> dict[Cause, Decimal]:
    assert compared.adds_up
    return {each.cause: each.amount for each in compared.differences}


@pytest.mark.parametrize(
    ("asked", "papers", "causes"),
    [
        ("1075.00", [paper()], {}),
        ("1075.00", [], {Cause.NOT_INVOICED: ASKED}),
        ("0", [paper()], {Cause.NOT_DUE: -ASKED}),
        ("1000.00", [paper()], {Cause.CHANGED: Decimal("-75.00")}),
        ("1075.00", [paper("voided")], {Cause.VOIDED: ASKED}),
        ("1075.00", [paper("draft")], {Cause.HELD: ASKED}),
        ("1075.00", [paper("ready")], {Cause.WAITING: ASKED}),
        ("1075.00", [paper("unknown")], {Cause.UNKNOWN: ASKED}),
        ("1075.00", [paper("rejected")], {Cause.REJECTED: ASKED}),
        ("1075.00", [paper("config_error")], {Cause.KEYS: ASKED}),
        ("1075.00", [paper(is_there=False)], {Cause.ABSENT: ASKED}),
        ("1075.00", [paper(is_there=None)], {Cause.NOT_ASKED: ASKED}),
        ("1075.00", [paper(held_there=Decimal(1000))], {Cause.DIFFERS: Decimal("75.00")}),
        (None, [paper("draft", None)], {Cause.HELD: Decimal(0)}),
        ("500.00", [paper(), paper(is_credit=True, payable="575.00")], {}),
        ("0", [paper("credited"), paper(is_credit=True)], {}),
        ("1075.00", [paper(), paper()], {Cause.DUPLICATE: -ASKED}),
        ("1075.00", [paper(), paper("draft", None)], {Cause.HELD: Decimal(0)}),
        ("2150.00", [paper(), paper(part="2")], {}),
        ("1000.00", [paper(), paper(part="2", payable="25.00")], {Cause.CHANGED: Decimal("-100.00")}),
        ("1075.00", [paper(), paper(is_note=True, payable="75.00")], {Cause.CHANGED: Decimal("-75.00")}),
        ("1075.00", [paper(is_credit=True, payable="75.00"), paper()], {Cause.CHANGED: Decimal("75.00")}),
    ],
)
def test_each_difference_has_its_cause(asked: str | None, papers: list[Paper], causes: dict[Cause, Decimal]) -> None:
    assert told(compare(source(asked), papers)) == causes


def test_what_cannot_be_read_is_named_beside_whatever_was_invoiced_before() -> None:
    unread = Source(1, "deal", "901", "A deal", "", None, problem="Its amount is no number.")
    for papers, acknowledged in (([], Decimal(0)), ([paper()], ASKED)):
        compared = compare(unread, papers)
        assert compared.adds_up
        assert compared.acknowledged == acknowledged
        [found] = compared.differences
        assert (found.cause, found.amount, found.is_known) == (Cause.UNREADABLE, Decimal(0), False)


def test_a_held_draft_without_an_amount_is_known_to_be_unknown() -> None:
    [found] = compare(source(None), [paper("draft", None)]).differences
    assert not found.is_known


STATUSES = ["draft", "ready", "approved", "submitting", "unknown", "rejected", "config_error", "signed", "credited"]
amounts = st.one_of(st.none(), st.decimals(min_value=0, max_value=10**9, places=2))
papers = st.builds(
    lambda status, payable, credit, there, held, part, is_note: paper(
        status, None if payable is None else str(payable), is_credit=credit, part=part, is_note=is_note,
        **({"is_there": there, "held_there": held} if status in ("signed", "credited") else {}),
    ),
    st.sampled_from([*STATUSES, "voided"]), amounts, st.booleans(), st.sampled_from([True, False, None]), amounts,
    st.sampled_from(["1", "2"]), st.booleans(),
)  # fmt: skip


@given(amounts, st.lists(papers, max_size=6))
def test_asked_is_acknowledged_and_the_differences_to_the_kobo(asked: Decimal | None, made: list[Paper]) -> None:
    compared = compare(source(None if asked is None else str(asked)), made)
    assert compared.adds_up
    there = [each for each in made if each.is_registered and each.is_there]
    amounts_there = ((each.payable if each.held_there is None else each.held_there) or Decimal(0) for each in there)
    assert compared.acknowledged == sum(
        -amount if each.is_credit else amount for each, amount in zip(there, amounts_there, strict=True)
    )
    if asked is not None:
        assert compared.asked == asked
    assert all(each.amount or not each.is_known or each.cause in LISTED_AT_NOTHING for each in compared.differences)


LISTED_AT_NOTHING = {*BY_STATUS.values(), Cause.NOT_ASKED, Cause.ABSENT}  # a paper over nothing is still a paper


@given(st.lists(st.tuples(amounts, st.lists(papers, max_size=4)), max_size=8))
def test_the_sum_of_many_sources_adds_up_too(world: list[tuple[Decimal | None, list[Paper]]]) -> None:
    compared = [compare(source(None if asked is None else str(asked)), made) for asked, made in world]
    open_sum = sum((each.amount for one in compared for each in one.differences), Decimal(0))
    assert sum(one.asked for one in compared) == sum(one.acknowledged for one in compared) + open_sum
