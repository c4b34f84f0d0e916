"""A buyer's facts, as a person fills them in."""

from __future__ import annotations

import pytest

from invoices.buyer_form import LABELS, BuyerForm

FACTS = {
    "name": "Agbaje Trading", "tin": "99999999-0003", "email": "bills@buyer.example", "street": "3 Invented Close",
    "city": "Yaba", "postal_zone": "101212", "country": "NG",
}  # fmt: skip


def test_every_fact_can_be_asked_for_and_the_country_is_chosen_by_its_name() -> None:
    shown = BuyerForm(missing=list(LABELS)).as_p()
    assert '<option value="NG" selected>Nigeria</option>' in shown
    assert BuyerForm(FACTS, missing=list(LABELS)).is_valid()


@pytest.mark.parametrize(("name", "text"), [("tin", "12"), ("email", "bills"), ("name", "A"), ("country", "XX")])
def test_what_the_authority_would_refuse_is_refused_with_a_sentence(name: str, text: str) -> None:
    form = BuyerForm({**FACTS, name: text}, missing=list(LABELS))
    assert list(form.errors) == [name]
    assert all(sentence.endswith(".") for sentence in form.errors[name])
