"""The authority's bad days: each does what it says, and the witness log and its oracle see it."""

import json
import time
from typing import Any

import pytest
import requests

from tests.oracle import accepted_twice, blind_resends, judge, never_accepted
from tests.sandbox.client import KEYS, Client
from tests.sandbox.documents import changed, example
from tests.sandbox.receiver import Receiver

DUPLICATE = "unable to complete this operation at this time, kindly try again later"
SIGN = {"path_prefix": "/api/v1/invoice/sign"}


def sign(sandbox: Client, document: dict[str, Any] | None = None) -> requests.Response | None:
    """Hand an example in; None when the connection was closed without an answer."""
    try:
        return sandbox.mbs("POST", "/invoice/sign", json=document or example("b2b_invoice"))
    except requests.ConnectionError:
        return None


def known(sandbox: Client, irn: str = "") -> bool:
    irn = irn or example("b2b_invoice")["irn"]
    return sandbox.mbs("GET", f"/invoice/confirm/{irn}").status_code == 200


def plan(sandbox: Client, kind: str, **more: Any) -> None:
    sandbox.control("settings", {"mbs_faults": [{"kind": kind, **SIGN, **more}]})


@pytest.mark.parametrize(
    ("kind", "status", "commits"),
    [
        ("commit_drop", None, True),
        ("commit_504", 504, True),
        ("duplicate", 400, True),
        ("duplicate_2026", 400, True),
        ("drop", None, False),
        ("busy", 400, False),
        ("error_500", 500, False),
        ("html_502", 502, False),
        ("bad_keys", 400, False),
        ("slow", 201, True),
    ],
)
def test_each_fault_answers_and_commits_as_named(sandbox: Client, kind: str, status: int | None, commits: bool) -> None:
    plan(sandbox, kind)
    answer = sign(sandbox)
    assert (answer.status_code if answer is not None else None) == status
    assert known(sandbox) is commits
    entry = sandbox.control("mbs/log")[0]
    assert (entry["fault"], entry["committed"], entry["status"]) == (kind, "sign" if commits else "", status)
    if kind in ("busy", "duplicate"):
        assert answer is not None
        assert answer.json()["error"]["details"] == DUPLICATE


@pytest.mark.parametrize(("told", "status"), [("drop", None), ("504", 504), ("busy", 400)])
def test_a_late_commit_is_absent_first_and_there_later(sandbox: Client, told: str, status: int | None) -> None:
    plan(sandbox, "late_commit", seconds=0.3, answer=told)
    answer = sign(sandbox)
    assert (answer.status_code if answer is not None else None) == status
    assert not known(sandbox)
    deadline = time.monotonic() + 5
    while not known(sandbox):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    late = [entry for entry in sandbox.control("mbs/log") if entry["fault"] == "late"]
    assert [entry["committed"] for entry in late] == ["sign"]


def test_a_fault_lasts_as_often_as_planned(sandbox: Client) -> None:
    plan(sandbox, "busy", times=2)
    answers = [sign(sandbox) for _ in range(3)]
    assert [answer.status_code for answer in answers if answer is not None] == [400, 400, 201]


def test_look_ups_lag_behind_the_register(sandbox: Client) -> None:
    sandbox.control("settings", {"mbs_confirm_lag_s": 0.4})
    document = example("b2b_invoice")
    assert sign(sandbox) is not None
    path = f"/invoice/{document['business_id']}"
    assert not known(sandbox)
    assert sandbox.mbs("GET", path, params={"irn": document["irn"]}).json()["data"]["items"] is None
    time.sleep(0.45)
    assert known(sandbox)
    assert len(sandbox.mbs("GET", path, params={"irn": document["irn"]}).json()["data"]["items"]) == 1


def test_code_lists_can_be_down(sandbox: Client) -> None:
    sandbox.control("settings", {"mbs_resources_down": True})
    assert sandbox.mbs("GET", "/invoice/resources/currencies").status_code == 500


def test_keys_come_in_pairs_for_integrators_and_for_each_business(sandbox: Client) -> None:
    mine, other = sandbox.control("businesses")[:2]

    def asked(pair: dict[str, str], path: str) -> int:
        return sandbox.call("GET", f"/api/v1{path}", headers=pair).status_code

    own = {"x-api-key": mine["api_key"], "x-api-secret": mine["api_secret"]}
    si = {"x-api-key": "sandbox-si-key", "x-api-secret": "sandbox-si-secret"}
    assert asked(own, f"/entity/{mine['entity_id']}") == 200
    assert asked(own, f"/entity/{other['entity_id']}") == 404
    sign(sandbox)
    irn = example("b2b_invoice")["irn"]
    theirs = {"x-api-key": other["api_key"], "x-api-secret": other["api_secret"]}
    assert asked(own, f"/invoice/confirm/{irn}") == 200
    assert asked(theirs, f"/invoice/confirm/{irn}") == 404
    sandbox.control("settings", {"mbs_entity_needs_si": True})
    assert (asked(KEYS, "/entity"), asked(si, "/entity")) == (400, 200)
    assert (asked(KEYS, f"/invoice/confirm/{irn}"), asked(si, f"/invoice/confirm/{irn}")) == (200, 400)
    sandbox.control("settings", {"mbs_refused_keys": ["sandbox-key"]})
    assert (asked(KEYS, f"/invoice/confirm/{irn}"), asked(own, f"/invoice/confirm/{irn}")) == (400, 200)


@pytest.mark.parametrize(
    ("switch", "path", "value", "complaint"),
    [
        ({"mbs_whole_quantity": True}, "invoice_line.0.invoiced_quantity", 1.5, "int64"),
        ({"mbs_refuse_zero": True}, "tax_total.0.tax_amount", 0, "taxtotal[0].taxamount is required"),
        ({"mbs_place_required": True}, "accounting_customer_party.postal_address.state", ..., "lga is required"),
        ({"mbs_isic_accepted": False}, "issue_time", "10:42:05", "invoiceline[1].hsncode is required"),
        (
            {"mbs_exempted_known": False},
            "tax_total.0.tax_subtotal.0.tax_category.id",
            "EXEMPTED",
            "taxcategory.id must be a valid tax category",
        ),
        ({"mbs_status_words": ["CANCELED"]}, "payment_status", "REJECTED", "paymentstatus must be one of"),
    ],
)
def test_a_stricter_authority_refuses_what_another_takes(
    sandbox: Client, switch: dict[str, Any], path: str, value: Any, complaint: str
) -> None:
    document = changed(example("b2b_invoice"), path, value)
    if path.endswith("state"):
        del document["accounting_customer_party"]["postal_address"]["lga"]
    assert sandbox.mbs("POST", "/invoice/validate", json=document).status_code == 200
    sandbox.control("settings", switch)
    answer = sandbox.mbs("POST", "/invoice/validate", json=document)
    assert complaint in answer.json()["error"]["details"]


@pytest.mark.parametrize(
    ("switch", "path", "value"),
    [
        ({"mbs_unit_of_three": False}, "invoice_line.0.price.price_unit", "EA"),
        ({"mbs_date_is_issue_date": False}, "issue_date", "2026-10-02"),
    ],
)
def test_a_milder_authority_takes_what_another_refuses(
    sandbox: Client, switch: dict[str, Any], path: str, value: str
) -> None:
    document = changed(example("b2b_invoice"), path, value)
    assert sandbox.mbs("POST", "/invoice/validate", json=document).status_code == 400
    sandbox.control("settings", switch)
    assert sandbox.mbs("POST", "/invoice/validate", json=document).status_code == 200


def notices(receiver: Receiver, number: int) -> list[str]:
    receiver.wait_for(number)
    time.sleep(0.2)
    return [json.loads(each.body)["message"] for each in receiver.received]


@pytest.fixture
def receiver() -> Any:
    made = Receiver()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({}, ["TRANSMITTING", "TRANSMITTED", "ACKNOWLEDGED"]),
        ({"mbs_webhook_shuffle": True}, ["ACKNOWLEDGED", "TRANSMITTED", "TRANSMITTING"]),
        ({"mbs_webhook_copies": 2, "mbs_buyer_acknowledges": False}, ["TRANSMITTING"] * 2 + ["TRANSMITTED"] * 2),
        ({"mbs_transmit_fails": True}, ["TRANSMITTING", "FAILED"]),
        ({"mbs_webhook_delay_ms": 300}, ["TRANSMITTING", "TRANSMITTED", "ACKNOWLEDGED"]),
    ],
)
def test_a_transmission_is_told_as_the_switches_say(
    sandbox: Client, receiver: Receiver, switches: dict[str, Any], expected: list[str]
) -> None:
    sandbox.control("settings", {"mbs_webhook_target": f"{receiver.url}/hook", **switches})
    sign(sandbox)
    irn = example("b2b_invoice")["irn"]
    assert sandbox.mbs("POST", f"/invoice/transmit/{irn}").json()["data"] == {"ok": True}
    assert notices(receiver, len(expected)) == expected
    state = sandbox.mbs("GET", f"/invoice/confirm/{irn}").json()["data"]
    assert state["transmitted"] is ("TRANSMITTED" in expected)
    assert state["delivered"] is ("ACKNOWLEDGED" in expected)


def test_no_message_is_sent_where_webhooks_are_missing(sandbox: Client, receiver: Receiver) -> None:
    sandbox.control("settings", {"mbs_webhook_target": receiver.url, "mbs_webhook_copies": 0})
    sign(sandbox)
    irn = example("b2b_invoice")["irn"]
    assert sandbox.mbs("POST", f"/invoice/transmit/{irn}").status_code == 200
    time.sleep(0.3)
    assert receiver.received == []
    assert sandbox.mbs("GET", f"/invoice/confirm/{irn}").json()["data"]["delivered"] is True


def test_transmitting_needs_a_webhook_and_a_buyer_who_can_be_reached(sandbox: Client) -> None:
    sign(sandbox)
    path = f"/invoice/transmit/{example('b2b_invoice')['irn']}"
    refused = sandbox.mbs("POST", path)
    assert (refused.status_code, refused.json()["error"]["public_message"]) == (400, "webhook url is not setup")
    assert sandbox.mbs("GET", "/invoice/transmit/self-health-check").status_code == 400
    sandbox.control("settings", {"mbs_webhook_target": "http://127.0.0.1:9/", "mbs_buyers_offline": True})
    offline = sandbox.mbs("POST", path)
    assert offline.status_code == 404
    assert "access points are offline" in offline.json()["error"]["details"]
    sandbox.control("settings", {"mbs_buyers_offline": False, "mbs_buyer_acknowledges": False})
    assert sandbox.mbs("POST", path).status_code == 200
    pulled = sandbox.mbs("GET", "/invoice/transmit/pull", params={"confirmed": "false"}).json()["data"]
    assert pulled["invoices"] == [{"irn": example("b2b_invoice")["irn"]}]
    assert sandbox.mbs("PATCH", path, json={"message": "ACKNOWLEDGED"}).status_code == 200
    assert sandbox.mbs("GET", path.replace("transmit", "confirm")).json()["data"]["delivered"] is True


VAT = {
    "agent_tin": "90012345-0001", "beneficiary_tin": "90054321-0001", "irn": "ADU000187-C41D9D42-20261120",
    "currency": "NGN", "item_description": "Shelves", "base_amount": "277500.00", "vat_calculated": "20250.00",
    "vat_rate": "7.5", "vat_status": "STANDARD_VAT", "other_taxes": "0.00", "total_amount": "290250.00",
    "transaction_date": "2026-11-20", "integrator_service_id": "",
}  # fmt: skip


def test_a_vat_report_is_kept_as_often_as_it_comes(sandbox: Client) -> None:
    assert sandbox.mbs("POST", "/vat/postpayment", json=VAT).status_code == 404
    sign(sandbox)
    numbers = sandbox.mbs("POST", "/vat/postpayment", json=VAT | {"total_amount": 290250})
    assert numbers.json()["error"]["details"] == "vatpostpaymentrequest.totalamount is required"
    for _ in range(2):
        assert sandbox.mbs("POST", "/vat/postpayment", json=VAT).json()["data"] == {"ok": True}
    assert len(sandbox.control("mbs/exchange")["vat_reports"]) == 2


def test_the_oracle_catches_a_blind_resend_and_allows_one_after_an_absent_answer(sandbox: Client) -> None:
    irn = example("b2b_invoice")["irn"]
    plan(sandbox, "drop")
    assert sign(sandbox) is None
    assert sign(sandbox) is not None  # nobody asked in between
    [sentence] = blind_resends(sandbox.control("mbs/log"))
    assert irn in sentence
    sandbox.control("reset", {})
    plan(sandbox, "drop")
    assert sign(sandbox) is None
    assert not known(sandbox)
    assert sign(sandbox) is not None
    log = sandbox.control("mbs/log")
    assert blind_resends(log) == accepted_twice(log) == never_accepted(log) == []
    assert (len(judge(log)[irn].signs), judge(log)[irn].is_settled) == (2, True)


def test_the_oracle_takes_no_silence_for_an_absent_answer(sandbox: Client) -> None:
    irn = example("b2b_invoice")["irn"]
    faults = [
        {"kind": "html_502", **SIGN},
        {"kind": "drop", "path_prefix": "/api/v1/invoice/confirm"},
    ]
    sandbox.control("settings", {"mbs_faults": faults})
    sign(sandbox)
    with pytest.raises(requests.ConnectionError):
        sandbox.mbs("GET", f"/invoice/confirm/{irn}")
    sign(sandbox)
    assert len(blind_resends(sandbox.control("mbs/log"))) == 1


def test_a_definite_refusal_allows_another_hand_in(sandbox: Client) -> None:
    wrong = changed(example("b2b_invoice"), "accounting_customer_party.tin", "123")
    sign(sandbox, wrong)
    sign(sandbox)
    log = sandbox.control("mbs/log")
    assert [entry["answer"] for entry in log] == ["refused", "ok"]
    assert blind_resends(log) == []


def test_a_storm_mixes_faults_by_rate_and_repeats_with_its_seed(sandbox: Client) -> None:
    runs = []
    for _ in range(2):
        sandbox.control("reset", {})
        sandbox.control("settings", {"mbs_storm": {"rate": 0.5, "seed": 7, "seconds": 0.01}})
        for number in range(60):
            sign(sandbox, example("b2b_invoice") | {"irn": f"ADU{number:06}-C41D9D42-20261120"})
        signs = [entry for entry in sandbox.control("mbs/log") if entry["fault"] != "late"]
        runs.append([entry["fault"] for entry in signs])
    assert runs[0] == runs[1]
    assert 15 < sum(bool(fault) for fault in runs[0]) < 45
    assert len(set(runs[0])) > 6
    assert "bad_keys" not in runs[0]


def test_nothing_of_before_happens_after_a_reset(sandbox: Client) -> None:
    plan(sandbox, "late_commit", seconds=0.2)
    sign(sandbox)
    sandbox.control("reset", {})
    time.sleep(0.4)
    assert sandbox.control("mbs/log") == []
    assert not known(sandbox)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mbs_storm": {"rate": 2}},
        {"mbs_storm": {"rate": 0.5, "kinds": ["bad_keys"]}},
        {"mbs_faults": [{"kind": "lightning"}]},
        {"mbs_webhook_copies": 9},
        {"mbs_refuse_zero": 1},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(sandbox: Client, wrong: dict[str, Any]) -> None:
    assert sandbox.call("POST", "/_control/settings", json=wrong).status_code == 400
