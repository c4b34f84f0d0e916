"""The client against the sandbox's authority, and against answers that the fact of the matter is not in."""

from __future__ import annotations

from typing import Any

import pytest

from invoices.authority.base import Absent, Accepted, CredentialsRefused, Found, LookupFailed, Unclear
from invoices.authority.mbs import MBSAuthority
from tests.sandbox_process import SandboxProcess

BUSINESS = "00000000-0000-4000-8000-000000000000"
IRN = "INV000001-C41D9D42-20261120"


@pytest.fixture
def authority(sandbox: SandboxProcess) -> Any:
    authority = MBSAuthority(api_key="sandbox-key", api_secret="sandbox-secret")
    yield authority
    authority.close()


def test_right_and_wrong_keys_are_told_apart(authority: MBSAuthority) -> None:
    assert isinstance(authority.check_credentials(), Accepted)
    stranger = MBSAuthority(api_key="sandbox-key", api_secret="guessed")
    assert isinstance(stranger.check_credentials(), CredentialsRefused)
    stranger.close()


def test_an_authority_that_is_away_says_nothing_about_the_keys(sandbox: SandboxProcess, settings: Any) -> None:
    settings.MBS_BASE_URL = "http://127.0.0.1:9"
    authority = MBSAuthority(api_key="a", api_secret="b")
    assert isinstance(authority.check_credentials(), LookupFailed)
    assert isinstance(authority.sign(b"{}"), Unclear)
    authority.close()


def test_an_unknown_number_is_absent(authority: MBSAuthority, sandbox: SandboxProcess) -> None:
    business_id = sandbox.get("/_control/businesses")[0]["business_id"]
    assert isinstance(authority.confirm(IRN), Absent)
    assert isinstance(authority.search(business_id=business_id, irn=IRN), Absent)


PAGE = {"page": 1, "size": 10}


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, {"code": 200, "data": {"items": None, "page": PAGE}}, Absent),
        (200, {"code": 200, "data": {"items": [], "page": PAGE}}, Absent),
        (200, {"code": "200", "data": {"items": [{"irn": IRN.lower()}], "page": PAGE}}, Found),
        (200, {"code": 200, "data": {"items": [{"irn": "OTHER"}], "page": PAGE}}, LookupFailed),
        (200, {"code": 200, "data": {"page": PAGE}}, LookupFailed),
        (200, {"code": 200, "data": {"items": None}}, LookupFailed),
        (200, {"code": 200, "data": None}, LookupFailed),
        (200, "<html>", LookupFailed),
        (404, {"code": 404, "error": {"details": "no such business"}}, LookupFailed),
        (404, {"code": 404, "message": "no route found"}, LookupFailed),
        (503, {}, LookupFailed),
    ],
)
def test_only_an_empty_list_in_its_envelope_means_absent(
    authority: MBSAuthority, sandbox: SandboxProcess, status: int, body: Any, outcome: type
) -> None:
    sandbox.fail_next("GET", f"/api/v1/invoice/{BUSINESS}", status=status, body=body)
    assert type(authority.search(business_id=BUSINESS, irn=IRN)) is outcome


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, {"code": 200, "data": {"issue_date": "2026-11-20", "payment_status": "PAID"}}, Found),
        (200, {"code": 200, "data": {"issue_date": "2026-11-20T00:00:00Z"}}, Found),
        (200, {"code": 200, "data": None}, LookupFailed),
        (200, {"code": 200, "data": []}, LookupFailed),
        (404, {"code": 404, "data": None, "error": {"details": "unknown"}}, Absent),
        (404, {"code": 404, "data": None, "message": "no route found"}, LookupFailed),
        (401, {}, CredentialsRefused),
    ],
)
def test_confirm_is_read_tolerantly(
    authority: MBSAuthority, sandbox: SandboxProcess, status: int, body: Any, outcome: type
) -> None:
    sandbox.fail_next("GET", "/api/v1/invoice/confirm/", status=status, body=body)
    answer = authority.confirm(IRN)
    assert type(answer) is outcome
    if isinstance(answer, Found):
        assert str(answer.issue_date) == "2026-11-20"


def test_no_key_gets_into_the_evidence(authority: MBSAuthority) -> None:
    verdict = authority.validate(b'{"irn": 1}')
    assert verdict.response
    assert "sandbox-secret" not in repr(verdict)


def test_evidence_is_cut_to_16_kilobytes(authority: MBSAuthority, sandbox: SandboxProcess) -> None:
    sandbox.fail_next("POST", "/api/v1/invoice/sign", status=200, body="x" * 50_000)
    assert len(authority.sign(b"{}").response) == 16_000
