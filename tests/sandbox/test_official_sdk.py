"""HubSpot's own client, unchanged but for its host: an independent judge of the sandbox."""

import pytest
from hubspot import HubSpot
from hubspot.crm.deals import BatchReadInputSimplePublicObjectId, PublicObjectSearchRequest, SimplePublicObjectId
from hubspot.crm.deals.exceptions import ApiException

from tests.sandbox.client import Client


@pytest.fixture
def sdk(sandbox: Client) -> HubSpot:
    """Return the official client with the service key, pointed at the sandbox."""
    return HubSpot(access_token="pat-sandbox", host=sandbox.base)


def test_it_pages_through_all_deals_and_sees_the_same_set(sandbox: Client, sdk: HubSpot) -> None:
    deals = sdk.crm.deals.get_all(properties=["dealname", "amount"], associations=["companies", "line_items"])
    assert [deal.id for deal in deals] == [entry["deal_id"] for entry in sandbox.control("expected")]
    assert all(deal.properties["hs_object_id"] == deal.id for deal in deals)
    lines = [deal.associations["line items"].results for deal in deals if "line items" in (deal.associations or {})]
    assert sum(map(len, lines)) == len(sdk.crm.line_items.get_all())


def test_it_sees_the_other_objects(sdk: HubSpot) -> None:
    assert len(sdk.crm.companies.get_all()) >= 50
    assert len(sdk.crm.contacts.get_all()) >= 50
    assert len(sdk.crm.owners.get_all()) == 3
    assert next(pipeline.id for pipeline in sdk.crm.pipelines.pipelines_api.get_all("deals").results) == "default"
    assert sdk.crm.properties.core_api.get_by_name("deals", "amount").type == "number"


def test_its_batch_read_search_and_errors_work(sdk: HubSpot) -> None:
    first = sdk.crm.deals.basic_api.get_page(limit=1).results[0].id
    inputs = [SimplePublicObjectId(id=first), SimplePublicObjectId(id="999")]
    batch = BatchReadInputSimplePublicObjectId(inputs=inputs, properties=["dealname"], properties_with_history=[])
    read = sdk.crm.deals.batch_api.read(batch)
    assert (read.num_errors, [deal.id for deal in read.results]) == (1, [first])
    found = sdk.crm.deals.search_api.do_search(PublicObjectSearchRequest(limit=5, sorts=["-amount"]))
    assert (found.total, len(found.results), found.paging.next.after) == (250, 5, "5")
    with pytest.raises(ApiException) as refusal:
        sdk.crm.deals.basic_api.get_by_id("999")
    assert refusal.value.status == 404
