"""How money, numbers and instants look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.templatetags.show import ago, badge, instant, money, quantity, web_address
from invoices.models import Status
from invoices.reasons import generic_label
from invoices.templatetags.invoice_status import MEANING, SHORT


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (Decimal("1234567.89"), "NGN", "₦1,234,567.89"),
        (Decimal(0), "NGN", "₦0.00"),
        (Decimal("-5"), "NGN", "−₦5.00"),
        (Decimal("1234.5000000000"), "USD", "USD 1,234.50"),
        (Decimal("-2"), "USD", "USD −2.00"),
        (Decimal("0.0050000000"), "NGN", "₦0.005"),
        (Decimal("12345678901234567890.1234567890"), "NGN", "₦12,345,678,901,234,567,890.123456789"),
        (Decimal("1E+25"), "NGN", "₦10,000,000,000,000,000,000,000,000.00"),
        (Decimal(7), "", "7.00"),
        (None, "NGN", "–"),
    ],
)
def test_money_is_shown_with_its_currency_and_never_rounded_away(
    amount: Decimal | None, currency: str, expected: str
) -> None:
    assert money(amount, currency) == expected


def test_a_quantity_loses_the_zeros_of_its_column() -> None:
    assert [quantity(Decimal(text)) for text in ("10.000000", "2.500000", "1200", "0.000001")] == [
        "10",
        "2.5",
        "1,200",
        "0.000001",
    ]


def test_an_instant_is_lagos_time_with_the_exact_one_behind_it() -> None:
    shown = instant(datetime(2026, 11, 22, 13, 5, 7, 123456, tzinfo=UTC))
    assert ">22 Nov 2026, 14:05</time>" in shown
    assert 'datetime="2026-11-22T13:05:07.123456+00:00"' in shown
    assert 'title="2026-11-22 13:05:07.123456 UTC"' in shown


def test_an_age_is_told_in_one_unit() -> None:
    assert ">just now</time>" in ago(timezone.now())
    assert ">3 hours ago</time>" in ago(timezone.now() - timedelta(hours=3, minutes=20))


def test_a_badge_always_has_its_word_and_escapes_it() -> None:
    assert "&lt;b&gt;" in badge("done", "<b>")


def test_every_status_of_an_invoice_has_a_meaning_and_a_word() -> None:
    assert set(MEANING) == set(SHORT) == set(Status)


@pytest.mark.parametrize("text", ["javascript:alert(1)", "data:text/html,x", "//evil.example", ""])
def test_only_addresses_of_the_web_become_links(text: str) -> None:
    assert web_address(text) == ""


@pytest.mark.parametrize(
    ("key", "label", "expected"),
    [
        ("lines.*.unit_price", "Line 2 has a negative price (−5.00)", "A line's price"),
        ("buyer.tin", "The buyer's TIN", "The buyer's TIN"),
        ("buyer.email", "The buyer's e-mail address (nobody is none)", "The buyer's e-mail address"),
        ("currency", "An amount in naira (it is in USD)", "An amount in naira"),
    ],
)
def test_a_reason_is_told_without_the_line_and_the_value(key: str, label: str, expected: str) -> None:
    assert generic_label(key, label) == expected
