"""People's words for countries and states become the authority's codes, or nothing."""

from __future__ import annotations

import pytest

from invoices.authority import codes


@pytest.mark.parametrize("text", ["Nigeria", "NGA", "ng", " NIGERIA ", "Federal Republic of Nigeria"])
def test_nigeria_is_known_however_it_is_written(text: str) -> None:
    assert codes.country_code(text) == "NG"


@pytest.mark.parametrize(
    ("text", "code"), [("Ghana", "GH"), ("Côte d'Ivoire", "CI"), ("Naija", ""), ("", ""), ("Niger", "NE")]
)
def test_a_country_is_found_or_not_guessed(text: str, code: str) -> None:
    assert codes.country_code(text) == code


@pytest.mark.parametrize("text", ["Lagos State", "lagos", "NG-LA", "LAGOS STATE", "ng-la"])
def test_lagos_is_known_however_it_is_written(text: str) -> None:
    assert codes.state_code(text) == "NG-LA"


@pytest.mark.parametrize(("text", "code"), [("FCT", "NG-FC"), ("Abuja", "NG-FC"), ("Texas", ""), ("", "")])
def test_a_state_is_found_or_not_guessed(text: str, code: str) -> None:
    assert codes.state_code(text) == code


def test_the_lists_answer_for_codes() -> None:
    assert codes.service_category("4330") == "Building completion and finishing"
    assert codes.service_category("9999") == ""
    assert codes.tax_category_name("EXEMPTED") == "Tax Exemption"
    assert codes.invoice_type_name("381") == "Commercial Invoice"
    assert ("30", "Credit Transfer") in codes.payment_means()
    assert codes.is_currency("NGN")
    assert not codes.is_currency("XXX")
