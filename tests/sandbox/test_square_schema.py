"""The sandbox's answers held against Square's own published description.

The description is not part of this repository: SQUARE_OPENAPI, or a file beside the checkout, says where it is.
"""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.sandbox.client import Client
from tests.sandbox.square_client import LARGE, SHOP, SMALL, SquareClient

BESIDE = Path(__file__).parents[3] / "shared" / "specs" / "square_openapi_subset.json"
SPEC = Path(os.environ.get("SQUARE_OPENAPI") or BESIDE)

pytestmark = pytest.mark.skipif(
    not SPEC.is_file(), reason=f"Square's OpenAPI description is not at {SPEC}; SQUARE_OPENAPI can name it."
)


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    return json.loads(SPEC.read_text())["components"]["schemas"]


def strict(schema: Any) -> Any:
    """Return the schema as JSON Schema in which an object has no member beyond those described."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: strict(value) for name, value in schema.items() if name not in ("example", "examples")}
    if isinstance(inner.get("properties"), dict) and "type" in schema:
        inner.setdefault("additionalProperties", False)
    return inner


class Judge:
    """Validates answers against the schemas by name."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self.components = {"schemas": strict(schemas)}

    def check(self, name: str, answer: dict[str, Any]) -> None:
        """Assert that an answer is as described."""
        schema = {"$ref": f"#/components/schemas/{name}", "components": self.components}
        problems = [f"{each.instance_path}: {each.message}" for each in _errors(schema, answer)]
        assert not problems, problems[:5]


def _errors(schema: dict[str, Any], answer: dict[str, Any]) -> list[Any]:
    return list(jsonschema_rs.validator_for(schema).iter_errors(answer))


@pytest.fixture(scope="module")
def judge(schemas: dict[str, Any]) -> Judge:
    return Judge(schemas)


def test_the_judge_refuses_what_is_not_described(judge: Judge) -> None:
    judge.check("Money", {"amount": 5, "currency": "NGN"})
    with pytest.raises(AssertionError):
        judge.check("Money", {"amount": "5", "currency": "NGN"})
    with pytest.raises(AssertionError):
        judge.check("Money", {"amount": 5, "currency": "NGN", "kobo": 1})


def test_every_kind_of_sale_and_refund_is_as_described(sandbox: Client, judge: Judge) -> None:
    square = SquareClient(sandbox)
    orders = [square.ring_up(variant=name)["id"] for name in sandbox.control("square/variants")]
    orders += [square.ring_up(offline_at="2026-01-05T10:00:00Z", customer_id="CMANGOROW0001", note="Ọjà")["id"]]
    exchange = square.ring_up(variant="tip", return_of={"order_id": orders[0]})
    amount = sandbox.control("square/refunds", {"order_id": orders[1], "amount": 1000})
    whole = sandbox.control("square/refunds", {"order_id": orders[2]})
    unlinked = sandbox.control("square/refunds/unlinked", {"location_id": SHOP, "amount": 5000})
    back = [each["id"] for each in (exchange, amount, whole, unlinked)]
    assert len(orders) > 15
    judge.check("BatchRetrieveOrdersResponse", square.ask("orders/batch-retrieve", {"order_ids": orders + back}))
    judge.check("SearchOrdersResponse", square.ask("orders/search", {"location_ids": [SHOP], "limit": 3}))
    entries = square.ask("orders/search", {"location_ids": [SHOP], "return_entries": True})
    assert len(entries["order_entries"]) == len(orders + back)
    judge.check("SearchOrdersResponse", entries)
    judge.check("ListPaymentsResponse", square.read("payments"))
    judge.check("ListPaymentRefundsResponse", square.read("refunds"))
    judge.check("RetrieveOrderResponse", square.read(f"orders/{orders[0]}"))
    judge.check("GetPaymentResponse", square.read(f"payments/{square.read('payments')['payments'][0]['id']}"))
    judge.check("GetPaymentRefundResponse", square.read(f"refunds/{square.read('refunds')['refunds'][0]['id']}"))


def test_shops_people_and_the_price_list_are_as_described(sandbox: Client, judge: Judge) -> None:
    token = sandbox.control("square/connect", {"merchant_id": LARGE})
    judge.check("ObtainTokenResponse", token)
    square = SquareClient(sandbox, token["access_token"])
    judge.check("RetrieveTokenStatusResponse", square.call("POST", "/oauth2/token/status").json())
    judge.check("ListLocationsResponse", square.read("locations"))
    judge.check("RetrieveLocationResponse", square.read("locations/main"))
    judge.check("ListMerchantsResponse", square.read("merchants"))
    judge.check("RetrieveMerchantResponse", square.read("merchants/me"))
    judge.check("ListCustomersResponse", square.read("customers", limit=3))
    judge.check("SearchCustomersResponse", square.ask("customers/search", {"limit": 3, "count": True}))
    judge.check("RetrieveCustomerResponse", square.read("customers/CIROKOLANE0003"))
    judge.check("ListCatalogResponse", square.read("catalog/list"))
    judge.check("SearchCatalogObjectsResponse", square.ask("catalog/search", {"object_types": ["TAX"]}))
    ids = {"object_ids": ["VARIROKOLANERICE"], "include_related_objects": True}
    judge.check("BatchRetrieveCatalogObjectsResponse", square.ask("catalog/batch-retrieve", ids))


def test_subscriptions_are_as_described(sandbox: Client, judge: Judge) -> None:
    square = SquareClient(sandbox)
    judge.check("ListWebhookEventTypesResponse", square.read("webhooks/event-types"))
    given = {"name": "App", "notification_url": "http://127.0.0.1:9/hook", "event_types": ["payment.updated"]}
    made = square.ask("webhooks/subscriptions", {"subscription": given})
    judge.check("CreateWebhookSubscriptionResponse", made)
    judge.check("ListWebhookSubscriptionsResponse", square.read("webhooks/subscriptions"))
    path = f"webhooks/subscriptions/{made['subscription']['id']}"
    judge.check("UpdateWebhookSubscriptionSignatureKeyResponse", square.ask(f"{path}/signature-key", {}))
    judge.check("TestWebhookSubscriptionResponse", square.ask(f"{path}/test", {}))


def test_errors_are_as_described(sandbox: Client, judge: Judge, schemas: dict[str, Any]) -> None:
    square = SquareClient(sandbox)
    known = set(schemas["ErrorCode"]["enum"])
    for path in (f"/v2/orders/{SMALL}", "/v2/payments?sort_order=UP", "/v2/payments?cursor=x", "/v2/customers?limit=0"):
        answer = square.call("GET", path)
        assert answer.status_code in (400, 404)
        for error in answer.json()["errors"]:
            judge.check("Error", error)
            assert error["code"] in known
