"""A connection that stays alive: refusals, tests, pauses, and giving access back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.services import sync_deals
from integrations.base.auth import CredentialManager
from integrations.models import Connection, ConnectionStatus, Credential, Health
from integrations.services.connections import connector_for, disconnect
from integrations.services.testing import try_connection
from tests.flows.conftest import Consent
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db

TOKEN = "/oauth/2026-03/token"
GONE = '{"status":"BAD_REFRESH_TOKEN","error":"invalid_grant"}'
EXPIRED = '{"status":"error","category":"EXPIRED_AUTHENTICATION"}'


@pytest.fixture
def consented(signed_in: Client, consent: Consent) -> Connection:
    signed_in.get(consent(signed_in.post("/connect/hubspot/")["Location"]))
    return Connection.objects.get()


def stale() -> None:
    Credential.objects.update(expires_at=timezone.now())


def test_one_refusal_of_the_grant_is_asked_again_and_costs_nothing(
    consented: Connection, sandbox: SandboxProcess
) -> None:
    stale()
    sandbox.fail_next("POST", TOKEN, status=400, body=GONE)
    assert try_connection(consented).success


def test_our_own_wrong_secret_never_ends_a_grant(consented: Connection, sandbox: SandboxProcess, settings: Any) -> None:
    settings.HUBSPOT_CLIENT_SECRET = "mistyped"
    stale()
    run = sync_deals(connection=consented)
    assert "Operations must check its credentials" in run.sentence
    consented.refresh_from_db()
    assert consented.status == ConnectionStatus.ACTIVE
    assert Credential.objects.get().refresh_failing_since is not None
    settings.HUBSPOT_CLIENT_SECRET = "sandbox-secret"
    assert try_connection(consented).success
    assert Credential.objects.get().refresh_failing_since is None


def test_a_401_that_stays_after_a_granted_refresh_does_not_end_the_grant(
    consented: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.fail_next("GET", "/crm/", status=401, body=EXPIRED, times=50)
    run = sync_deals(connection=consented)
    assert "refuses a token that it has just given us" in run.sentence
    consented.refresh_from_db()
    assert consented.status == ConnectionStatus.ACTIVE


def test_a_service_key_is_given_up_at_its_second_refusal_only(connection: Connection, sandbox: SandboxProcess) -> None:
    sandbox.fail_next("GET", "/crm/", status=401, body=EXPIRED)
    assert sync_deals(connection=connection).status == "succeeded"
    sandbox.fail_next("GET", "/crm/", status=401, body=EXPIRED, times=50)
    sandbox.set(fail_next=[{"method": "POST", "path_prefix": "/crm/", "status": 401, "body": EXPIRED, "times": 50}])
    sync_deals(connection=connection)
    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.NEEDS_REAUTHORIZATION
    assert "does not accept this service key" in connection.problem


def test_a_test_tells_account_scopes_times_and_webhooks(consented: Connection, sandbox: SandboxProcess) -> None:
    sandbox.set(limits=True)
    report = try_connection(consented)
    told = {line.label: line.sentence for line in report.lines}
    assert report.success
    assert consented.external_account_id in told["Account"]
    assert "crm.objects.deals.read" in told["Granted"]
    assert told["Missing"] == "Nothing that is needed."
    assert told["Answer time"].endswith(" ms.")
    assert "calls in 10 s" in told["Calls left"]
    assert "None has arrived" in told["Webhooks"]


@pytest.mark.parametrize(("minutes", "is_good"), [(0, True), (10, False)])
def test_a_clock_that_is_off_is_told(
    minutes: int, is_good: bool, consented: Connection, sandbox: SandboxProcess
) -> None:
    sandbox.set(clock_skew_s=60 * minutes)
    clocks = next(line for line in try_connection(consented).lines if line.label == "Clocks")
    assert clocks.is_good is is_good


def test_a_missing_scope_is_named_and_asked_for_with_what_is_granted(
    consented: Connection, signed_in: Client, sandbox: SandboxProcess
) -> None:
    body = '{"status":"error","category":"MISSING_SCOPES","message":"not granted"}'
    sandbox.fail_next("GET", "/crm/objects/2026-09/contacts", status=403, body=body)
    answer = signed_in.post(reverse("connection_test", args=[consented.pk]), follow=True)
    text = answer.content.decode()
    assert "did not grant crm.objects.contacts.read" in text
    assert "Ask for what is missing" in text
    assert "Ask for what is missing" not in signed_in.get(reverse("connection", args=[consented.pk])).content.decode()
    Connection.objects.update(scopes=[each for each in consented.scopes if "owners" not in each])
    form = {"connection": consented.pk, "scope": ["crm.objects.contacts.read", "crm.everything"]}
    asked = parse_qs(urlsplit(signed_in.post("/connect/hubspot/", form)["Location"]).query)
    assert "crm.objects.contacts.read" in asked["scope"][0].split()
    assert "crm.objects.owners.read" not in asked["scope"][0]
    assert "crm.everything" not in asked["scope"][0]
    assert "optional_scope" not in asked


def test_the_api_tests_a_connection_for_who_may_sync(consented: Connection, signed_in: Client) -> None:
    told = signed_in.post(f"/api/v1/connections/{consented.pk}/test/").json()
    assert told["success"] is True
    assert {line["label"] for line in told["lines"]} >= {"Account", "Clocks", "Webhooks"}


def test_disconnecting_ends_the_grant_there_and_wipes_it_here(consented: Connection, sandbox: SandboxProcess) -> None:
    tokens = CredentialManager(consented.pk).load()
    sandbox.fail_next("DELETE", "/appinstalls/", status=204, body="")
    assert disconnect(connection=consented) == ""
    assert (consented.status, consented.health) == (ConnectionStatus.DISCONNECTED, Health.DISCONNECTED)
    assert not Credential.objects.exists()
    calls = sandbox.received()["hubspot"]["by_path"]
    assert calls[f"{TOKEN}/revoke"] == 1
    from integrations.base.auth import OAuthHandler
    from integrations.base.errors import ReauthorizationRequired

    with pytest.raises(ReauthorizationRequired):
        OAuthHandler("hubspot", CredentialManager()).refresh_token(tokens.refresh_token)


def test_tokens_are_wiped_even_when_the_provider_cannot_be_told(
    consented: Connection, signed_in: Client, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.base import http

    monkeypatch.setattr(http, "MAX_WAIT", 0.01)
    sandbox.fail_next("DELETE", "/appinstalls/", status=502, body="<html>", times=9)
    address = reverse("connection_disconnect", args=[consented.pk])
    page = signed_in.get(address).content.decode()
    assert "What stops" in page
    assert "What stays" in page
    text = signed_in.post(address, {"name": consented.name}, follow=True).content.decode()
    assert "HubSpot was not told" in text
    assert "Connected apps" in text
    assert not Credential.objects.exists()


def test_a_service_key_is_wiped_and_its_owner_is_told_where_to_delete_it(connection: Connection) -> None:
    assert "Service keys" in disconnect(connection=connection)
    assert not Credential.objects.exists()


def test_pausing_and_resuming_by_the_page(consented: Connection, signed_in: Client) -> None:
    text = signed_in.post(reverse("connection_pause", args=[consented.pk]), follow=True).content.decode()
    assert "It is paused: nothing is read from it" in text
    text = signed_in.post(reverse("connection_sync", args=[consented.pk]), follow=True).content.decode()
    assert "is not connected now (Paused)" in text
    text = signed_in.post(reverse("connection_resume", args=[consented.pk]), follow=True).content.decode()
    assert "is read again" in text


def test_a_version_near_its_sunset_is_a_warning_and_no_error(settings: Any) -> None:
    assert not [found for found in run_checks() if found.id == "integrations.W001"]
    settings.HUBSPOT_OAUTH_VERSION = "v1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crm.hubspot.versions.SUNSETS", {("OAuth", "v1"): timezone.now().date() + timedelta(days=89)})
        [warning] = [found for found in run_checks() if found.id == "integrations.W001"]
        assert "HubSpot supports version v1 of OAuth" in str(warning.msg)
        call_command("check")
        with pytest.raises(SystemCheckError):
            call_command("check", fail_level="WARNING")


def test_the_page_shows_the_versions_in_use(consented: Connection, signed_in: Client) -> None:
    text = signed_in.get(reverse("connection", args=[consented.pk])).content.decode()
    assert "version 2026-09" in text
    assert "days to its sunset" in text


def test_the_connector_says_nothing_of_scopes_for_a_key(connection: Connection) -> None:
    connector = connector_for(connection)
    try:
        assert connector.test_connection().details["granted"] == []
    finally:
        connector.close()
