from __future__ import annotations

from typing import Any

import pytest

from crm.hubspot.assembly import Parts, RawDeals, assemble
from integrations.base.errors import InvalidResponse
from tests.crm.test_mapping import context, raw_deal

NOTHING = Parts({}, {}, {})


@pytest.mark.parametrize("broken", [{}, {"properties": None}, {"properties": "text"}])
def test_a_deal_of_an_unexpected_form_is_set_aside_and_its_neighbours_are_read(broken: dict[str, Any]) -> None:
    deals = RawDeals(raws=[{**broken, "id": "13"}, raw_deal()])  # type: ignore[list-item]
    records, unreadable = assemble(deals, context(), NOTHING)
    assert [record.external_id for record in records] == ["901"]
    assert [(each.external_id, each.reason) for each in unreadable] == [
        ("13", "Deal 13 has a form that is not HubSpot's.")
    ]


@pytest.mark.parametrize("raw", [{"properties": {}}, {"id": ""}, "text", None])
def test_a_deal_without_an_id_makes_the_page_unusable(raw: Any) -> None:
    with pytest.raises(InvalidResponse, match="without an id"):
        RawDeals.from_inline([raw])
    with pytest.raises(InvalidResponse, match="without an id"):
        RawDeals.without_associations([raw])


def test_a_deal_whose_line_vanished_while_it_was_read_is_set_aside() -> None:
    deals = RawDeals(raws=[raw_deal()], lines={"901": ["71"]})  # type: ignore[list-item]
    records, unreadable = assemble(deals, context(), NOTHING)
    assert records == []
    assert "its line 71 was removed while it was read" in unreadable[0].reason
