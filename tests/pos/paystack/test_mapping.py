"""A transaction is read as Paystack tells it, and one that cannot be read says which field it is."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos.paystack.mapping import FieldNames, Unmappable, to_payment

NAMES = FieldNames(("terminal_id", "terminal"), ("invoice", "irn"))


def transaction(**changes: Any) -> dict[str, Any]:
    return {
        "id": 4677002219, "status": "success", "reference": "T17", "amount": 1_075_050, "currency": "NGN",
        "created_at": "2026-11-20T10:42:03.000Z", "paid_at": "2026-11-20T10:42:20.000Z", "metadata": {},
    } | changes  # fmt: skip


def test_an_amount_in_kobo_is_read_in_naira_and_exactly() -> None:
    payment = to_payment(transaction(), NAMES)
    assert (payment.amount, payment.currency, payment.state) == (Decimal("10750.50"), "NGN", "succeeded")
    assert payment.paid_at == datetime(2026, 11, 20, 10, 42, 20, tzinfo=UTC)
    assert (payment.external_id, payment.reference, payment.named) == ("4677002219", "T17", ())
    assert payment.refunded_amount is None


@pytest.mark.parametrize(
    ("metadata", "terminal", "named"),
    [
        ({"terminal_id": "2TPT", "invoice": "INV0000012"}, "2TPT", ("INV0000012",)),
        ('{"terminal": "B7", "irn": "INV0000012-ABCD1234-20261120"}', "B7", ("INV0000012-ABCD1234-20261120",)),
        ({"custom_fields": [{"variable_name": "invoice", "value": 12}]}, "", ("12",)),
        ({"invoice": "T17"}, "", ("T17",)),
        ({"invoice": {"id": 3}, "terminal_id": True}, "", ()),
        ("", "", ()),
        ("no JSON", "", ()),
        (0, "", ()),
        (None, "", ()),
        ([], "", ()),
    ],
)
def test_metadata_in_any_shape_tells_the_terminal_and_the_invoice_or_nothing(
    metadata: Any, terminal: str, named: tuple[str, ...]
) -> None:
    payment = to_payment(transaction(metadata=metadata), NAMES)
    assert (payment.terminal_id, payment.named) == (terminal, named)


@pytest.mark.parametrize(
    ("told", "state"),
    [("success", "succeeded"), ("reversed", "reversed"), ("abandoned", "failed"), ("ongoing", "pending")],
)
def test_each_status_has_a_state(told: str, state: str) -> None:
    assert to_payment(transaction(status=told), NAMES).state == state


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "new-word"}, "new-word"),
        ({"status": None}, "None"),
        ({"amount": 10.5}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": -5}, "amount"),
        ({"amount": "٣"}, "amount"),
        ({"amount": None}, "amount"),
        ({"currency": "naira"}, "currency"),
        ({"currency": None}, "currency"),
        ({"paid_at": None}, "paid_at"),
        ({"paid_at": "2026-11-20T10:42:20"}, "paid_at"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"created_at": None}, "created_at"),
        ({"id": None}, "id"),
        ({"id": True}, "id"),
    ],
)
def test_what_cannot_be_read_is_named_and_nothing_is_invented(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Unmappable, match=field):
        to_payment(transaction(**changes), NAMES)


def test_only_refunds_that_went_through_count_and_in_the_currency_of_the_payment() -> None:
    refunds = [
        {"status": "processed", "amount": 100_000, "currency": "NGN"},
        {"status": "processed", "amount": "50", "currency": "NGN"},
        {"status": "pending", "amount": 70_000, "currency": "NGN"},
    ]
    assert to_payment(transaction(), NAMES, refunds).refunded_amount == Decimal("1000.50")
    assert to_payment(transaction(), NAMES, []).refunded_amount == 0
    with pytest.raises(Unmappable, match="More of it"):
        to_payment(transaction(amount=99_999), NAMES, refunds)
    with pytest.raises(Unmappable, match="another currency"):
        to_payment(transaction(), NAMES, [{"status": "processed", "amount": 1, "currency": "USD"}])


TEXTS = st.text('a1٣\x00 {}"-TZ:', max_size=12)


@given(
    st.dictionaries(
        st.sampled_from(["id", "status", "reference", "amount", "currency", "created_at", "paid_at", "metadata"]),
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.lists(TEXTS, max_size=2),
            st.dictionaries(st.sampled_from(["invoice", "terminal_id", "custom_fields"]), TEXTS | st.integers()),
        ),
    )
)  # fmt: skip
def test_no_answer_breaks_the_reader(changes: dict[str, Any]) -> None:
    try:
        payment = to_payment(transaction(**changes), NAMES)
    except Unmappable:
        return
    assert payment.amount >= 0
    assert "\x00" not in payment.reference + payment.terminal_id + "".join(payment.named)
