"""Numbers, reference numbers, key files and codes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from invoices.drafts import Seller
from invoices.irn import IrnInvalid, in_lagos, make_irn, number_text
from invoices.qr import KeyFileInvalid, parse_key_file, qr_payload, qr_svg, suffix

NOON = datetime(2026, 11, 20, 11, 0, 1, 234567, tzinfo=UTC)


def test_a_number_has_at_least_six_digits() -> None:
    assert number_text("INV", 1) == "INV000001"
    assert number_text("INV", 1_234_567) == "INV1234567"


@pytest.mark.parametrize(("prefix", "position"), [("INV-", 1), ("inv", 1), ("INV", 0), ("A" * 30, 1)])
def test_a_number_that_the_authority_refuses_is_never_made(prefix: str, position: int) -> None:
    with pytest.raises(IrnInvalid):
        number_text(prefix, position)


def test_the_irn_ends_in_the_issue_date() -> None:
    assert make_irn("ADU000187", "C41D9D42", date(2026, 11, 20)) == "ADU000187-C41D9D42-20261120"


@pytest.mark.parametrize(("number", "service_id"), [("ADU-187", "C41D9D42"), ("ADU187", "c41d9d42"), ("ADU187", "C41")])
def test_an_irn_of_the_wrong_shape_is_refused(number: str, service_id: str) -> None:
    with pytest.raises(IrnInvalid):
        make_irn(number, service_id, date(2026, 11, 20))


def test_the_day_is_the_one_in_lagos() -> None:
    assert in_lagos(datetime(2026, 11, 20, 23, 30, tzinfo=UTC)).isoformat() == "2026-11-21T00:30:00+01:00"


def test_both_forms_of_the_key_file_are_read(seller: Seller) -> None:
    json_form = json.dumps(
        {"public_key": base64.b64encode(seller.public_key.encode()).decode(), "certificate": seller.certificate}
    )
    pem_form = f"{seller.public_key}\n{seller.certificate}\n"
    for text in (json_form, pem_form):
        key_file = parse_key_file(text)
        assert key_file.public_key.strip() == seller.public_key.strip()
        assert key_file.certificate == seller.certificate


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("{", "cut short"),
        ("hello", "neither the JSON form nor"),
        ('{"certificate": "QQ=="}', "no public_key"),
        ('{"public_key": "QQ==", "certificate": ""}', "no certificate"),
        ('{"public_key": "%%", "certificate": "QQ=="}', "not base64"),
        ('{"public_key": "QQ==", "certificate": "QQ=="}', "cannot be read"),
        ("-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n", "no certificate line"),
    ],
)
def test_a_bad_key_file_says_what_is_wrong_and_what_to_do(text: str, says: str) -> None:
    with pytest.raises(KeyFileInvalid, match=says) as refused:
        parse_key_file(text)
    assert "Download crypto_keys.txt again" in str(refused.value)


def test_a_key_of_another_kind_is_refused() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).public_key()
    text = pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(KeyFileInvalid, match="not an RSA key"):
        parse_key_file(f"{text}\nQQ==")


def test_the_authority_reads_its_code_back(seller: Seller, private_key: rsa.RSAPrivateKey) -> None:
    payload = qr_payload(
        irn="ADU000187-C41D9D42-20261120",
        public_key=seller.public_key,
        certificate=seller.certificate,
        stamp=suffix("unix", NOON),
    )
    assert len(payload) == 344
    plain = private_key.decrypt(base64.b64decode(payload), padding.PKCS1v15())
    assert plain.startswith(b'{"irn":"ADU000187-C41D9D42-20261120.1795172401","certificate":"')
    assert json.loads(plain)["certificate"] == seller.certificate


def test_the_three_forms_of_the_stamp() -> None:
    assert suffix("unix", NOON) == ".1795172401"
    assert suffix("hms", NOON) == ".120001234"
    assert suffix("none", NOON) == ""
    with pytest.raises(ValueError, match="unix, hms or none"):
        suffix("iso", NOON)


def test_the_picture_is_version_14_with_a_quiet_zone_of_4() -> None:
    picture = qr_svg(base64.b64encode(bytes(range(256))).decode())
    assert picture.startswith("<svg")
    assert 'viewBox="0 0 81 81"' in picture  # 73 modules and 4 on each side
