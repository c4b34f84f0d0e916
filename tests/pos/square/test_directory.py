"""What sales point to at Square: goods are learnt with their SKU and category, businesses get invoices of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Organization, Role
from crm.services import activate
from integrations.models import Connection, EventStatus, RunStatus, WebhookEvent
from invoices.models import Invoice, Status
from invoices.services.ruling import save_draft
from pos.models import CatalogObject, Customer, Sale, SaleKey
from pos.services.directory import buyers_of, learn_goods, name_buyer
from pos.services.invoicing import invoice_due_sales
from pos.services.syncing import pos_connector, refresh_sales, sync_sales
from tests.factories import make_member, make_organization, make_user
from tests.invoices.making import make_business
from tests.pages.conftest import MODEL_BACKEND
from tests.pos.square.conftest import SMALL, Tills, connect
from tests.pos.square.test_notices import event, post, tell
from tests.sandbox_process import SandboxProcess

__all__ = ["post", "tell"]  # fixtures
pytestmark = pytest.mark.django_db
YAM: dict[str, Any] = {"lines": [{"ware": "YAM", "quantity": "1"}]}
KETTLE: dict[str, Any] = {"lines": [{"ware": "KETTLE", "quantity": "1"}]}
BUSINESS = "CMANGOROW0003"
FACTS = {
    "name": "Agbaje Trading 3", "tin": "99999999-0003", "email": "bills@buyer.example", "street": "3 Invented Close",
    "city": "Yaba", "postal_zone": "101212", "country": "NG",
}  # fmt: skip


@pytest.fixture
def selling(till: Connection, sandbox: SandboxProcess) -> Connection:
    """Return the till of a business that can issue invoices."""
    make_business(
        till.organization, sandbox.get("/_control/businesses")[0], hsn_code="2106.90", product_category="Food"
    )
    return till


def use_rules(till: Connection, content: dict[str, Any]) -> None:
    by = make_user()
    activate(rule_set=save_draft(organization=till.organization, content=content, by=by), by=by)


def change(tills: Tills, what: str, external_id: str, **body: Any) -> None:
    tills.sandbox.post(f"/_control/square/{what}", {"merchant_id": tills.seller, "id": external_id, **body})


def test_the_goods_of_a_sale_are_learnt_with_their_item_and_category(till: Connection, tills: Tills) -> None:
    refresh_sales(connection=till, sale_ids=[tills.ring_up(**KETTLE)["id"]])
    known = {each.kind: each for each in CatalogObject.objects.all()}
    assert (known["variation"].sku, known["item"].name, known["category"].name) == (
        "KETTLE", "Lagoonside kettle", "Household",
    )  # fmt: skip
    assert CatalogObject.objects.count() == 3, "what was not sold is not kept"


@pytest.mark.parametrize(
    ("property_", "like"), [("line.sku", "YAM"), ("line.category", "Grocer*"), ("line.item", "*yam")]
)
def test_a_rule_by_what_the_price_list_says_gives_untaxed_goods_their_category(
    selling: Connection, tills: Tills, property_: str, like: str
) -> None:
    refresh_sales(connection=selling, sale_ids=[tills.ring_up(**YAM)["id"]])
    assert [each.status for each in invoice_due_sales(connection=selling)] == [Status.DRAFT]
    case = {"property": property_, "like": like, "value": "ZERO_VAT"}
    use_rules(selling, {"lines": {"tax_category": {"cases": [case]}}})
    refresh_sales(connection=selling, sale_ids=[tills.ring_up(**YAM)["id"]])
    assert [each.status for each in invoice_due_sales(connection=selling)] == [Status.READY]
    made = Invoice.objects.order_by("-pk")[0]
    assert made.lines.get().sku == "YAM"
    assert made.snapshot["wares"]["VARMANGOROWYAM"]["category"] == "Groceries"


def test_a_full_read_learns_goods_and_businesses_and_keeps_no_person(till: Connection, tills: Tills) -> None:
    tills.ring_up(**KETTLE)
    sync_sales(connection=till)
    assert CatalogObject.objects.get(kind="variation").sku == "KETTLE"
    assert Customer.objects.count() == 10, "every third of thirty is a business"
    business = Customer.objects.get(external_id=BUSINESS)
    assert (business.name.endswith("Trading 3"), business.country, bool(business.city)) == (True, "NG", True)


def test_known_goods_are_asked_for_once_and_again_when_a_notice_says_that_they_changed(
    till: Connection, tills: Tills, tell: Callable[..., int]
) -> None:
    refresh_sales(connection=till, sale_ids=[tills.ring_up(**KETTLE)["id"]])
    change(tills, "goods", "VARMANGOROWKETTLE", facts={"sku": "KET-2"})
    refresh_sales(connection=till, sale_ids=[tills.ring_up(**KETTLE)["id"]])
    assert CatalogObject.objects.get(kind="variation").sku == "KETTLE", "it was known, so it was not asked for"
    tell(event("catalog.version.updated"))
    assert CatalogObject.objects.get(kind="variation").sku == "KET-2"
    assert CatalogObject.objects.count() == 3, "changed goods that nobody bought are not kept"


def test_goods_that_move_to_a_category_bring_its_name(till: Connection, tills: Tills, tell: Callable[..., int]) -> None:
    refresh_sales(connection=till, sale_ids=[tills.ring_up(**KETTLE)["id"]])
    change(tills, "goods", "ITEMMANGOROWKETTLE", facts={"reporting_category": {"id": "CATMANGOROWKITCHEN"}})
    tell(event("catalog.version.updated"))
    item = CatalogObject.objects.get(kind="item")
    assert CatalogObject.objects.get(external_id=item.parent_external_id).name == "Kitchen"


def test_goods_that_square_does_not_show_are_asked_for_once(till: Connection, tills: Tills) -> None:
    order = tills.ring_up(**KETTLE)
    connector = pos_connector(till)
    (sale,) = connector.get_sales_by_id([order["id"]])
    gone = replace(sale, lines=(replace(sale.lines[0], catalog_id="VAR-GONE"),))
    for _ in range(2):
        learn_goods(connection=till, connector=connector, sales=[gone])
    assert connector.statistics.calls == 2, "the sale and the goods, once each"
    connector.close()
    assert CatalogObject.objects.get().name == ""


def test_without_the_right_to_read_goods_and_customers_sales_are_read_all_the_same(
    organization: Organization, square: SandboxProcess, tills: Tills
) -> None:
    scopes = ["MERCHANT_PROFILE_READ", "PAYMENTS_READ", "ORDERS_READ"]
    till = connect(organization, square, SMALL, scopes=scopes)
    tills.ring_up(**KETTLE)
    assert sync_sales(connection=till).status == RunStatus.SUCCEEDED
    assert (Sale.objects.count(), CatalogObject.objects.count(), Customer.objects.count()) == (1, 0, 0)


@pytest.mark.parametrize("path", ["/v2/catalog", "/v2/customers"])
def test_a_price_list_or_directory_that_square_refuses_for_good_holds_no_sale(
    till: Connection, tills: Tills, path: str
) -> None:
    body = '{"errors":[{"category":"INVALID_REQUEST_ERROR","code":"BAD_REQUEST","detail":"no"}]}'
    tills.sandbox.fail_next("POST", path, status=400, body=body, times=9)
    tills.ring_up(**KETTLE)
    assert sync_sales(connection=till).status == RunStatus.SUCCEEDED
    assert Sale.objects.count() == 1


def test_goods_that_cannot_be_read_for_a_moment_keep_their_sale_for_a_moment(
    till: Connection, tills: Tills, tell: Callable[..., int]
) -> None:
    tills.sandbox.fail_next("POST", "/v2/catalog", status=503, body="{}", times=3)
    tell(event("payment.created", order_id=tills.ring_up(**KETTLE)["id"]))
    assert not Sale.objects.exists()
    assert WebhookEvent.objects.get().status == EventStatus.FAILED


def test_the_page_of_a_sale_says_which_business_bought(till: Connection, tills: Tills, owner: Client) -> None:
    sync_sales(connection=till)
    refresh_sales(connection=till, sale_ids=[tills.ring_up(customer_id=BUSINESS, **KETTLE)["id"]])
    page = owner.get(reverse("sale", args=[Sale.objects.get().pk])).content.decode()
    assert reverse("customer", args=[Customer.objects.get(external_id=BUSINESS).pk]) in page
    assert "Without a TIN it buys as a consumer." in page


def test_notices_bring_a_business_follow_its_name_and_forget_it(
    till: Connection, tills: Tills, tell: Callable[..., int]
) -> None:
    change(tills, "customers", "CNEW", facts={"company_name": "Okra Works"})
    tell(event("customer.created", id="CNEW"))
    assert Customer.objects.get().name == "Okra Works"
    change(tills, "customers", "CNEW", facts={"company_name": "Okra Works Ltd"})
    tell(event("customer.updated", id="CNEW"))
    assert Customer.objects.get().name == "Okra Works Ltd"
    change(tills, "customers", "CNEW", deleted=True)
    tell(event("customer.deleted", id="CNEW"))
    assert not Customer.objects.exists()
    assert {each.status for each in WebhookEvent.objects.all()} == {EventStatus.PROCESSED}


def test_a_person_who_buys_is_not_kept(till: Connection, tell: Callable[..., int]) -> None:
    tell(event("customer.updated", id="CMANGOROW0001"))
    assert not Customer.objects.exists()


def test_what_a_named_business_buys_goes_out_alone_and_to_it_and_the_rest_with_its_day(
    selling: Connection, tills: Tills
) -> None:
    use_rules(selling, {"sales": {"by_day": True}})
    sync_sales(connection=selling)
    name_buyer(customer=Customer.objects.get(external_id=BUSINESS), facts=FACTS, by=make_user())
    theirs = tills.ring_up(customer_id=BUSINESS, **KETTLE)
    paid_by = tills.ring_up(customer_id="CMANGOROW0001", **KETTLE)
    refresh_sales(connection=selling, sale_ids=[theirs["id"], paid_by["id"]])
    assert [each.status for each in invoice_due_sales(connection=selling)] == [Status.READY]
    made = Invoice.objects.get()
    assert (made.kind, made.source_external_id, made.buyer_tin) == ("B2B", theirs["id"], FACTS["tin"])
    assert SaleKey.objects.get(invoice_due=True).external_id == paid_by["id"]


def test_a_business_that_is_deleted_at_the_till_keeps_what_was_said_of_it(
    till: Connection, tills: Tills, tell: Callable[..., int]
) -> None:
    sync_sales(connection=till)
    name_buyer(customer=Customer.objects.get(external_id=BUSINESS), facts=FACTS, by=make_user())
    change(tills, "customers", BUSINESS, deleted=True)
    tell(event("customer.deleted", id=BUSINESS))
    assert Customer.objects.get(external_id=BUSINESS).facts["tin"] == FACTS["tin"]


@pytest.fixture
def owner(till: Connection) -> Client:
    browser = Client()
    browser.force_login(make_member(till.organization, Role.OWNER), backend=MODEL_BACKEND)
    return browser


def test_the_page_takes_a_tin_refuses_a_short_one_and_takes_it_back(till: Connection, owner: Client) -> None:
    sync_sales(connection=till)
    business = Customer.objects.get(external_id=BUSINESS)
    assert business.name in owner.get(reverse("customers")).content.decode()
    address = reverse("customer", args=[business.pk])
    assert business.city in owner.get(address).content.decode()
    assert owner.post(address, {**FACTS, "tin": "12"}).status_code == 422
    assert owner.post(address, FACTS).status_code == 302
    assert buyers_of(connection=till)[BUSINESS].tin == FACTS["tin"]
    assert FACTS["tin"] in owner.get(reverse("customers")).content.decode()
    assert owner.post(reverse("customer_forget", args=[business.pk])).status_code == 302
    assert buyers_of(connection=till) == {}


def test_a_stranger_finds_no_business_of_another_organization(till: Connection) -> None:
    sync_sales(connection=till)
    business = Customer.objects.get(external_id=BUSINESS)
    stranger = Client()
    stranger.force_login(make_member(make_organization("stranger"), Role.OWNER), backend=MODEL_BACKEND)
    assert business.name not in stranger.get(reverse("customers")).content.decode()
    for name in ("customer", "customer_forget"):
        assert stranger.post(reverse(name, args=[business.pk]), FACTS).status_code == 404
    business.refresh_from_db()
    assert business.facts == {}
