"""Connecting HubSpot: the whole dance over HTTP, and every way in which it can go wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest
import requests
import time_machine
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_scopes import scopes_disabled

from accounts.models import Organization, Role
from crm.services import sync_deals
from integrations.base.auth import CredentialManager, OAuthHandler, Tokens
from integrations.base.errors import ReauthorizationRequired
from integrations.models import Connection, ConnectionStatus, Credential
from integrations.services.connections import disconnect
from tests.factories import make_member, make_organization
from tests.flows.conftest import Consent
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db


def start(browser: Client) -> str:
    answer = browser.post("/connect/hubspot/")
    assert answer.status_code == 302
    return answer["Location"]


def said(browser: Client, answer: Any) -> str:
    """Return the messages of the page that an answer leads to."""
    page = browser.get(answer["Location"])
    return " ".join(str(message) for message in page.context["messages"])


def with_query(address: str, **changes: str) -> str:
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return urlunsplit(parts._replace(query=urlencode(query)))


def test_an_owner_connects_an_account_and_its_first_sync_is_wanted(
    signed_in: Client, consent: Consent, organization: Organization, owner: Any
) -> None:
    answer = signed_in.get(consent(start(signed_in)))
    connection = Connection.objects.get()
    assert answer["Location"] == f"/connections/{connection.pk}/"
    assert connection.organization == organization
    assert connection.connected_by == owner
    assert connection.sync_requested_at is not None
    assert "crm.objects.deals.read" in connection.scopes
    assert "is connected" in said(signed_in, answer)


def test_no_token_lies_in_the_clear_anywhere(
    signed_in: Client, consent: Consent, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = signed_in.get(consent(start(signed_in)))
    tokens = CredentialManager(Connection.objects.get().pk).load()
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type IN ('text', 'character varying', 'jsonb')"
        )
        for table, column in cursor.fetchall():
            cursor.execute(
                f'SELECT 1 FROM "{table}" WHERE "{column}"::text LIKE %s OR "{column}"::text LIKE %s',  # noqa: S608
                [f"%{tokens.access_token}%", f"%{tokens.refresh_token}%"],
            )
            assert cursor.fetchone() is None, f"{table}.{column} holds a token"
    output = "".join(capfd.readouterr())
    for secret in (tokens.access_token, tokens.refresh_token, "sandbox-secret"):
        assert secret not in output
        assert secret not in str(dict(signed_in.session))
        assert secret not in answer["Location"]


def test_social_auth_keeps_no_association_of_its_own(signed_in: Client, consent: Consent) -> None:
    signed_in.get(consent(start(signed_in)))
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM social_auth_usersocialauth")
        assert cursor.fetchone() == (0,)


def test_connecting_never_signs_anybody_in(consent: Consent, signed_in: Client) -> None:
    back = consent(start(signed_in))
    stranger = Client()
    stranger.get(back)
    assert "_auth_user_id" not in stranger.session
    assert not Connection.objects.exists()


def test_a_refused_consent_says_that_nothing_was_connected(signed_in: Client, consent: Consent) -> None:
    answer = signed_in.get(consent(start(signed_in), decision="refuse"))
    assert "consent was refused" in said(signed_in, answer)
    assert not Connection.objects.exists()


def test_a_code_is_good_once(signed_in: Client, consent: Consent) -> None:
    back = consent(start(signed_in))
    signed_in.get(back)
    answer = signed_in.get(back)
    assert "used already or is too old" in said(signed_in, answer)
    assert Connection.objects.count() == 1


def test_a_code_that_hubspot_has_spent_is_told_in_our_words(signed_in: Client, consent: Consent) -> None:
    first = consent(start(signed_in))
    code = parse_qs(urlsplit(first).query)["code"][0]
    OAuthHandler("hubspot", CredentialManager()).exchange_code_for_token(
        code, "http://localhost/oauth/complete/hubspot/"
    )
    answer = signed_in.get(first)
    assert "HubSpot did not accept this consent" in said(signed_in, answer)
    assert not Connection.objects.exists()


def test_a_wrong_state_is_refused(signed_in: Client, consent: Consent) -> None:
    back = with_query(consent(start(signed_in)), state="somebody-elses-state")
    assert "does not belong to this browser session" in said(signed_in, signed_in.get(back))
    assert not Connection.objects.exists()


def test_a_consent_is_bound_to_the_person_who_began_it(
    signed_in: Client, consent: Consent, organization: Organization
) -> None:
    back = consent(start(signed_in))
    session = dict(signed_in.session)
    other = make_member(organization, Role.OWNER)
    signed_in.force_login(other, backend="django.contrib.auth.backends.ModelBackend")
    kept = signed_in.session
    kept.update({name: value for name, value in session.items() if not name.startswith("_auth")})
    kept.save()
    signed_in.get(back)
    assert not Connection.objects.exists()


def test_a_consent_of_more_than_ten_minutes_is_refused(signed_in: Client, consent: Consent) -> None:
    address = start(signed_in)
    back = consent(address)
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        answer = signed_in.get(back)
        assert "longer than ten minutes" in said(signed_in, answer)
    assert not Connection.objects.exists()


def test_only_an_owner_may_connect(client: Client, organization: Organization, sandbox: SandboxProcess) -> None:
    client.force_login(make_member(organization, Role.ACCOUNTANT), backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/connect/hubspot/")
    assert answer.status_code == 403
    assert "Only an owner can connect" in answer.content.decode()


def test_a_page_of_another_organization_connects_nothing_to_this_one(
    client: Client, other_organization: Organization, sandbox: SandboxProcess
) -> None:
    numbered_high = Organization.objects.create(pk=1234567, slug="high", name="Numbered High Ltd")
    owner = make_member(numbered_high)
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/connections/").content.decode()
    assert 'name="organization" value="1234567"' in page, "a number for programs, without a comma"
    for address in ("/connect/hubspot/", "/connections/key/hubspot/"):
        answer = client.post(address, {"organization": str(other_organization.pk), "key": "pat-1"})
        assert answer["Location"] == "/connections/"
        assert "that page was of another organization" in said(client, answer)
    assert not Connection.objects.exists()


def test_a_get_does_not_start_a_consent(signed_in: Client) -> None:
    assert signed_in.get("/connect/hubspot/").status_code == 405


def test_an_unknown_provider_is_not_found(signed_in: Client) -> None:
    assert signed_in.post("/connect/nobody/").status_code == 404


def test_an_account_of_another_organization_is_refused_and_stays_theirs(
    signed_in: Client, consent: Consent, sandbox: SandboxProcess
) -> None:
    from integrations.services.connections import connect_account

    with scopes_disabled():
        theirs = connect_account(
            organization=make_organization("first"), provider="hubspot", tokens=Tokens(access_token="pat-sandbox")
        )
    answer = signed_in.get(consent(start(signed_in)))
    assert "belongs to another organization" in said(signed_in, answer)
    assert not Connection.objects.exists()
    assert CredentialManager(theirs.pk).load().access_token == "pat-sandbox"


def test_connecting_the_same_account_again_renews_the_same_connection(signed_in: Client, consent: Consent) -> None:
    signed_in.get(consent(start(signed_in)))
    first = Connection.objects.get()
    Connection.objects.update(status=ConnectionStatus.NEEDS_REAUTHORIZATION, problem="withdrawn")
    before = CredentialManager(first.pk).load().access_token
    signed_in.get(consent(start(signed_in)))
    again = Connection.objects.get()
    assert (again.pk, again.status, again.problem) == (first.pk, ConnectionStatus.ACTIVE, "")
    assert CredentialManager(first.pk).load().access_token != before


def test_hubspot_out_of_reach_while_connecting_is_told(signed_in: Client, consent: Consent, settings: Any) -> None:
    back = consent(start(signed_in))
    settings.HUBSPOT_API_BASE = "http://127.0.0.1:9"
    assert "HubSpot could not be reached" in said(signed_in, signed_in.get(back))
    assert not Connection.objects.exists()


@pytest.fixture
def connected(signed_in: Client, consent: Consent) -> Connection:
    signed_in.get(consent(start(signed_in)))
    return Connection.objects.get()


def test_a_token_near_its_end_is_refreshed_before_it_is_used(connected: Connection) -> None:
    manager = CredentialManager(connected.pk)
    before = manager.load()
    Credential.objects.update(expires_at=timezone.now() + timedelta(minutes=4))
    assert sync_deals(connection=connected).status == "succeeded"
    after = CredentialManager(connected.pk).load()
    assert after.access_token != before.access_token
    assert after.refresh_token == before.refresh_token


@pytest.mark.django_db(transaction=True)
def test_a_token_that_expires_in_mid_run_is_refreshed_once_and_nothing_is_lost(
    connected: Connection, sandbox: SandboxProcess
) -> None:
    from crm.models import Deal

    refreshes_before = sandbox.received()["hubspot"]["by_path"].get("/oauth/2026-03/token", 0)
    sandbox.set(expire_access_tokens=True)
    run = sync_deals(connection=connected)
    assert run.status == "succeeded"
    assert Deal.objects.count() == sandbox.deals
    assert sandbox.received()["hubspot"]["by_path"]["/oauth/2026-03/token"] == refreshes_before + 1


def test_a_withdrawn_grant_asks_for_a_new_connection(connected: Connection, sandbox: SandboxProcess) -> None:
    sandbox.fail_next(
        "POST", "/oauth/2026-03/token", status=400, times=2,
        body='{"status":"BAD_REFRESH_TOKEN","error":"invalid_grant"}',
    )  # fmt: skip
    sandbox.set(expire_access_tokens=True)
    run = sync_deals(connection=connected)
    assert run.status == "partial"
    connected.refresh_from_db()
    assert connected.status == ConnectionStatus.NEEDS_REAUTHORIZATION
    assert "withdrawn" in connected.problem


@pytest.mark.parametrize("status", [429, 500, 502])
def test_a_token_endpoint_in_trouble_never_breaks_a_connection(
    status: int, connected: Connection, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.base import http

    monkeypatch.setattr(http, "MAX_WAIT", 0.01)
    Credential.objects.update(expires_at=timezone.now())
    sandbox.fail_next("POST", "/oauth/2026-03/token", status=status, body="<html>", times=20)
    assert sync_deals(connection=connected).status == "partial"
    connected.refresh_from_db()
    assert connected.status == ConnectionStatus.ACTIVE


def test_a_refresh_without_a_stored_key_is_told() -> None:
    with pytest.raises(ReauthorizationRequired):
        CredentialManager().renew(lambda token: Tokens(token))


def test_disconnecting_uninstalls_the_application_at_the_provider(
    connected: Connection, sandbox: SandboxProcess
) -> None:
    token = CredentialManager(connected.pk).load().access_token
    assert disconnect(connection=connected) == ""
    assert sandbox.received()["hubspot"]["uninstalls"] == 1
    refused = requests.get(
        f"{sandbox.url}/account-info/2026-09/details", headers={"Authorization": f"Bearer {token}"}, timeout=10
    )
    assert refused.status_code == 401


@pytest.mark.parametrize(("key", "words"), [("pat-wrong", "Give a new one."), ("", "Paste the key.")])
def test_a_key_that_opens_nothing_is_refused_beside_its_field(
    key: str, words: str, signed_in: Client, sandbox: SandboxProcess
) -> None:
    answer = signed_in.post(reverse("connect_with_key", args=["hubspot"]), {"key": key})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert key == "" or key not in answer.content.decode()
    assert not Connection.objects.exists()


def test_an_owner_connects_by_a_service_key_and_polling_alone_reads_everything(
    signed_in: Client, sandbox: SandboxProcess
) -> None:
    assert reverse("connect_with_key", args=["hubspot"]) in signed_in.get("/connections/").content.decode()
    answer = signed_in.post(reverse("connect_with_key", args=["hubspot"]), {"key": " pat-sandbox "}, follow=True)
    assert "is connected and is read now." in answer.content.decode()
    connection = Connection.objects.get()
    assert sync_deals(connection=connection).read == sandbox.deals
    assert signed_in.get(reverse("connect_with_key", args=["nobody"])).status_code == 404


@pytest.mark.parametrize("key", ["pat-…", "pat-\u200bsandbox", "pat-a\nb", "pat a"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(
    key: str, signed_in: Client, sandbox: SandboxProcess
) -> None:
    answer = signed_in.post(reverse("connect_with_key", args=["hubspot"]), {"key": key})
    assert answer.status_code == 422
    assert "Copy it again, whole" in answer.content.decode()
    assert key not in answer.content.decode()


def test_a_service_key_takes_the_place_of_a_consent_whole(connected: Connection, organization: Organization) -> None:
    from integrations.services.connections import connect_account

    again = connect_account(organization=organization, provider="hubspot", tokens=Tokens("pat-sandbox"))
    tokens = CredentialManager(connected.pk).load()
    assert (again.external_account_id, tokens.access_token) == (connected.external_account_id, "pat-sandbox")
    assert tokens.refresh_token == ""


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 30, "-1", "x"])
def test_a_connection_number_that_is_none_is_no_error_of_ours(
    number: str, signed_in: Client, sandbox: SandboxProcess
) -> None:
    assert signed_in.post("/connect/hubspot/", {"connection": number, "scope": "oauth"}).status_code in {302, 404}
