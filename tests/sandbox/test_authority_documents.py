"""What the authority registers, refuses and tells about it afterwards."""

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.sandbox.client import KEYS, Client
from tests.sandbox.documents import changed, example

DUPLICATE = "unable to complete this operation at this time, kindly try again later"


def test_health_and_code_lists_need_no_keys(sandbox: Client) -> None:
    assert sandbox.call("GET", "/api").json() == {"healthy": True}
    counts = {"countries": 249, "currencies": 118, "invoice-types": 20, "tax-categories": 27, "services-codes": 419}
    for name, rows in counts.items():
        answer = sandbox.call("GET", f"/api/v1/invoice/resources/{name}").json()
        assert (answer["code"], len(answer["data"])) == (200, rows)


@pytest.mark.parametrize("keys", [{}, {"x-api-key": "sandbox-key"}, KEYS | {"x-api-secret": "wrong"}])
def test_wrong_keys_are_a_400(sandbox: Client, keys: dict[str, str]) -> None:
    answer = sandbox.call("POST", "/api/v1/invoice/sign", headers=keys, json=example("b2b_invoice"))
    assert answer.status_code == 400
    body = answer.json()
    assert (body["code"], body["data"], body["message"]) == (400, None, "error has occurred")
    assert body["error"]["handler"] == "handler"
    assert body["error"]["public_message"] == "unable to validate api key"
    assert "details" not in body["error"]
    assert sandbox.control("received")["mbs"]["signed"] == []


def test_an_unknown_route_has_no_error_object(sandbox: Client) -> None:
    body = sandbox.mbs("GET", "/invoices/all").json()
    assert set(body) == {"code", "data", "message"}
    assert body["code"] == 404


def test_every_example_signs(sandbox: Client) -> None:
    for name in ("b2b_invoice", "b2b_credit_note", "b2c_receipt"):
        document = example(name)
        checked = sandbox.mbs("POST", "/invoice/validate", json=document)
        assert (checked.status_code, checked.json()) == (200, {"code": 200, "data": {"ok": True}})
        signed = sandbox.mbs("POST", "/invoice/sign", json=document)
        assert (signed.status_code, signed.json()) == (201, {"code": 201, "data": {"ok": True}})
    received = sandbox.control("received")["mbs"]["signed"]
    assert [entry["sums_ok"] for entry in received] == [True] * 3
    assert [entry["buyer_tin"] for entry in received] == ["90054321-0001", "90054321-0001", None]
    assert received[0]["document"] == example("b2b_invoice")
    assert float(received[0]["payable_amount"]) == 290250


@pytest.mark.parametrize("number", [1, 2])
def test_another_business_signs_under_its_own_template(sandbox: Client, number: int) -> None:
    seller = sandbox.control("businesses")[number]
    document = example("b2b_invoice") | {"business_id": seller["business_id"]}
    wrong = sandbox.mbs("POST", "/invoice/sign", json=document)
    assert wrong.json()["error"]["public_message"] == "irn validation failed"
    document["irn"] = f"ADU000187-{seller['service_id']}-20261120"
    assert sandbox.mbs("POST", "/invoice/sign", json=document).status_code == 201


def test_the_body_is_kept_to_the_byte(sandbox: Client) -> None:
    raw = json.dumps(example("b2b_invoice"), indent=3).encode()
    assert sandbox.mbs("POST", "/invoice/sign", data=raw).status_code == 201
    entry = sandbox.control("received")["mbs"]["signed"][0]
    assert entry["body_sha256"] == hashlib.sha256(raw).hexdigest()
    assert "document" not in sandbox.control("received?documents=0")["mbs"]["signed"][0]


def test_a_second_sign_gets_the_ambiguous_text_and_registers_nothing(sandbox: Client) -> None:
    document = example("b2b_invoice")
    assert sandbox.mbs("POST", "/invoice/sign", json=document).status_code == 201
    for path in ("/invoice/sign", "/invoice/validate"):
        again = sandbox.mbs("POST", path, json=document)
        assert (again.status_code, again.json()["error"]["details"]) == (400, DUPLICATE)
    received = sandbox.control("received")["mbs"]
    assert len(received["signed"]) == 1
    assert received["sign_attempts"] == {document["irn"]: 2}
    assert [entry["path"] for entry in received["rejected"]] == ["/api/v1/invoice/sign", "/api/v1/invoice/validate"]


def test_twenty_signs_at_once_register_one(sandbox: Client) -> None:
    document = example("b2b_invoice")
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(sandbox.mbs, "POST", "/invoice/sign", json=document) for _ in range(20)]
    assert sorted(call.result().status_code for call in calls) == [201] + [400] * 19


def test_a_used_number_with_another_date_is_refused(sandbox: Client) -> None:
    document = example("b2b_invoice")
    assert sandbox.mbs("POST", "/invoice/sign", json=document).status_code == 201
    document |= {"irn": "ADU000187-C41D9D42-20261121", "issue_date": "2026-11-21"}
    error = sandbox.mbs("POST", "/invoice/sign", json=document).json()["error"]
    assert error["public_message"] == "irn validation failed"
    assert "ADU000187" in error["details"]


@pytest.mark.parametrize(
    "change",
    [
        {"irn": "ADU000187-FFFFFFFF-20261120"},
        {"irn": "ADU-000187-C41D9D42-20261120"},
        {"irn": "ADU000187-C41D9D42-20261320"},
        {"irn": "A" * 40 + "-C41D9D42-20261120"},
        {"irn": "ADU000187"},
        {"irn": "ADU000187-C41D9D42-20261121"},
    ],
)
def test_an_irn_off_the_template_is_refused(sandbox: Client, change: dict[str, str]) -> None:
    error = sandbox.mbs("POST", "/invoice/sign", json=example("b2b_invoice") | change).json()["error"]
    assert error["handler"] == "invoice_actions"
    assert error["public_message"] == "irn validation failed"
    assert "refer to the template" in error["details"]


def test_irn_validate_checks_number_business_and_use(sandbox: Client) -> None:
    document = example("b2b_invoice")
    body = {"invoice_reference": "ADU000187", "business_id": document["business_id"], "irn": document["irn"]}
    path = "/invoice/irn/validate"
    assert sandbox.mbs("POST", path, json=body).json() == {"code": 200, "data": {"ok": True}}
    assert sandbox.mbs("POST", path, json=body | {"invoice_reference": "ADU-000187"}).status_code == 400
    short = sandbox.mbs("POST", path, json=body | {"business_id": document["business_id"][:-1]}).json()
    assert short["error"]["details"] == "invalid UUID length: 35"
    sandbox.mbs("POST", "/invoice/sign", json=document)
    assert sandbox.mbs("POST", path, json=body).json()["error"]["details"] == DUPLICATE


def test_a_credit_note_needs_an_invoice_that_is_known(sandbox: Client) -> None:
    error = sandbox.mbs("POST", "/invoice/sign", json=example("b2b_credit_note")).json()["error"]
    assert error["details"] == "invoicerequest.invoice.billingreference[0].irn is not known"


def test_confirm_and_search_tell_whether_an_irn_is_registered(sandbox: Client) -> None:
    document = example("b2b_invoice")
    business, irn = document["business_id"], document["irn"]
    unknown = sandbox.mbs("GET", f"/invoice/confirm/{irn}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, 404)
    empty = sandbox.mbs("GET", f"/invoice/{business}", params={"irn": irn}).json()["data"]
    assert empty["items"] is None
    assert empty["page"] == {
        "page": 1, "size": 10, "hasNextPage": False, "hasPreviousPage": False, "totalCount": 0,
    }  # fmt: skip
    sandbox.mbs("POST", "/invoice/sign", json=document)
    confirmed = sandbox.mbs("GET", f"/invoice/confirm/{irn}").json()["data"]
    assert confirmed.pop("sync_date")
    assert confirmed == {
        "issue_date": "2026-11-20", "due_date": "2026-12-20", "payment_status": "PENDING", "transmitted": False,
        "delivered": False,
    }  # fmt: skip
    item = sandbox.mbs("GET", f"/invoice/{business}", params={"irn": irn}).json()["data"]["items"][0]
    assert item["issue_date"] == "2026-11-20T00:00:00Z"
    assert item["entry_status"] == "TRANSMITTING"


def test_search_pages_by_ten_newest_first_and_filters(sandbox: Client) -> None:
    document = example("b2b_invoice")
    irns = [f"ADU{number:06}-C41D9D42-20261120" for number in range(12)]
    for irn in irns:
        assert sandbox.mbs("POST", "/invoice/sign", json=document | {"irn": irn}).status_code == 201
    path = f"/invoice/{document['business_id']}"
    first = sandbox.mbs("GET", path).json()["data"]
    assert [item["irn"] for item in first["items"]] == irns[:1:-1]
    assert first["page"]["hasNextPage"] is True
    second = sandbox.mbs("GET", path, params={"page": "2"}).json()["data"]
    assert [item["irn"] for item in second["items"]] == [irns[1], irns[0]]
    oldest = sandbox.mbs("GET", path, params={"sort_direction_desc": "false", "size": "1"}).json()["data"]
    assert oldest["items"][0]["irn"] == irns[0]
    assert sandbox.mbs("GET", path, params={"issue_date": "2026-11-19"}).json()["data"]["items"] is None
    assert sandbox.mbs("GET", "/invoice/abc").json()["error"]["details"] == "invalid UUID length: 3"


def test_the_payment_status_can_be_set(sandbox: Client) -> None:
    document = example("b2b_invoice")
    path = f"/invoice/update/{document['irn']}"
    assert sandbox.mbs("PATCH", path, json={"payment_status": "PAID"}).status_code == 404
    sandbox.mbs("POST", "/invoice/sign", json=document)
    assert sandbox.mbs("PATCH", path, json={"payment_status": "HALF"}).status_code == 400
    assert sandbox.mbs("PATCH", path, json={"payment_status": "PAID"}).json()["data"] == {"ok": True}
    assert sandbox.mbs("GET", f"/invoice/confirm/{document['irn']}").json()["data"]["payment_status"] == "PAID"


def test_a_download_decrypts_to_the_document(sandbox: Client) -> None:
    document = example("b2b_invoice")
    sandbox.mbs("POST", "/invoice/sign", json=document)
    data = sandbox.mbs("GET", f"/invoice/download/{document['irn']}").json()["data"]
    assert len(data["pub"]) == 24
    key = (data["pub"] + "sandbox-").encode()
    decryptor = Cipher(AES(key), CFB(bytes.fromhex(data["iv_hex"]))).decryptor()
    text = data["data"] + "=" * (-len(data["data"]) % 4)
    assert json.loads(decryptor.update(base64.urlsafe_b64decode(text)) + decryptor.finalize()) == document


def test_entities_show_businesses_and_their_template(sandbox: Client) -> None:
    seller = sandbox.control("businesses")[0]
    listed = sandbox.mbs("GET", "/entity").json()["data"]
    assert listed["page"]["totalCount"] == 3
    entity = sandbox.mbs("GET", f"/entity/{seller['entity_id']}").json()["data"]
    assert entity["businesses"][0]["id"] == seller["business_id"]
    assert entity["businesses"][0]["irn_template"] == "{{invoice_id(e.g:INV00XXX)}}-C41D9D42-{{YYYYMMDD(e.g:20250629)}}"
    error = sandbox.mbs("GET", "/entity/abc").json()["error"]
    assert (error["handler"], error["details"]) == ("entity_actions", "invalid UUID length: 3")


def qr_payload(key_file: dict[str, str], irn: str, certificate: str) -> str:
    key = load_pem_public_key(base64.b64decode(key_file["public_key"]))
    assert isinstance(key, RSAPublicKey)
    text = json.dumps({"irn": irn, "certificate": certificate}, separators=(",", ":"))
    return base64.b64encode(key.encrypt(text.encode(), padding.PKCS1v15())).decode()


@pytest.mark.parametrize(
    ("suffix", "form"), [(".1795348800", "unix"), (".104205123", "hms"), ("", "none"), (".x", "unknown")]
)
def test_a_qr_code_can_be_read_back(sandbox: Client, suffix: str, form: str) -> None:
    document = example("b2b_invoice")
    key_file = sandbox.control("businesses")[0]["key_file"]
    assert (len(key_file["public_key"]), len(key_file["certificate"])) == (604, 60)
    assert len(base64.b64decode(base64.b64decode(key_file["certificate"]))) == 32
    payload = qr_payload(key_file, document["irn"] + suffix, key_file["certificate"])
    assert len(payload) == 344
    before = sandbox.control("qr", {"payload": payload})
    assert before["irn"] == document["irn"]
    assert (before["suffix_form"], before["certificate_ok"], before["known_irn"]) == (form, True, False)
    sandbox.mbs("POST", "/invoice/sign", json=document)
    assert sandbox.control("qr", {"payload": payload})["known_irn"] is True


def test_a_qr_code_with_another_certificate_or_key_is_seen_through(sandbox: Client) -> None:
    one, other = (seller["key_file"] for seller in sandbox.control("businesses")[:2])
    read = sandbox.control("qr", {"payload": qr_payload(one, "A-C41D9D42-20261120.1", other["certificate"])})
    assert read["certificate_ok"] is False
    for payload in ("AAAA", "not base64!", base64.b64encode(bytes(256)).decode()):
        assert sandbox.call("POST", "/_control/qr", json={"payload": payload}).status_code == 400


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("legal_monetary_total.payable_amount", 290250.01),
        ("legal_monetary_total.tax_exclusive_amount", 1),
        ("tax_total.0.tax_amount", 20250.01),
        ("tax_total.0.tax_subtotal.0.taxable_amount", 269999.99),
        ("invoice_line.0.line_extension_amount", 237500.01),
        ("allowance_charge.0.amount", 7500.5),
    ],
)
def test_sums_that_do_not_hold_are_registered_and_reported(sandbox: Client, path: str, value: float) -> None:
    document = changed(example("b2b_invoice"), path, value)
    assert sandbox.mbs("POST", "/invoice/sign", json=document).status_code == 201
    assert sandbox.control("received")["mbs"]["signed"][0]["sums_ok"] is False
