"""Comparing a day from the till to the authority: whatever the figures, they and the named differences add up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos.closing import Compared, Document, Item, Step, compare
from pos.sums import Sum

MONEY = st.decimals(min_value=0, max_value=10**9, places=2, allow_nan=False, allow_infinity=False)
DOCUMENTS = ["1", "2", "3"]


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    """Return sales of every sort: missing on either side, with and without a document, with parts that are none."""
    count = draw(st.integers(0, 12))
    return [
        Item(
            external_id=f"s{number}",
            till=draw(st.none() | MONEY),
            stored=draw(st.none() | MONEY),
            document=draw(st.sampled_from(["", *DOCUMENTS])),
            on_document=draw(MONEY),
            parts=draw(st.dictionaries(st.sampled_from(["gift cards", "rounding of cash"]), MONEY, max_size=2)),
            why="because",
        )
        for number in range(count)
    ]


@given(items(), st.lists(st.tuples(st.none() | MONEY, st.booleans()), min_size=3, max_size=3))
def test_the_till_less_every_named_difference_is_what_is_reported(
    sold: list[Item], drawn: list[tuple[Decimal | None, bool]]
) -> None:
    documents = [Document(name, *facts, label=name) for name, facts in zip(DOCUMENTS, drawn, strict=True)]
    found = compare(sold, documents)
    assert found.till.amount - found.named_amount == found.reported.amount
    steps = {step: sum(each.sum.amount for each in found.named if each.step == step) for step in Step}
    assert found.till.amount - steps[Step.STORED] == found.stored.amount
    assert found.stored.amount - steps[Step.INVOICED] == found.invoiced.amount
    assert found.invoiced.amount - steps[Step.REPORTED] == found.reported.amount


def told(found: Compared) -> list[tuple[str, str, Decimal, bool]]:
    return [(each.step.value, each.what, each.sum.amount, each.is_settled) for each in found.named]


TEN = Decimal(10)


def made_out(amount: Decimal | None, *, is_reported: bool) -> Document:
    return Document("1", amount, is_reported, label="1")


SIGNED = made_out(TEN, is_reported=True)


def test_a_day_on_which_all_is_equal_is_closed() -> None:
    found = compare([Item("a", TEN, TEN, "1", TEN)], [SIGNED])
    assert (found.named, found.is_closed) == ([], True)
    assert found.till == found.stored == found.invoiced == found.reported == Sum(1, TEN)


@pytest.mark.parametrize(
    ("item", "document", "expected"),
    [
        (Item("a", TEN, None), SIGNED, ("stored", "a", TEN, False)),
        (Item("a", None, TEN, "1", TEN), SIGNED, ("stored", "a", -TEN, False)),
        (Item("a", Decimal(12), TEN, "1", TEN), SIGNED, ("stored", "a", Decimal(2), False)),
        (Item("a", TEN, TEN, why="held"), SIGNED, ("invoiced", "a", TEN, False)),
        (
            Item("a", Decimal(15), Decimal(15), "1", TEN, {"gift cards": Decimal(5)}),
            SIGNED,
            ("invoiced", "gift cards", Decimal(5), True),
        ),
        (Item("a", Decimal(15), Decimal(15), "1", TEN), SIGNED, ("invoiced", "a", Decimal(5), False)),
        (
            Item("a", TEN, TEN, "1", TEN),
            made_out(Decimal("10.01"), is_reported=True),
            ("invoiced", "Tax of the sum", Decimal("-0.01"), True),
        ),
        (
            Item("a", TEN, TEN, "1", TEN),
            made_out(Decimal("9.00"), is_reported=True),
            ("invoiced", "1", Decimal("1.00"), False),
        ),
        (Item("a", TEN, TEN, "1", TEN), made_out(TEN, is_reported=False), ("reported", "1", TEN, False)),
        (Item("a", TEN, TEN, "1", TEN), made_out(None, is_reported=False), ("reported", "1", TEN, False)),
    ],
)  # fmt: skip
def test_each_sort_of_difference_is_named_where_it_is(
    item: Item, document: Document, expected: tuple[str, str, Decimal, bool]
) -> None:
    found = compare([item], [document])
    assert told(found) == [expected]
    assert found.is_closed == expected[3]
