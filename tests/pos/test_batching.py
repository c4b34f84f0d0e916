"""Sales to consumers in batches: each in exactly one, none handed in after its time, the same for any order."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invoices.irn import LAGOS
from pos.batching import Batch, BatchRule, ConsumerSale, Place, batches_of

DAILY = BatchRule(is_batched=True, hours=Decimal(24), single_above=Decimal(50_000))
NOON = datetime(2026, 11, 20, 12, tzinfo=LAGOS)


def sale(
    name: str, sold_at: datetime = NOON, total: str = "1000", *, location: str = "Yaba", **facts: str
) -> ConsumerSale:
    return ConsumerSale(1, location, name, sold_at, facts.get("currency", "NGN"), Decimal(total))


def at(hour: int, minute: int = 0, day: int = 20) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=LAGOS)


def names(batches: list[Batch]) -> list[list[str]]:
    return [[each.external_id for each in batch.sales] for batch in batches]


def test_a_shops_day_is_one_batch_that_closes_at_midnight_and_is_due_a_day_after_its_first_sale() -> None:
    [batch] = batches_of([sale("b", at(18)), sale("a", at(9))], DAILY)
    assert [each.external_id for each in batch.sales] == ["a", "b"]
    assert (batch.closes_at, batch.due_at) == (at(0, day=21), at(9, day=21))
    assert sum(each.total for each in batch.sales) == Decimal(2000)
    assert not batch.is_complete(at(23, 59))
    assert batch.is_complete(at(0, day=21))


def test_a_sale_just_after_midnight_closes_its_batch_early_and_the_evening_is_a_second_one() -> None:
    found = batches_of([sale("night", at(0, 5)), sale("noon"), sale("late", at(23, 30))], DAILY)
    assert names(found) == [["night", "noon"], ["late"]]
    assert [batch.sequence for batch in found] == [1, 2]
    assert found[0].closes_at == at(23, 5)
    assert found[0].due_at == at(0, 5, day=21)


def test_shops_currencies_and_days_are_never_mixed() -> None:
    sales = [sale("a"), sale("b", location="Ikeja"), sale("c", currency="USD"), sale("d", at(12, day=21))]
    assert sorted(names(batches_of(sales, DAILY))) == [["a"], ["b"], ["c"], ["d"]]


def test_the_day_is_nigerias_whatever_the_tills_clock_says() -> None:
    [batch] = batches_of([sale("a", datetime(2026, 11, 20, 23, 30, tzinfo=UTC))], DAILY)
    assert batch.place == Place(1, "Yaba", date(2026, 11, 21), "NGN")


def test_a_large_sale_goes_alone_and_at_once() -> None:
    found = batches_of([sale("small"), sale("at the limit", total="50000"), sale("large", total="50000.01")], DAILY)
    [large] = [batch for batch in found if batch.sales[0].external_id == "large"]
    assert len(large.sales) == 1
    assert large.is_complete(NOON)
    assert [each for each in found if each.is_complete(NOON)] == [large]


def test_without_batches_each_sale_goes_alone_and_at_once() -> None:
    found = batches_of([sale("a"), sale("b")], BatchRule(is_batched=False, hours=Decimal(24)))
    assert names(found) == [["a"], ["b"]]
    assert all(batch.is_complete(NOON) for batch in found)


def test_a_full_batch_is_complete_at_once_and_the_next_one_begins() -> None:
    rule = BatchRule(is_batched=True, hours=Decimal(24), most=2)
    found = batches_of([sale("a"), sale("b"), sale("c")], rule)
    assert names(found) == [["a", "b"], ["c"]]
    assert [batch.is_complete(NOON) for batch in found] == [True, False]


def test_a_sale_that_arrives_late_gets_a_number_of_its_own() -> None:
    [first] = batches_of([sale("a")], DAILY)
    taken = {each.key for each in first.sales}
    [late] = batches_of([sale("a"), sale("late", at(9))], DAILY, taken=taken, used={first.place: first.sequence})
    assert (names([late]), late.sequence) == ([["late"]], 2)


def test_of_a_sale_given_twice_the_later_counts() -> None:
    [batch] = batches_of([sale("a"), sale("a", total="7")], DAILY)
    assert [each.total for each in batch.sales] == [Decimal(7)]


@pytest.mark.parametrize("facts", [{"most": 0}, {"margin": timedelta(hours=24)}, {"margin": timedelta(hours=-1)}])
def test_a_rule_that_leaves_no_time_or_no_room_is_refused(facts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="one sale at least"):
        BatchRule(is_batched=True, hours=Decimal(24), **facts)  # type: ignore[arg-type]


moments = st.datetimes(datetime(2026, 11, 18), datetime(2026, 11, 23), timezones=st.just(UTC))  # noqa: DTZ001
sales_made = st.lists(
    st.builds(
        ConsumerSale,
        st.integers(1, 2),
        st.sampled_from(["Yaba", "Ikeja"]),
        st.text("0123456789", min_size=1, max_size=2),
        moments,
        st.sampled_from(["NGN", "USD"]),
        st.decimals(min_value="0.01", max_value="90000", places=2),
    ),
    unique_by=lambda each: each.key,
    max_size=40,
)
rules = st.builds(
    BatchRule,
    is_batched=st.booleans(),
    hours=st.sampled_from([Decimal(24), Decimal(12), Decimal("1.5")]),
    single_above=st.one_of(st.none(), st.just(Decimal(50_000))),
    most=st.integers(1, 6),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(sales_made, rules, st.randoms(use_true_random=False))
def test_every_sale_is_in_exactly_one_batch_in_time_whatever_their_order(sales: list, rule: BatchRule, chance) -> None:  # type: ignore[no-untyped-def,type-arg]
    found = batches_of(sales, rule)
    assert Counter(each.key for batch in found for each in batch.sales) == Counter(each.key for each in sales)
    assert len({(batch.place, batch.sequence) for batch in found}) == len(found)
    for batch in found:
        assert {each.place for each in batch.sales} == {batch.place}
        assert batch.closes_at >= batch.sales[-1].sold_at
        assert batch.due_at == min(each.sold_at for each in batch.sales) + rule.whole
        assert batch.due_at - batch.closes_at >= rule.margin
        assert len(batch.sales) <= rule.most
    shuffled = list(sales)
    chance.shuffle(shuffled)
    assert batches_of(shuffled, rule) == found


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(sales_made, sales_made, rules, moments)
def test_what_was_handed_in_is_never_handed_in_again(
    sales: list[ConsumerSale], late: list[ConsumerSale], rule: BatchRule, now: datetime
) -> None:
    known = {each.key for each in sales}
    done = [each for each in batches_of(sales, rule) if each.is_complete(now)]
    taken = {each.key for batch in done for each in batch.sales}
    used: dict[Place, int] = {}
    for batch in done:
        used[batch.place] = max(used.get(batch.place, 0), batch.sequence)
    fresh = [each for each in late if each.key not in known]
    again = batches_of([*sales, *fresh], rule, taken=taken, used=used)
    assert not taken & {each.key for batch in again for each in batch.sales}
    numbers = [(batch.place, batch.sequence) for batch in (*done, *again)]
    assert len(set(numbers)) == len(numbers)


def test_the_night_begins_where_nigerias_day_does() -> None:
    midnight = datetime.combine(date(2026, 11, 21), time(), tzinfo=LAGOS)
    before, after = batches_of([sale("a", midnight - timedelta(seconds=1)), sale("b", midnight)], DAILY)
    assert (before.place.day, after.place.day) == (date(2026, 11, 20), date(2026, 11, 21))
