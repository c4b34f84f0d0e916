from __future__ import annotations

from typing import Any

import pytest

from crm.hubspot.assembly import Parts, PartyMemory, RawDeals, assemble
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


def raw_company(company_id: str) -> dict[str, Any]:
    return {"id": company_id, "properties": {"name": f"Company {company_id} Ltd"}, "updatedAt": "2026-11-20T10:00:00Z"}


def test_a_party_of_a_quarantined_deal_is_not_taken_for_stored() -> None:
    memory = PartyMemory()
    deals = RawDeals([raw_deal(amount="NaN")], companies={"901": [("51", True)]})  # type: ignore[list-item]
    records, unreadable = assemble(deals, context(), Parts({}, {"51": raw_company("51")}, {}), memory)
    assert (records, len(unreadable)) == ([], 1)
    assert memory.companies == set()


def test_a_deal_whose_company_is_neither_stored_nor_sent_is_set_aside_and_not_stored_without_a_buyer() -> None:
    deals = RawDeals([raw_deal()], companies={"901": [("51", True)]})  # type: ignore[list-item]
    records, unreadable = assemble(deals, context(), NOTHING)
    assert records == []
    assert "its company 51 was removed" in unreadable[0].reason
    again, _ = assemble(deals, context(), NOTHING, PartyMemory(companies={"51"}))
    assert [record.company_external_id for record in again] == ["51"]
