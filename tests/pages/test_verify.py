from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from django.test import Client

from accounts.models import Role
from integrations.base import visits
from integrations.models import Connection
from invoices.models import Business, Invoice, Status
from invoices.services import verifying
from invoices.verify_views import CALLS
from tests.brokers import NOWHERE
from tests.pages.making import Reader, make_held, make_invoice

_addresses = count(1)


@pytest.fixture
def stranger() -> Client:
    """Return a browser that signed in nowhere, at an address that nobody counted yet."""
    number = next(_addresses)
    return Client(REMOTE_ADDR=f"fd00:{os.getpid() % 65536:x}:{number:x}::1")


def read(answer: Any) -> str:
    return Reader(answer.content.decode()).text


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (Status.READY, verifying.UNSIGNED),
        (Status.UNKNOWN, verifying.UNSIGNED),
        (Status.CONFIG_ERROR, verifying.UNSIGNED),
        (Status.REJECTED, verifying.REJECTED),
        (Status.VOIDED, verifying.VOIDED),
        (Status.SIGNED, verifying.SIGNED),
        (Status.TRANSMITTED, verifying.SIGNED),
        (Status.DELIVERED, verifying.SIGNED),
        (Status.CREDITED, verifying.CREDITED),
    ],
)
def test_anybody_with_the_reference_number_learns_the_standing_the_seller_and_the_day(
    stranger: Client, account: Connection, business: Business, status: Status, told: tuple[str, str, str]
) -> None:
    invoice = make_invoice(account, status)
    text = read(stranger.get(f"/verify/{invoice.irn}/"))
    assert told[0] in text
    assert told[1] in text
    assert business.legal_name in text
    assert f"{invoice.issue_date:%-d %b %Y}" in text


def test_nothing_else_of_the_invoice_is_told(stranger: Client, account: Connection, business: Business) -> None:
    invoice = make_invoice(account, Status.SIGNED)
    body = stranger.get(f"/verify/{invoice.irn}/").content.decode()
    assert invoice.buyer_name
    for secret in (
        *(invoice.buyer_name, invoice.buyer_tin, business.tin, business.email, str(invoice.source_label)),
        *("290,250", "290250", "20,250", "270,000", "Shelf bay", str(invoice.document_sha256), "/invoices/"),
    ):
        assert secret not in body, secret
    assert invoice.qr_payload not in body


def test_an_unknown_number_has_a_page_of_the_same_shape(
    stranger: Client, account: Connection, business: Business
) -> None:
    invoice = make_invoice(account, Status.SIGNED)
    known = stranger.get(f"/verify/{invoice.irn}/")
    unknown = stranger.get("/verify/INV999999-C41D9D42-20261120/")
    assert (known.status_code, unknown.status_code) == (200, 200)
    assert "Not known here" in read(unknown)
    shape = re.compile(r"<(\w+)")
    without_icon = [
        [tag for tag in shape.findall(answer.content.decode()) if tag not in {"svg", "path", "circle", "time"}]
        for answer in (known, unknown)
    ]
    assert without_icon[0] == without_icon[1]


def test_a_draft_does_not_exist(stranger: Client, account: Connection, business: Business) -> None:
    held = make_held(account)
    for guess in (str(held.pk), "None", "", "null", held.source_external_id):
        assert business.legal_name not in read(stranger.get(f"/verify/{guess}/" if guess else "/verify/"))


def test_what_is_typed_in_the_form_is_forgiven_its_blanks_and_case(
    stranger: Client, account: Connection, business: Business
) -> None:
    invoice = make_invoice(account, Status.SIGNED)
    typed = f"  {str(invoice.irn).lower().replace('-', ' – ')} "
    answer = stranger.get("/verify/", {"irn": typed}, follow=True)
    assert answer.redirect_chain == [(f"/verify/{invoice.irn}/", 302)]
    assert verifying.SIGNED[1] in read(answer)


@pytest.mark.parametrize("typed", ["hello", "'; DROP TABLE--", "<script>alert(1)</script>", "A" * 500, "../../etc"])
def test_what_is_no_reference_number_is_said_beside_the_field(stranger: Client, db: None, typed: str) -> None:
    answer = stranger.get("/verify/", {"irn": typed})
    assert "That is not a reference number" in read(answer)
    assert "<script>alert" not in answer.content.decode()


def test_who_asks_too_often_waits_and_others_do_not(stranger: Client, db: None) -> None:
    address = "/verify/INV999999-C41D9D42-20261120/"
    answers = [stranger.get(address) for _ in range(CALLS + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {200}
    assert answers[-1].status_code == 429
    assert answers[-1]["Retry-After"] == "60"
    assert "Wait a minute, then ask again." in read(answers[-1])
    assert Client(REMOTE_ADDR=f"fd01:{os.getpid() % 65536:x}::1").get(address).status_code == 200


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(settings: Any, rf: Any) -> None:
    request = rf.get("/verify/", headers={"X-Forwarded-For": "1.1.1.1, 203.0.113.7"}, REMOTE_ADDR="10.0.0.1")
    assert visits.address_of(request) == "10.0.0.1"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert visits.address_of(request) == "203.0.113.7"


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    """Let the counter speak to a port where nothing listens."""
    settings.REDIS_URL = NOWHERE
    visits._server.cache_clear()
    yield
    visits._server.cache_clear()


def test_without_redis_the_page_still_answers(stranger: Client, db: None, redis_away: None) -> None:
    assert stranger.get("/verify/INV999999-C41D9D42-20261120/").status_code == 200


def test_the_page_of_another_tenants_invoice_is_the_same_for_who_is_signed_in(
    sign_in: Callable[..., Client], account: Connection, business: Business, stranger: Client
) -> None:
    invoice: Invoice = make_invoice(account, Status.SIGNED)
    assert read(sign_in(Role.OWNER).get(f"/verify/{invoice.irn}/")) == read(stranger.get(f"/verify/{invoice.irn}/"))


def test_one_ipv6_customer_is_one_visitor() -> None:
    assert visits.neighbourhood("2001:db8::1") == visits.neighbourhood("2001:db8::ffff:2")
    assert visits.neighbourhood("2001:db8::1") != visits.neighbourhood("2001:db8:0:1::1")
    assert visits.neighbourhood("203.0.113.7") != visits.neighbourhood("203.0.113.8")
    assert visits.neighbourhood("nonsense") == visits.neighbourhood("")
