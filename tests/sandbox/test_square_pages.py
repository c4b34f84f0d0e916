"""Square's tills for people, without JavaScript."""

import re
from typing import Any

import pytest
import requests

from tests.sandbox.client import Client
from tests.sandbox.square_client import SHOP, SMALL, SquareClient, connect

TILL = "/square/till"


def press(sandbox: Client, what: str, **fields: str) -> requests.Response:
    """Return the answer to a button of the till."""
    return sandbox.call("POST", TILL, data={"shop": SHOP, "do": what} | fields)


def done(sandbox: Client, what: str, **fields: str) -> str:
    """Press a button that has to work, and return the page it leads to."""
    answer = press(sandbox, what, **fields)
    assert answer.status_code == 303, answer.text
    return sandbox.call("GET", answer.headers["Location"]).text


def truth(sandbox: Client) -> dict[str, Any]:
    return sandbox.control("square/truth?each=1")


def test_a_sale_is_rung_up_shown_and_given_back_in_part_and_in_full(sandbox: Client) -> None:
    page = done(sandbox, "sell", variant="plain")
    (sale,) = truth(sandbox)["sales"]
    assert "Rung up." in page
    assert sale["order_id"] in page
    assert "44291.06" in page
    assert "Given back." in done(sandbox, "refund", order_id=sale["order_id"], naira="1,500.5")
    assert [refund["amount"] for refund in truth(sandbox)["refunds"]] == [150_050]
    second = sandbox.control("square/sales", {"variant": "tip"})
    done(sandbox, "refund", order_id=second["id"], naira="")
    assert truth(sandbox)["refunds"][1]["amount"] == second["tenders"][0]["amount_money"]["amount"]


def test_offline_sales_and_bursts_are_made(sandbox: Client) -> None:
    assert "uploaded now" in done(sandbox, "offline", variant="tip")
    (payment,) = SquareClient(sandbox).read("payments")["payments"]
    assert payment["is_offline_payment"] is True
    assert "20 sales" in done(sandbox, "burst", variant="")
    assert len(truth(sandbox)["sales"]) == 21


@pytest.mark.parametrize("naira", ["much", "1.234", "-5", "99999999"])
def test_an_amount_that_cannot_be_given_back_is_explained(sandbox: Client, naira: str) -> None:
    order = sandbox.control("square/sales", {"variant": "plain"})
    answer = press(sandbox, "refund", order_id=order["id"], naira=naira)
    assert answer.status_code == 400
    assert "Nothing was done." in answer.text
    assert truth(sandbox)["refunds"] == []


def test_each_shop_has_its_till(sandbox: Client) -> None:
    press(sandbox, "sell", shop="LCALABASH002")
    assert truth(sandbox)["sales"][0]["location_id"] == "LCALABASH002"
    page = sandbox.call("GET", f"{TILL}?shop=LCALABASH002").text
    assert re.search(r'<option value="LCALABASH002" selected>', page)
    assert truth(sandbox)["sales"][0]["order_id"] in page
    assert "Nothing was sold here yet." in sandbox.call("GET", TILL).text


def test_a_seller_takes_the_access_away(sandbox: Client) -> None:
    assert "has granted the app nothing" in sandbox.call("GET", TILL).text
    square = SquareClient(sandbox, connect(sandbox, merchant_id=SMALL)["access_token"])
    assert "ORDERS_READ" in sandbox.call("GET", TILL).text
    assert "taken away" in done(sandbox, "revoke")
    assert square.refused("GET", "/v2/locations", 401) == "ACCESS_TOKEN_REVOKED"


def test_a_form_of_another_site_is_refused(sandbox: Client) -> None:
    answer = sandbox.call("POST", TILL, data={"do": "sell"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert truth(sandbox)["sales"] == []


def test_the_panel_has_squares_switches(sandbox: Client) -> None:
    page = sandbox.call("GET", "/faults").text
    shown = dict(re.findall(r'<input name="(\w+)" value="([^"]*)"', page))
    on = re.findall(r'<input type="checkbox" name="(\w+)" checked', page)
    asked = shown | dict.fromkeys(on, "on") | {"do": "save", "limit_kind": "", "webhook_form": "classic"}
    asked |= {"square_limit_times": "2", "square_limit_wait": "3", "square_order_events": "both", "square_lag_s": "1.5"}
    asked |= {"square_url": "http://127.0.0.1:9/hook", "square_key": "k", "square_webhook_wrong_key": "on"}
    assert sandbox.call("POST", "/faults", data=asked).status_code == 303
    settings = sandbox.control("settings")
    assert settings["square_rate_limit"] == {"times": 2, "retry_after": 3}
    assert (settings["square_order_events"], settings["square_lag_s"]) == ("both", 1.5)
    assert settings["square_webhook_target"] == {"url": "http://127.0.0.1:9/hook", "secret": "k"}
    assert (settings["square_webhook_wrong_key"], settings["square_timeout"]) == (True, None)
    wrong = sandbox.call("POST", "/faults", data=asked | {"square_order_events": "all"})
    assert (wrong.status_code, "none, updated, both" in wrong.text) == (400, True)
