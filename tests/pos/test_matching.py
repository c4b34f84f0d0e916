"""The laws of matching payments to invoices: never beyond what is left, the same in any order, nothing guessed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos.matching import Candidate, Match, NoMatch, Payment, decide

DAY = date(2026, 11, 20)
INVOICE = Candidate(1, "INV0000001", "INV0000001-C41D9D42-20261120", "NGN", Decimal(5000), Decimal(5000), DAY)
PAYMENT = Payment(Decimal(5000), "NGN", DAY)


def another(number: int, **changes: object) -> Candidate:
    name = f"INV{number:07}"
    return replace(INVOICE, invoice_id=number, number=name, irn=f"{name}-C41D9D42-20261120", **changes)  # type: ignore[arg-type]


def matched(payment: Payment, *candidates: Candidate, rivals: int = 0) -> int | None:
    found = decide(payment, candidates, 3, rivals)
    assert found.reason
    return found.invoice_id if isinstance(found, Match) else None


@pytest.mark.parametrize("word", ["INV0000001", "inv0000001", "INV0000001-C41D9D42-20261120"])
def test_the_invoice_that_it_names_is_paid_in_full_or_in_part(word: str) -> None:
    for payment in (replace(PAYMENT, named=(word,)), replace(PAYMENT, reference=word)):
        assert matched(payment, INVOICE, another(2)) == 1
        assert matched(replace(payment, amount=Decimal("0.01")), INVOICE) == 1


def test_what_it_names_goes_before_what_its_amount_fits() -> None:
    assert matched(replace(PAYMENT, named=("INV0000002",)), INVOICE, another(2, room=Decimal(4000))) is None
    assert (
        matched(replace(PAYMENT, named=("INV0000002",)), INVOICE, another(2, payable=Decimal(9000), room=Decimal(9000)))
        == 2
    )
    assert matched(replace(PAYMENT, named=("INV0000009",)), INVOICE) is None


def test_a_reference_of_the_providers_own_names_nothing_and_keeps_nothing_from_its_amount() -> None:
    assert matched(replace(PAYMENT, reference="T17342"), INVOICE) == 1


@pytest.mark.parametrize(
    "invoice",
    [
        another(1, currency="USD"),
        another(1, room=Decimal("4999.99")),
        another(1, is_open=False),
    ],
)
def test_a_named_invoice_that_it_cannot_pay_is_not_paid(invoice: Candidate) -> None:
    assert matched(replace(PAYMENT, named=("INV0000001",)), invoice, another(2)) is None


@pytest.mark.parametrize(
    "invoice",
    [
        another(1, currency="USD"),
        another(1, payable=Decimal("5000.01"), room=Decimal("5000.01")),
        another(1, payable=Decimal(6000)),
        another(1, is_open=False),
        another(1, issue_date=DAY - timedelta(days=4)),
        another(1, issue_date=DAY + timedelta(days=4)),
    ],
)
def test_by_its_amount_it_pays_only_what_is_unpaid_exact_and_near(invoice: Candidate) -> None:
    assert matched(PAYMENT, invoice) is None
    assert matched(PAYMENT, invoice, another(2)) == 2


def test_where_two_would_do_people_choose() -> None:
    assert matched(PAYMENT, INVOICE, another(2)) is None
    assert matched(PAYMENT, INVOICE, rivals=1) is None
    assert matched(replace(PAYMENT, named=("INV0000001", "INV0000002")), INVOICE, another(2)) is None


def test_what_was_given_back_pays_nothing_and_a_rest_pays_only_what_it_names() -> None:
    assert matched(replace(PAYMENT, amount=Decimal(0), named=("INV0000001",)), INVOICE) is None
    rest = replace(PAYMENT, is_whole=False)
    assert matched(rest, INVOICE) is None
    assert matched(replace(rest, named=("INV0000001",)), INVOICE) == 1


AMOUNTS = st.sampled_from([Decimal(n) for n in (0, 1, 2, 3, 5000)])
DAYS = st.sampled_from([DAY + timedelta(days=n) for n in (-4, 0, 3)])
CURRENCIES = st.sampled_from(["NGN", "USD"])
NAMES = st.sampled_from(["INV0000001", "INV0000002", "inv0000003", "INV0000009", ""])
INVOICES = st.lists(
    st.builds(
        another, st.integers(1, 6), payable=AMOUNTS, currency=CURRENCIES, issue_date=DAYS, is_open=st.booleans()
    ).map(lambda each: replace(each, room=each.payable)),
    max_size=6,
    unique_by=lambda each: each.invoice_id,
)
PAYMENTS = st.builds(
    Payment,
    amount=AMOUNTS,
    currency=CURRENCIES,
    paid_on=DAYS,
    named=st.lists(NAMES.filter(bool), max_size=2).map(tuple),
    reference=NAMES,
    is_whole=st.booleans(),
)


@given(PAYMENTS, INVOICES, st.randoms(), st.integers(0, 1))
def test_the_order_of_the_invoices_changes_nothing(
    payment: Payment, invoices: list[Candidate], chance: object, rivals: int
) -> None:
    mixed = list(invoices)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert decide(payment, invoices, 3, rivals) == decide(payment, mixed, 3, rivals)


@given(st.lists(PAYMENTS, max_size=12), INVOICES)
def test_however_many_payments_come_no_invoice_is_paid_beyond_what_is_left_of_it(
    payments: list[Payment], invoices: list[Candidate]
) -> None:
    by_id = {each.invoice_id: each for each in invoices}
    for payment in payments:
        found = decide(payment, list(by_id.values()), 3)
        if isinstance(found, NoMatch):
            continue
        invoice = by_id[found.invoice_id]
        assert payment.amount <= invoice.room
        assert (payment.currency, invoice.is_open) == (invoice.currency, True)
        if found.how == "amount":
            assert payment.amount == invoice.payable == invoice.room
            assert not payment.named
        by_id[found.invoice_id] = replace(invoice, room=invoice.room - payment.amount)
    assert all(0 <= each.room <= each.payable for each in by_id.values())
