"""The control endpoint: faults, edits, what is expected, resets; and the process itself."""

import time
from collections import Counter
from decimal import Decimal

import pytest
import requests

from tests.sandbox.client import KEYS, Client, end, start
from tests.sandbox.documents import example

DEALS = "/crm/objects/2026-09/deals"


def of_flaw(sandbox: Client, flaw: str | None) -> str:
    return next(entry["deal_id"] for entry in sandbox.control("expected") if entry["won"] and entry["flaw"] == flaw)


def lines_of(sandbox: Client, deal: str) -> list[str]:
    found = sandbox.hubspot("GET", f"/crm/v4/objects/deals/{deal}/associations/line_items").json()["results"]
    return [str(target["toObjectId"]) for target in found]


def judged(sandbox: Client, deal: str) -> dict:
    return next(entry for entry in sandbox.control("expected") if entry["deal_id"] == deal)


def test_about_half_the_deals_are_won_and_each_flaw_is_present(sandbox: Client) -> None:
    for seed in (1, 2, 3):
        sandbox.control("reset", {"seed": seed})
        entries = sandbox.control("expected")
        won = [entry for entry in entries if entry["won"]]
        flaws = Counter(entry["flaw"] for entry in won if entry["flaw"])
        assert len(entries) == 250
        assert 85 <= len(won) <= 140
        assert set(flaws) == {
            "no_tin", "no_company", "no_line_items", "foreign_currency", "no_address", "no_price",
        }  # fmt: skip
        assert 0.09 <= sum(flaws.values()) / len(won) <= 0.15
        good = [entry for entry in won if not entry["flaw"]]
        assert all(Decimal(entry["payable_amount"]) > 0 and len(entry["buyer_tin"]) == 13 for entry in good)
        assert all(entry["payable_amount"] is None for entry in entries if entry not in good)


def test_the_same_seed_gives_the_same_world_and_another_one_another(sandbox: Client) -> None:
    worlds = []
    for seed in (5, 5, 6):
        sandbox.control("reset", {"seed": seed, "deals": 60})
        worlds.append([sandbox.control("expected"), sandbox.hubspot("GET", DEALS + "?limit=60").json()])
    assert worlds[0] == worlds[1]
    assert worlds[0] != worlds[2]


def test_what_is_payable_follows_lines_discounts_and_tax_categories(sandbox: Client) -> None:
    good = [entry["deal_id"] for entry in sandbox.control("expected") if entry["won"] and not entry["flaw"]]
    deal, lines = next((deal, lines) for deal in good if len(lines := lines_of(sandbox, deal)) >= 3)
    values = [
        {"quantity": "2.5", "price": "1000.33", "discount": "10.10", "tax_category": ""},  # 2500.83 - 25.25
        {"quantity": "3", "price": "99.99", "hs_discount_percentage": "12.5", "tax_category": "EXEMPTED"},  # - 37.50
        {"quantity": "1", "price": "500", "tax_category": "ZERO_VAT"},
    ]
    blank = {"quantity": "1", "price": "0", "discount": "", "hs_discount_percentage": "", "tax_category": ""}
    for line, change in zip(lines, values + [{}] * (len(lines) - 3), strict=True):
        sandbox.control(f"hubspot/records/line_items/{line}", {"properties": blank | change})
    sandbox.control(f"hubspot/deals/{deal}", {"properties": {"document_discount": "100"}})
    # Nets 2475.58, 262.47, 500.00; shares of 100: 76.45, 8.11, 15.44 (3238.05 in all); VAT on 2399.13 is 179.93.
    assert Decimal(judged(sandbox, deal)["payable_amount"]) == Decimal("3238.05") - 100 + Decimal("179.93")


@pytest.mark.parametrize(
    ("kind", "change", "flaw"),
    [
        ("line_items", {"price": "-5.00"}, "negative_price"),
        ("line_items", {"price": "NaN"}, "bad_number"),
        ("line_items", {"quantity": "1e1000000"}, "bad_number"),
        ("line_items", {"quantity": "0"}, "bad_number"),
        ("line_items", {"price": None}, "no_price"),
        ("line_items", {"tax_category": "VAT"}, "unknown_tax_category"),
        ("deals", {"amount": "1e1000000"}, "bad_amount"),
        ("deals", {"amount": ""}, None),
        ("deals", {"deal_currency_code": "USD"}, "foreign_currency"),
        ("deals", {"document_discount": "999999999"}, "bad_number"),
        ("companies", {"country": "Naija"}, "unknown_country"),
        ("companies", {"tin": ""}, "no_tin"),
        ("companies", {"city": ""}, "no_address"),
    ],
)
def test_a_planted_value_is_served_and_judged(
    sandbox: Client, kind: str, change: dict[str, str | None], flaw: str | None
) -> None:
    deal = of_flaw(sandbox, None)
    company = sandbox.hubspot("GET", f"/crm/v4/objects/deals/{deal}/associations/companies").json()["results"][-1]
    record = {"deals": deal, "line_items": lines_of(sandbox, deal)[0], "companies": company["toObjectId"]}[kind]
    path = f"/crm/objects/2026-09/{kind}/{record}"
    before = sandbox.hubspot("GET", path).json()
    plant = f"hubspot/deals/{record}" if kind == "deals" else f"hubspot/records/{kind}/{record}"
    sandbox.control(plant, {"properties": change})
    after = sandbox.hubspot("GET", path, params={"properties": ",".join(change)}).json()
    name, value = next(iter(change.items()))
    assert after["properties"][name] == (value if value or name == "amount" else None)
    assert after["updatedAt"] > before["updatedAt"]
    assert judged(sandbox, deal)["flaw"] == flaw


def test_a_planned_failure_is_answered_once_and_does_nothing(sandbox: Client) -> None:
    html = "<html><body>502 Bad Gateway</body></html>"
    plan = {"method": "POST", "path_prefix": "/api/v1/invoice/sign", "status": 502, "body": html}
    sandbox.control("settings", {"fail_next": [plan]})
    document = example("b2b_invoice")
    assert sandbox.mbs("GET", f"/invoice/confirm/{document['irn']}").status_code == 404
    failed = sandbox.mbs("POST", "/invoice/sign", json=document)
    assert (failed.status_code, failed.text) == (502, html)
    assert failed.headers["Content-Type"].startswith("text/html")
    assert sandbox.mbs("POST", "/invoice/sign", json=document).status_code == 201
    received = sandbox.control("received?documents=0")["mbs"]
    assert received["sign_attempts"] == {document["irn"]: 2}
    assert received["by_path"]["/api/v1/invoice/sign"] == 2
    assert received["calls"] == 3


def test_planned_failures_carry_json_headers_and_a_count(sandbox: Client) -> None:
    plan = {"path_prefix": DEALS, "status": 429, "body": {"a": 1}, "headers": {"Retry-After": "2"}, "times": 2}
    sandbox.control("settings", {"fail_next": [plan]})
    answers = [sandbox.hubspot("GET", DEALS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert (answers[0].json(), answers[0].headers["Retry-After"]) == ({"a": 1}, "2")


@pytest.mark.parametrize(("drop", "registered"), [("before", 0), ("after", 1)])
def test_a_dropped_connection_is_before_or_after_the_work(sandbox: Client, drop: str, registered: int) -> None:
    plan = {"method": "POST", "path_prefix": "/api/v1/invoice/sign", "drop": drop}
    sandbox.control("settings", {"fail_next": [plan]})
    with pytest.raises(requests.ConnectionError):
        sandbox.mbs("POST", "/invoice/sign", json=example("b2b_invoice"))
    assert len(sandbox.control("received")["mbs"]["signed"]) == registered


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("settings", {"tokenttl": 5}),
        ("settings", {"token_ttl": "5"}),
        ("settings", {"limits": 1}),
        ("settings", {"fail_next": [{"stauts": 500}]}),
        ("reset", {"deals": -1}),
        ("reset", {"seed": "x"}),
    ],
)
def test_a_mistyped_control_call_is_refused(sandbox: Client, path: str, body: dict[str, object]) -> None:
    answer = sandbox.call("POST", f"/_control/{path}", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_latency_delays_both_sides_but_not_the_control_endpoint(sandbox: Client) -> None:
    sandbox.control("settings", {"latency_ms": 80})
    for call in (lambda: sandbox.call("GET", "/api"), lambda: sandbox.hubspot("GET", DEALS)):
        began = time.monotonic()
        call()
        assert time.monotonic() - began >= 0.08
    began = time.monotonic()
    sandbox.control("received")
    assert time.monotonic() - began < 0.08


def test_a_reset_forgets_everything(sandbox: Client) -> None:
    tokens = sandbox.connect()
    sandbox.mbs("POST", "/invoice/sign", json=example("b2b_invoice"))
    sandbox.control("settings", {"limits": False, "fail_next": [{"path_prefix": "/"}]})
    assert sandbox.control("reset", {"deals": 7}) == {"ok": True, "deals": 7}
    assert sandbox.hubspot("GET", DEALS, tokens["access_token"]).status_code == 401
    assert len(sandbox.hubspot("GET", DEALS).json()["results"]) == 7
    received = sandbox.control("received")
    assert received["mbs"]["signed"] == []
    assert received["hubspot"] == {"calls": 2, "by_path": {DEALS: 2}, "uninstalls": 0}


@pytest.mark.parametrize("deals", [0, 1, 3])
def test_tiny_accounts_work(sandbox: Client, deals: int) -> None:
    sandbox.control("reset", {"deals": deals})
    assert len(sandbox.hubspot("GET", DEALS).json()["results"]) == deals
    assert len(sandbox.control("expected")) == deals


def test_calls_on_one_connection_keep_it_open(sandbox: Client) -> None:
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(3):
            assert session.get(sandbox.base + "/api", headers=KEYS, timeout=5).status_code == 200
        pools = session.get_adapter(sandbox.base).poolmanager.pools
        assert pools[next(iter(pools.keys()))].num_connections == 1


def test_the_home_page_says_what_this_is(sandbox: Client) -> None:
    page = sandbox.call("GET", "/")
    assert (page.status_code, "Sandbox." in page.text) == (200, True)


def test_a_port_in_use_is_one_sentence_and_exit_code_2(sandbox: Client) -> None:
    port = sandbox.base.rsplit(":", 1)[-1]
    second = start("--port", port)
    output, errors = second.communicate(timeout=20)
    assert second.returncode == 2
    assert output == ""
    assert errors.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}" in errors


def test_options_set_size_seed_and_limits_and_kill_ends_it_at_once() -> None:
    process = start("--port", "0", "--deals", "12", "--seed", "9", "--no-limits", "--latency", "1")
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("sandbox ready on http://127.0.0.1:")
    client = Client(line.strip().rsplit(" ", 1)[-1])
    answer = client.hubspot("GET", DEALS + "?limit=50")
    assert len(answer.json()["results"]) == 12
    assert "X-HubSpot-RateLimit-Max" not in answer.headers
    began = time.monotonic()
    assert end(process) == 0
    assert time.monotonic() - began < 2
    client.session.close()


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--port", "0", "--deals", "-1"], []])
def test_bad_options_are_explained(arguments: list[str]) -> None:
    process = start(*arguments)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "Traceback" not in errors
