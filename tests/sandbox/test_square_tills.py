"""The tills' arithmetic: every sum of every sale and return agrees with every other, to the kobo."""

from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.square_pricing import Basket, Discount, Line, Modifier, ServiceCharge, Tax, price
from tests.sandbox.client import Client
from tests.sandbox.square_client import SHOP, SquareClient

AMOUNTS = st.integers(0, 5_000_000)
PERCENTAGES = st.sampled_from(["0", "2.5", "5", "7.5", "10", "33.33", "100"])


@pytest.fixture
def square(sandbox: Client) -> SquareClient:
    return SquareClient(sandbox)


@st.composite
def baskets(draw: st.DrawFn) -> Basket:
    """Return any basket that a till takes: each line bears one kind of tax."""
    taxes = [Tax("A", "A", draw(PERCENTAGES)), Tax("B", "B", draw(PERCENTAGES)), Tax("I", "I", "7.5", "INCLUSIVE")]
    lines = []
    for number in range(draw(st.integers(1, 6))):
        quantity = draw(st.sampled_from(["1", "3", "0.333", "1.725", "12"]))
        line = Line(str(number), "Line", quantity, draw(AMOUNTS), draw(st.sampled_from(["ITEM", "GIFT_CARD"])))
        line.tax_uids = draw(st.sampled_from([[], ["A"], ["A", "B"], ["I"]]))
        line.modifiers = [Modifier("m", "M", draw(AMOUNTS))] if draw(st.booleans()) else []
        if draw(st.booleans()):
            line.discounts = [draw(discounts(f"l{number}"))]
        lines.append(line)
    with_inclusive = any("I" in line.tax_uids for line in lines)
    phase = draw(st.sampled_from(["SUBTOTAL_PHASE", "TOTAL_PHASE"]))
    taxable = phase == "SUBTOTAL_PHASE" and not with_inclusive and draw(st.booleans())
    charge = ServiceCharge("c", "C", draw(st.sampled_from(["", "10"])), draw(AMOUNTS), phase, taxable)
    used = {uid for line in lines for uid in line.tax_uids}
    order_discounts = [draw(discounts("o"))] if draw(st.booleans()) else []
    rounding = draw(st.sampled_from([0, 500, 5_000]))
    return Basket(lines, order_discounts, [tax for tax in taxes if tax.uid in used], [charge], rounding)


def discounts(uid: str) -> st.SearchStrategy[Discount]:
    percent = st.builds(Discount, st.just(uid), st.just("D"), percentage=PERCENTAGES)
    return percent | st.builds(Discount, st.just(uid), st.just("D"), amount=AMOUNTS)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy with other tests
@given(baskets())
def test_the_parts_of_a_basket_make_its_whole(basket: Basket) -> None:
    price(basket)
    charges = basket.charges
    parts = sum(line.total for line in basket.lines) + sum(charge.total for charge in charges) + basket.rounding
    assert basket.total == parts
    assert basket.tax == sum(line.tax for line in basket.lines) + sum(charge.tax for charge in charges)
    assert basket.tax == sum(tax.applied for tax in basket.taxes)
    given_discounts = [*basket.discounts, *(each for line in basket.lines for each in line.discounts)]
    able = {each.uid for line in basket.lines if line.item_type != "GIFT_CARD" for each in line.discounts} | {"o"}
    assert basket.discount == sum(each.applied for each in given_discounts if each.uid in able)
    for line in basket.lines:
        assert 0 <= line.discount <= line.gross
        assert sum(line.applied_discounts.values()) == line.discount
        assert sum(line.applied_taxes.values()) == line.tax
        assert line.total - line.tax >= 0
    if basket.rounding_to:
        assert basket.total % basket.rounding_to == 0
        assert 2 * abs(basket.rounding) <= basket.rounding_to


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(AMOUNTS, PERCENTAGES, st.sampled_from(["ADDITIVE", "INCLUSIVE"]))
def test_a_tax_is_rounded_half_even(amount: int, percentage: str, kind: str) -> None:
    line = Line("1", "Line", "1", amount, tax_uids=["T"])
    basket = price(Basket([line], taxes=[Tax("T", "T", percentage, kind)]))
    rate = Decimal(percentage)
    exact = amount * rate / (100 + rate) if kind == "INCLUSIVE" else amount * rate / 100
    assert basket.tax == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))
    assert basket.total == amount + (0 if kind == "INCLUSIVE" else basket.tax)


@pytest.mark.parametrize(
    ("amount", "quantity", "kind", "tax", "total"),
    [
        (500_000, "2", "ADDITIVE", 75_000, 1_075_000),
        (1_075_000, "1", "INCLUSIVE", 75_000, 1_075_000),
        (300, "1", "ADDITIVE", 22, 322),
    ],
)
def test_known_examples_come_out(amount: int, quantity: str, kind: str, tax: int, total: int) -> None:
    line = Line("1", "Line", quantity, amount, tax_uids=["T"])
    basket = price(Basket([line], taxes=[Tax("T", "T", "7.5", kind)]))
    assert (basket.tax, basket.total) == (tax, total)


def test_percentages_come_off_before_amounts_and_lines_before_the_order() -> None:
    line = Line("1", "Line", "1", 10_000, discounts=[Discount("a", "A", amount=1_000), Discount("p", "P", "10")])
    order = [Discount("oa", "OA", amount=100), Discount("op", "OP", "50")]
    basket = price(Basket([line], order))
    assert [each.applied for each in (*line.discounts, *order)] == [1_000, 1_000, 100, 4_500]
    assert basket.total == 3_400


def kobo(content: dict[str, Any], name: str) -> int:
    return content.get(name, {"amount": 0})["amount"]


def check_sale(order: dict[str, Any], tips_in_total: bool = False) -> None:
    """Assert what an order's sums must be to each other."""
    lines, charges = order.get("line_items", []), order.get("service_charges", [])
    parts = sum(kobo(each, "total_money") for each in (*lines, *charges))
    parts += kobo(order.get("rounding_adjustment", {}), "amount_money")
    tip = kobo(order, "total_tip_money")
    assert kobo(order, "total_money") == parts + (tip if tips_in_total else 0)
    assert kobo(order, "total_tax_money") == sum(kobo(tax, "applied_money") for tax in order.get("taxes", []))
    for line in lines:
        applied = sum(kobo(each, "applied_money") for each in line.get("applied_taxes", []))
        assert applied == kobo(line, "total_tax_money")
    tendered = sum(kobo(tender, "amount_money") for tender in order["tenders"])
    assert tendered == parts + tip
    assert tip == sum(kobo(tender, "tip_money") for tender in order["tenders"])


def test_every_variant_adds_up_and_is_paid_in_full(square: SquareClient) -> None:
    variants = square.sandbox.control("square/variants")
    for tips_in_total in (False, True):
        square.switch(tips_in_total=tips_in_total)
        for name in variants:
            order = square.ring_up(variant=name)
            check_sale(order, tips_in_total)
            payments = [square.read(f"payments/{tender['id']}")["payment"] for tender in order["tenders"]]
            for payment, tender in zip(payments, order["tenders"], strict=True):
                assert kobo(payment, "total_money") == kobo(tender, "amount_money")
                assert kobo(payment, "amount_money") + kobo(payment, "tip_money") == kobo(payment, "total_money")
                assert (payment["status"], payment["order_id"]) == ("COMPLETED", order["id"])


@pytest.mark.parametrize("variant", ["plain", "mixed_tax", "line_discount", "order_discount_amount", "modifiers"])
def test_lines_returned_in_parts_return_exactly_what_was_sold(square: SquareClient, variant: str) -> None:
    order = square.ring_up(variant=variant)
    sums: Counter[str] = Counter()
    for line in order["line_items"]:
        whole = Decimal(line["quantity"])
        for part in (whole / 4, whole / 4, None):
            wanted = {"uid": line["uid"]} | ({"quantity": str(part)} if part else {})
            back = square.sandbox.control("square/refunds", {"order_id": order["id"], "lines": [wanted]})
            amounts = back["returns"][0]["return_amounts"]
            assert kobo(amounts, "total_money") == kobo(back["returns"][0]["return_line_items"][0], "total_money")
            sums.update({name: money["amount"] for name, money in amounts.items()})
    assert sums["total_money"] == sum(kobo(line, "total_money") for line in order["line_items"])
    assert sums["tax_money"] == kobo(order, "total_tax_money")
    assert sums["discount_money"] == kobo(order, "total_discount_money")
    payment = square.read(f"payments/{order['tenders'][0]['id']}")["payment"]
    assert kobo(payment, "refunded_money") == sums["total_money"]
    assert len(payment["refund_ids"]) == 3 * len(order["line_items"])


@pytest.mark.parametrize(
    "variant", ["tip", "service_charge_taxable", "service_charge_total", "cash_rounding", "split_tenders"]
)
def test_a_whole_refund_gives_everything_back_to_each_tender(square: SquareClient, variant: str) -> None:
    order = square.ring_up(variant=variant)
    back = square.sandbox.control("square/refunds", {"order_id": order["id"]})
    refunds = [square.read(f"refunds/{refund_id}")["refund"] for refund_id in back["refund_ids"]]
    given_back = {refund["payment_id"]: kobo(refund, "amount_money") for refund in refunds}
    assert given_back == {tender["id"]: kobo(tender, "amount_money") for tender in order["tenders"]}
    assert kobo(back["return_amounts"], "tax_money") == kobo(order, "total_tax_money")
    assert {refund["order_id"] for refund in refunds} == {back["id"]}
    again = square.sandbox.call("POST", "/_control/square/refunds", json={"order_id": order["id"]})
    assert again.status_code == 404


def test_no_more_can_be_refunded_than_was_paid(square: SquareClient) -> None:
    order = square.ring_up(variant="custom_amount")
    total = kobo(order, "total_money")
    square.sandbox.control("square/refunds", {"order_id": order["id"], "amount": total - 100})
    over = square.sandbox.call("POST", "/_control/square/refunds", json={"order_id": order["id"], "amount": 101})
    assert (over.status_code, "Only 100 kobo" in over.text) == (404, True)
    last = square.sandbox.control("square/refunds", {"order_id": order["id"], "amount": 100})
    (line,) = last["returns"][0]["return_line_items"]
    assert (line["item_type"], kobo(line, "total_tax_money")) == ("CUSTOM_AMOUNT", 0)


def test_a_pending_refund_can_still_fail_and_the_lines_can_be_returned_again(square: SquareClient) -> None:
    order = square.ring_up(variant="plain")
    asked = {"order_id": order["id"], "status": "PENDING"}
    (refund_id,) = square.sandbox.control("square/refunds", asked)["refund_ids"]
    assert square.read(f"refunds/{refund_id}")["refund"]["status"] == "PENDING"
    failed = square.sandbox.control(f"square/refunds/{refund_id}/settle", {"status": "FAILED"})
    assert failed["status"] == "FAILED"
    payment = square.read(f"payments/{order['tenders'][0]['id']}")["payment"]
    assert kobo(payment, "refunded_money") == 0
    assert "refunds" not in square.sandbox.control("square/truth")["days"][0]
    done = square.sandbox.control("square/refunds", {"order_id": order["id"]})
    assert kobo(done["return_amounts"], "total_money") == kobo(order, "total_money")


def test_a_refund_that_fails_gives_up_its_own_lines_and_no_others(square: SquareClient) -> None:
    order = square.ring_up(
        lines=[{"uid": "kettle", "ware": "KETTLE", "quantity": "2"}, {"uid": "lamp", "ware": "LAMP"}]
    )
    asked = {"order_id": order["id"], "lines": [{"uid": "kettle", "quantity": "1"}], "status": "PENDING"}
    (pending,) = square.sandbox.control("square/refunds", asked)["refund_ids"]
    lamp = {"order_id": order["id"], "lines": [{"uid": "lamp"}]}
    square.sandbox.control("square/refunds", lamp)
    kettle = {"order_id": order["id"], "lines": [{"uid": "kettle"}]}
    early = square.sandbox.call("POST", "/_control/square/refunds", json=kettle)
    assert (early.status_code, "still pending" in early.text) == (404, True)
    square.sandbox.control(f"square/refunds/{pending}/settle", {"status": "FAILED"})
    assert square.sandbox.call("POST", "/_control/square/refunds", json=lamp).status_code == 404
    back = square.sandbox.control("square/refunds", kettle)
    assert back["returns"][0]["return_line_items"][0]["quantity"] == "2"
    payment = square.read(f"payments/{order['tenders'][0]['id']}")["payment"]
    assert kobo(payment, "refunded_money") == kobo(order, "total_money")


def test_what_was_paid_back_cannot_be_traded_in_too(square: SquareClient) -> None:
    sold = square.ring_up(lines=[{"ware": "LAMP"}])
    square.sandbox.control("square/refunds", {"order_id": sold["id"], "amount": kobo(sold, "total_money")})
    trade = {"lines": [{"ware": "KETTLE"}], "return_of": {"order_id": sold["id"]}}
    answer = square.sandbox.call("POST", "/_control/square/sales", json=trade)
    assert (answer.status_code, "Only 0 kobo" in answer.text) == (404, True)


def test_an_exchange_is_one_order_paid_or_given_back_by_the_difference(square: SquareClient) -> None:
    sold = square.ring_up(lines=[{"ware": "LAMP"}])
    dearer = square.ring_up(lines=[{"ware": "KETTLE"}], return_of={"order_id": sold["id"]})
    difference = kobo(dearer, "total_money") - kobo(sold, "total_money")
    assert dearer["returns"][0]["source_order_id"] == sold["id"]
    assert kobo(dearer["tenders"][0], "amount_money") == kobo(dearer["net_amounts"], "total_money") == difference
    (day,) = square.sandbox.control("square/truth")["days"]
    assert (day["returned"], "refunds" in day) == (kobo(sold, "total_money"), False)
    cheaper = square.ring_up(lines=[{"ware": "COLA"}], return_of={"order_id": dearer["id"]})
    assert "tenders" not in cheaper
    refunds = square.read("refunds")["refunds"]
    assert {refund["order_id"] for refund in refunds} == {cheaper["id"]}
    paid = {order["tenders"][0]["id"] for order in (sold, dearer)}
    assert {refund["payment_id"] for refund in refunds} == paid  # the dearer one was paid with the first one's goods
    assert sum(kobo(refund, "amount_money") for refund in refunds) == -kobo(cheaper["net_amounts"], "total_money")


def test_cash_can_be_given_back_without_a_sale(square: SquareClient) -> None:
    back = square.sandbox.control("square/refunds/unlinked", {"location_id": SHOP, "amount": 4_200})
    (refund,) = square.read("refunds")["refunds"]
    assert (refund["unlinked"], kobo(refund, "amount_money"), refund["status"]) == (True, 4_200, "COMPLETED")
    assert "payment_id" not in refund
    assert "source_order_id" not in back["returns"][0]


@pytest.mark.parametrize(
    ("state", "order_state"), [("COMPLETED", "COMPLETED"), ("CANCELED", "CANCELED"), ("FAILED", "CANCELED")]
)
def test_an_open_sale_ends_as_it_is_told(square: SquareClient, state: str, order_state: str) -> None:
    order = square.ring_up(state="OPEN")
    payment = f"payments/{order['tenders'][0]['id']}"
    assert (order["state"], "closed_at" in order) == ("OPEN", False)
    assert square.read(payment)["payment"]["status"] == "APPROVED"
    assert square.sandbox.control("square/truth")["days"] == []
    ended = square.sandbox.control(f"square/sales/{order['id']}/finish", {"state": state})
    assert (ended["state"], "closed_at" in ended) == (order_state, True)
    assert square.read(payment)["payment"]["status"] == state
    assert len(square.sandbox.control("square/truth")["days"]) == (state == "COMPLETED")


def test_the_truth_is_what_the_books_say(square: SquareClient) -> None:
    for name in square.sandbox.control("square/variants"):
        square.ring_up(variant=name, at="2026-03-31T22:30:00Z")
    for _ in range(5):
        square.ring_up(at="2026-03-31T23:30:00Z")  # already April in Lagos
    orders = square.ask("orders/search", {"location_ids": [SHOP]})["orders"]
    truth = square.sandbox.control("square/truth?each=1")
    assert [day["day"] for day in truth["days"]] == ["2026-03-31", "2026-04-01"]
    assert [day["sales"] for day in truth["days"]] == [16, 5]
    for name, field in (("total", "total_money"), ("tax", "total_tax_money"), ("tip", "total_tip_money")):
        assert sum(day[name] for day in truth["days"]) == sum(kobo(order, field) for order in orders)
    assert {sale["order_id"]: sale["total"] for sale in truth["sales"]} == {
        order["id"]: kobo(order, "total_money") for order in orders
    }
    back = square.sandbox.control("square/refunds", {"order_id": orders[0]["id"]})
    truth = square.sandbox.control("square/truth?each=1")
    total, tax = (kobo(back["return_amounts"], name) for name in ("total_money", "tax_money"))
    assert [(each["returned"], each["returned_tax"]) for each in truth["returns"]] == [(total, tax)]
    assert sum(refund["amount"] for refund in truth["refunds"]) == total
    assert [day["refunded"] for day in truth["days"] if "refunds" in day] == [total]


@pytest.mark.parametrize(
    "wrong",
    [
        {"variant": "none"},
        {"lines": [{"ware": "GOLD"}]},
        {"lines": [{"name": "X", "price": 1.5}]},
        {"lines": [{"name": "X", "price": 100, "quantity": "0"}]},
        {"lines": [{"name": "X", "price": 100, "quantity": "many"}]},
        {"lines": [{"name": "X", "price": 100, "quantity": "1/3"}]},
        {"lines": [{"name": "X", "price": 100, "quantity": "0.000001"}]},
        {"lines": [{"name": "X", "price": 100, "quantity": "1e2"}]},
        {"lines": [{"name": "X", "price": 100, "item_type": "GOODS"}]},
        {"lines": [{"uid": "a", "ware": "COLA"}, {"uid": "a", "ware": "SOAP"}]},
        {"lines": [{"ware": "COLA", "discounts": [{"percentage": "-10"}]}]},
        {"lines": [{"ware": "COLA"}], "discounts": [{"percentage": "150"}]},
        {"lines": [{"ware": "COLA", "taxes": ["T"]}], "taxes": [{"uid": "T", "percentage": "-5"}]},
        {"lines": [{"ware": "COLA", "taxes": ["T"]}], "taxes": [{"uid": "T", "type": "OTHER"}]},
        {"lines": "COLA"},
        {"lines": ["COLA"]},
        {"lines": [{"name": "X", "price": 100, "taxes": ["LEVY"]}]},
        {"lines": [{"ware": "COLA"}], "tenders": [{"type": "CARD"}]},
        {"lines": [{"ware": "COLA"}], "tenders": [{"type": "CASH", "amount": 1}]},
        {"location_id": "LCALABASH001"},
        {"merchant_id": "MLNONE"},
        {"at": "yesterday"},
    ],
)
def test_a_sale_that_makes_no_sense_is_refused_with_a_reason(square: SquareClient, wrong: dict[str, Any]) -> None:
    answer = square.sandbox.call("POST", "/_control/square/sales", json=wrong)
    assert answer.status_code == 404
    assert len(answer.json()["error"]) > 10
    assert square.read("payments") == {}


def test_a_burst_keeps_its_pace_and_every_sale_is_in_the_books(square: SquareClient) -> None:
    done = square.sandbox.control("square/burst", {"sales": 100, "per_second": 100})
    assert done["per_second"] > 50
    assert len(square.ask("orders/search", {"location_ids": [SHOP]})["orders"]) == 100
    assert square.sandbox.control("square/truth")["days"][0]["sales"] == 100


def test_sellers_and_shops_can_be_added_and_shops_closed(square: SquareClient) -> None:
    seller = square.sandbox.control("square/sellers", {"name": "Okuta Stores", "locations": 11})
    shop = square.sandbox.control("square/locations", {"merchant_id": seller["merchant_id"]})
    token = square.sandbox.control("square/connect", {"merchant_id": seller["merchant_id"]})
    names = {each["id"] for each in SquareClient(square.sandbox, token["access_token"]).read("locations")["locations"]}
    assert names == {each["id"] for each in seller["locations"]} | {shop["id"]}
    square.sandbox.control("square/locations", {"location_id": SHOP, "active": False})
    assert square.read(f"locations/{SHOP}")["location"]["status"] == "INACTIVE"
