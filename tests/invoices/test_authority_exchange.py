"""The calls around a signed document: passing it on, its payment, its VAT, its copy, taxpayers and code lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from invoices.authority.base import (
    Absent,
    Accepted,
    CredentialsRefused,
    Downloaded,
    EntityFound,
    Listed,
    LookupFailed,
    Offline,
    PartyFound,
    Rejected,
    Unclear,
    Undecipherable,
    VatReport,
)
from invoices.authority.entities import expected_service_id, service_id_in, service_id_warnings
from invoices.authority.environment import environment_of
from invoices.authority.mbs import MBSAuthority
from invoices.checks import choices_are_known, environments_are_not_mixed, key_groups_are_known
from invoices.models import Business
from invoices.services.authority_keys import Group, pair_for
from tests.sandbox.documents import example
from tests.sandbox_process import SandboxProcess

IRN = "ADU000187-C41D9D42-20261120"
TRANSMIT, UPDATE, VAT = "/api/v1/invoice/transmit/", "/api/v1/invoice/update/", "/api/v1/vat/"


@pytest.fixture
def authority(sandbox: SandboxProcess) -> Any:
    authority = MBSAuthority(api_key="sandbox-key", api_secret="sandbox-secret")
    yield authority
    authority.close()


@pytest.fixture
def signed(authority: MBSAuthority, sandbox: SandboxProcess) -> bytes:
    sandbox.set(mbs_webhook_target="http://127.0.0.1:9/")
    body = orjson.dumps(example("b2b_invoice"))
    assert isinstance(authority.sign(body), Accepted)
    return body


def report() -> VatReport:
    return VatReport(
        agent_tin="90012345-0001", beneficiary_tin="90054321-0001", irn=IRN, currency="NGN",
        item_description="Shelves", base_amount="277500.00", vat_calculated="20250.00", vat_rate="7.5",
        vat_status="STANDARD_VAT", other_taxes="0.00", total_amount="290250.00", transaction_date="2026-11-20",
        integrator_service_id="",
    )  # fmt: skip


def test_a_signed_document_is_passed_on(authority: MBSAuthority, signed: bytes) -> None:
    assert isinstance(authority.transmit(IRN), Accepted)


def test_a_buyer_who_is_offline_is_no_refusal(authority: MBSAuthority, signed: bytes, sandbox: SandboxProcess) -> None:
    sandbox.set(mbs_buyers_offline=True)
    assert isinstance(authority.transmit(IRN), Offline)
    assert isinstance(authority.lookup_tin("90012345-0001"), Offline)


def test_a_missing_webhook_is_named(authority: MBSAuthority, signed: bytes, sandbox: SandboxProcess) -> None:
    sandbox.set(mbs_webhook_target="")
    refused = authority.transmit(IRN)
    assert isinstance(refused, Rejected)
    assert refused.field == "webhook"
    assert "webhook address" in refused.sentence


WRITES: list[tuple[str, Callable[[MBSAuthority], Any]]] = [
    (TRANSMIT, lambda authority: authority.transmit(IRN)),
    (UPDATE, lambda authority: authority.update_payment_status(IRN, "PAID")),
    (VAT, lambda authority: authority.report_vat(report())),
]


@pytest.mark.parametrize(("path", "call"), WRITES)
@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("drop", Unclear), ("commit_drop", Unclear), ("commit_504", Unclear), ("error_500", Unclear),
        ("html_502", Unclear), ("busy", Unclear), ("duplicate_2026", Unclear), ("bad_keys", CredentialsRefused),
    ],
)  # fmt: skip
def test_what_may_have_happened_is_unclear(
    authority: MBSAuthority,
    signed: bytes,
    sandbox: SandboxProcess,
    path: str,
    call: Callable[[MBSAuthority], Any],
    kind: str,
    outcome: type,
) -> None:
    sandbox.mbs_fault(kind, path)
    assert type(call(authority)) is outcome


@pytest.mark.parametrize(("path", "call"), WRITES)
def test_an_invoice_that_is_not_there_is_refused(
    authority: MBSAuthority, path: str, call: Callable[[MBSAuthority], Any]
) -> None:
    assert isinstance(call(authority), Rejected)


def test_payment_status_and_vat_arrive(authority: MBSAuthority, signed: bytes, sandbox: SandboxProcess) -> None:
    assert isinstance(authority.update_payment_status(IRN, "PAID"), Accepted)
    refused = authority.update_payment_status(IRN, "HALF")
    assert isinstance(refused, Rejected)
    assert "must be one of" in refused.sentence
    assert isinstance(authority.report_vat(report()), Accepted)
    assert isinstance(authority.report_vat(replace(report(), vat_status="VAT")), Rejected)
    assert [each["irn"] for each in sandbox.get("/_control/mbs/exchange")["vat_reports"]] == [IRN]


def test_a_copy_is_opened_by_both_readings_of_its_key(
    authority: MBSAuthority, signed: bytes, sandbox: SandboxProcess, settings: Any
) -> None:
    copy = authority.download(IRN)
    assert isinstance(copy, Downloaded)
    assert copy.document == signed
    sandbox.set(mbs_download_key="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    assert isinstance(authority.download(IRN), Undecipherable)
    settings.MBS_DOWNLOAD_KEY_FORM = "given"
    settings.MBS_DOWNLOAD_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    copy = authority.download(IRN)
    assert isinstance(copy, Downloaded)
    assert copy.document == signed


@pytest.mark.parametrize(
    "data",
    [
        {"iv_Hex": "zz", "pub": "p" * 24, "data": "AAAA"},
        {"iv_hex": "00" * 16, "pub": "short", "data": "AAAA"},
        {"iv_hex": "00" * 16, "pub": "p" * 24},
        {"iv_hex": "00" * 16, "pub": "p" * 24, "data": "no base64!"},
    ],
)
def test_a_malformed_copy_is_told(authority: MBSAuthority, sandbox: SandboxProcess, data: dict[str, str]) -> None:
    sandbox.fail_next("GET", "/api/v1/invoice/download/", status=200, body={"code": 200, "data": data})
    assert isinstance(authority.download(IRN), Undecipherable)


def test_a_copy_of_nothing_is_absent(authority: MBSAuthority) -> None:
    assert isinstance(authority.download(IRN), Absent)


def test_an_entity_tells_the_service_id(authority: MBSAuthority, sandbox: SandboxProcess) -> None:
    seller = sandbox.get("/_control/businesses")[0]
    found = authority.entity(seller["entity_id"])
    assert isinstance(found, EntityFound)
    [business] = found.businesses
    assert (business.business_id, business.service_id) == (seller["business_id"], "C41D9D42")
    assert isinstance(authority.entity("7d3f2b90-0000-4a55-9e10-0f1e2d3c4b5a"), Absent)
    assert isinstance(authority.entity("abc"), LookupFailed)


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("{{invoice_id(e.g:INV00XXX)}}-C41D9D42-{{YYYYMMDD(e.g:20250629)}}", "C41D9D42"),
        ("{{invoice_id}}-zzxxyy12-{{YYYYMMDD}}", "ZZXXYY12"),
        ("{{invoice_id}}-{{YYYYMMDD}}", ""),
        ("", ""),
    ],
)
def test_the_service_id_is_in_the_middle_of_the_template(template: str, found: str) -> None:
    assert service_id_in(template) == found


def test_a_service_id_that_disagrees_is_a_warning() -> None:
    ids = {"entity_id": "7d3f2b90-c41d-4a55-9e10-0f1e2d3c4b5a", "business_id": "5b0e7c1a-9d42-4f6e-8c37-1a2b3c4d5e6f"}
    assert expected_service_id(**ids) == "C41D9D42"
    assert service_id_warnings(template_id="C41D9D42", profile_id="C41D9D42", **ids) == []
    both = service_id_warnings(template_id="ZZXXYY12", profile_id="C41D9D42", **ids)
    assert ["ZZXXYY12" in each for each in both] == [True, True]
    assert service_id_warnings(template_id="ZZXXYY12", profile_id="", entity_id="", business_id="x") == []


def test_a_tin_is_looked_up(authority: MBSAuthority) -> None:
    found = authority.lookup_tin("90012345-0001")
    assert isinstance(found, PartyFound)
    assert found.name == "Adupe Office Supplies Ltd"
    assert isinstance(authority.lookup_tin("99999999-9999"), Absent)


def test_code_lists_come_without_keys_and_can_be_down(sandbox: SandboxProcess) -> None:
    nobody = MBSAuthority(api_key="", api_secret="")
    listed = nobody.resources("tax-categories")
    assert isinstance(listed, Listed)
    assert len(listed.rows) == 27
    sandbox.set(mbs_resources_down=True)
    assert isinstance(nobody.resources("tax-categories"), LookupFailed)
    assert isinstance(nobody.resources("no-such-list"), LookupFailed)
    nobody.close()


# Keys and environments.


def test_each_group_of_calls_has_its_pair(business: Business, settings: Any) -> None:
    settings.MBS_API_KEY, settings.MBS_API_SECRET = "default", "d"
    assert pair_for(business, Group.DOCUMENTS) == ("sandbox-key", "sandbox-secret")
    assert pair_for(business, Group.ENTITY) == ("sandbox-key", "sandbox-secret")
    settings.MBS_SI_API_KEY, settings.MBS_SI_API_SECRET = "si", "s"
    assert pair_for(business, Group.ENTITY) == ("si", "s")
    settings.MBS_KEY_GROUPS = {"exchange": "default", "entity": "business"}
    assert pair_for(business, Group.EXCHANGE) == ("default", "d")
    assert pair_for(business, Group.ENTITY) == ("sandbox-key", "sandbox-secret")
    business.api_key = ""
    assert pair_for(business, Group.DOCUMENTS) == ("default", "d")
    assert key_groups_are_known() == []
    settings.MBS_KEY_GROUPS = {"entities": "si", "report": "mine"}
    assert len(key_groups_are_known()) == 2


def test_an_authority_that_wants_the_si_pair_gets_it(
    business: Business, sandbox: SandboxProcess, settings: Any
) -> None:
    settings.MBS_SI_API_KEY, settings.MBS_SI_API_SECRET = "sandbox-si-key", "sandbox-si-secret"
    sandbox.set(mbs_entity_needs_si=True)
    key, secret = pair_for(business, Group.ENTITY)
    authority = MBSAuthority(api_key=key, api_secret=secret)
    assert isinstance(authority.entity(str(business.entity_id)), EntityFound)
    authority.close()


@pytest.mark.parametrize(
    ("url", "told", "environment"),
    [
        ("https://api.firsmbs.com", "", "production"),
        ("https://API.firsmbs.com", "sandbox", "production"),
        ("https://eivc-k6z6d.ondigitalocean.app", "", "sandbox"),
        ("http://127.0.0.1:8900", "", "sandbox"),
        ("https://api.nrsmbs.example", "", ""),
        ("https://api.nrsmbs.example", "production", "production"),
    ],
)
def test_an_address_tells_its_environment(url: str, told: str, environment: str) -> None:
    assert environment_of(url, told) == environment


@pytest.mark.parametrize(
    ("environment", "url"),
    [("production", ""), ("sandbox", "https://api.firsmbs.com"), ("sandbox", "https://x.example")],
)
def test_environments_that_are_mixed_are_refused_before_anything_is_sent(
    sandbox: SandboxProcess, settings: Any, environment: str, url: str
) -> None:
    assert environments_are_not_mixed() == []
    settings.ENVIRONMENT, settings.MBS_BASE_URL = environment, url or sandbox.url
    [refusal] = environments_are_not_mixed()
    authority = MBSAuthority(api_key="sandbox-key", api_secret="sandbox-secret")
    verdict = authority.sign(orjson.dumps(example("b2b_invoice")))
    assert isinstance(verdict, CredentialsRefused)
    assert verdict.sentence == refusal.msg
    assert isinstance(authority.confirm(IRN), CredentialsRefused)
    assert isinstance(authority.resources("currencies"), LookupFailed)
    assert sandbox.mbs_log() == []
    authority.close()


def test_a_choice_that_nobody_knows_is_named(settings: Any) -> None:
    assert choices_are_known() == []
    settings.MBS_VOID_WORD = "VOID"
    assert [each.id for each in choices_are_known()] == ["invoices.E002"]
