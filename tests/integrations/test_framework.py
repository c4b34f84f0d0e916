from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from kombu import Queue

from accounts.models import Organization
from dev.environment import ROOT
from integrations.base.auth import CredentialManager, OAuthHandler, Tokens
from integrations.base.connector import IntegrationTestResult
from integrations.base.errors import ConfigurationError, IntegrationError
from integrations.base.records import content_hash
from integrations.base.registry import connector_classes
from integrations.models import Connection
from integrations.services.connections import connect_account, connections_waiting_for_sync, connector_for, request_sync
from integrations.tasks import ring_sync, ring_wanted_syncs
from tests.brokers import IN_MEMORY, broker
from tests.sandbox_process import SandboxProcess


@pytest.mark.parametrize("package", ["integrations", "accounts", "invoices"])
def test_the_framework_knows_no_providers_name(package: str) -> None:
    names = re.compile(r"\b(?:" + "|".join(connector_classes()) + r")\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts
        for line in path.read_text().splitlines()
        if names.search(line) and not line.strip().startswith(("#", '"""')) and "help" not in line
    ]
    assert found == []


def test_only_the_one_door_speaks_http() -> None:
    speaks = re.compile(r"\brequests\.(get|post|put|patch|delete|request|Session)\(|urlopen\(|httpx\.")
    product = [ROOT / name for name in ("accounts", "integrations", "invoices", "crm", "pos", "taxpoynt")]
    found = {
        str(path.relative_to(ROOT))
        for root in product
        for path in root.rglob("*.py")
        if speaks.search(path.read_text())
    }
    assert found == {"integrations/base/http.py"}


def test_a_connection_is_tested_with_real_calls(connection: Connection) -> None:
    connector = connector_for(connection)
    result = connector.test_connection()
    connector.close()
    assert isinstance(result, IntegrationTestResult)
    assert result.success
    assert result.details["account"] == connection.external_account_id
    assert result.details["currency"] == "NGN"


def test_a_test_that_fails_says_why_and_raises_nothing(connection: Connection, settings: Any) -> None:
    settings.HUBSPOT_API_BASE = "http://127.0.0.1:9"
    connector = connector_for(connection)
    result = connector.test_connection()
    connector.close()
    assert not result.success
    assert "could not be reached" in result.message


def test_a_key_that_the_provider_refuses_connects_nothing(organization: Organization, sandbox: SandboxProcess) -> None:
    with pytest.raises(IntegrationError):
        connect_account(organization=organization, provider="hubspot", tokens=Tokens(access_token="pat-wrong"))
    assert not Connection.objects.exists()


def test_an_application_that_is_not_set_up_is_operations_business(sandbox: SandboxProcess, settings: Any) -> None:
    settings.HUBSPOT_CLIENT_ID = ""
    with pytest.raises(ConfigurationError, match="not set up on this server"):
        OAuthHandler("hubspot", CredentialManager()).exchange_code_for_token("code", "http://localhost/")


def test_a_wrong_application_secret_is_not_blamed_on_the_merchant(sandbox: SandboxProcess, settings: Any) -> None:
    settings.HUBSPOT_CLIENT_SECRET = "wrong"
    with pytest.raises(IntegrationError) as caught:
        OAuthHandler("hubspot", CredentialManager()).exchange_code_for_token("code", "http://localhost/")
    assert "wrong" not in str(caught.value)


def test_the_consent_address_names_scopes_state_and_the_way_back(settings: Any) -> None:
    settings.HUBSPOT_CLIENT_ID = "client"
    address = OAuthHandler("hubspot", CredentialManager()).get_authorization_url("https://x.example/back", state="s1")
    assert address.startswith(f"{settings.HUBSPOT_APP_BASE}/oauth/authorize?client_id=client")
    assert "redirect_uri=https%3A%2F%2Fx.example%2Fback" in address
    assert "state=s1" in address
    assert "crm.objects.deals.read" in address
    assert "client_secret" not in address


@pytest.mark.usefixtures("broker_away")
def test_a_wanted_sync_is_in_the_database_whatever_the_broker_does(
    connection: Connection, django_capture_on_commit_callbacks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    request_sync(connection=connection)
    with django_capture_on_commit_callbacks(execute=True):
        ring_sync(connection)
    assert "broker_away" in caplog.text
    assert [row.pk for row in connections_waiting_for_sync()] == [connection.pk]


def test_the_sweep_rings_again_for_a_wanted_sync_and_a_ring_that_nobody_heard_is_void(
    connection: Connection, django_capture_on_commit_callbacks: Any
) -> None:
    request_sync(connection=connection)
    with broker(IN_MEMORY), django_capture_on_commit_callbacks(execute=True):
        assert ring_wanted_syncs() == 1
    with broker(IN_MEMORY), current_app.connection_for_write() as line:
        message = Queue("batch", channel=line.default_channel).get(no_ack=True)
    assert message is not None
    assert message.headers["task"] == "crm.hubspot.tasks.sync_hubspot_deals"
    assert message.headers["expires"] is not None


def test_the_same_content_has_the_same_hash_in_any_key_order() -> None:
    assert content_hash({"a": 1, "b": "2"}) == content_hash({"b": "2", "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})


def test_every_connector_of_the_settings_has_its_facts() -> None:
    assert len(connector_classes()) == len(settings.CONNECTORS)
    for slug, connector in connector_classes().items():
        assert slug == connector.info.slug
        assert connector.info.category in {"crm", "pos"}
        assert Path(ROOT / settings.CONNECTORS[0].rsplit(".", 2)[0].replace(".", "/")).is_dir()
