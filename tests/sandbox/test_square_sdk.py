"""Square's own client, unchanged but for its address: an independent judge of the sandbox."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from square import Square
from square.core.api_error import ApiError

from tests.sandbox.client import Client

APP = "sandbox-sq0idb-sandbox-client"
SECRET = "sandbox-sq0csb-sandbox-secret"
SHOP = "LMANGOROW001"


@pytest.fixture
def token(sandbox: Client) -> dict[str, Any]:
    return sandbox.control("square/connect", {})


@pytest.fixture
def sdk(sandbox: Client, token: dict[str, Any]) -> Iterator[Square]:
    with httpx.Client(trust_env=False) as client:
        yield Square(token=token["access_token"], base_url=sandbox.base, httpx_client=client)


def test_it_lists_merchants_and_shops(sandbox: Client, sdk: Square) -> None:
    assert [merchant.id for merchant in sdk.merchants.list()] == ["MLMANGOROW"]
    assert [shop.id for shop in sdk.locations.list().locations or []] == [SHOP]
    assert sdk.locations.get(location_id="main").location.currency == "NGN"


def test_its_pager_reads_every_payment_once(sandbox: Client, sdk: Square) -> None:
    sandbox.control("square/history", {"sales": 23})
    paid = [payment.id for payment in sdk.payments.list(limit=5, sort_field="UPDATED_AT", sort_order="ASC")]
    assert len(paid) == len(set(paid)) == 23
    assert sdk.payments.get(payment_id=paid[0]).payment.status == "COMPLETED"


def test_it_pages_through_a_search_and_reads_orders_with_their_refunds(sandbox: Client, sdk: Square) -> None:
    sandbox.control("square/history", {"sales": 23})
    query = {
        "filter": {"date_time_filter": {"updated_at": {"start_at": "2020-01-01T00:00:00Z"}}},
        "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},
    }
    found, cursor = [], None
    while True:
        page = sdk.orders.search(location_ids=[SHOP], query=query, limit=5, cursor=cursor)
        found += page.orders or []
        cursor = page.cursor
        if not cursor:
            break
    assert len({order.id for order in found}) == len(found) == 23
    assert [order.updated_at for order in found] == sorted(order.updated_at for order in found)
    back = sandbox.control("square/refunds", {"order_id": found[0].id})
    (refund,) = sdk.refunds.list()
    assert (refund.id, refund.order_id, refund.status) == (back["refund_ids"][0], back["id"], "COMPLETED")
    shown = sdk.orders.get(order_id=back["id"]).order
    assert shown.returns[0].source_order_id == found[0].id
    assert [order.id for order in sdk.orders.batch_get(order_ids=[found[1].id, "O0"]).orders] == [found[1].id]


def test_it_renews_and_revokes_a_token(sandbox: Client, sdk: Square, token: dict[str, Any]) -> None:
    renewed = sdk.o_auth.obtain_token(
        client_id=APP, client_secret=SECRET, grant_type="refresh_token", refresh_token=token["refresh_token"]
    )
    assert (renewed.merchant_id, renewed.refresh_token) == ("MLMANGOROW", token["refresh_token"])
    assert renewed.access_token != token["access_token"]
    assert "ORDERS_READ" in (sdk.o_auth.retrieve_token_status().scopes or [])
    header = {"additional_headers": {"Authorization": f"Client {SECRET}"}}
    assert sdk.o_auth.revoke_token(client_id=APP, merchant_id="MLMANGOROW", request_options=header).success
    with pytest.raises(ApiError) as refusal:
        sdk.locations.list()
    assert (refusal.value.status_code, refusal.value.errors[0].code) == (401, "ACCESS_TOKEN_REVOKED")
