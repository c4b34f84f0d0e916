"""Secrets planted everywhere, every road driven, and everything that came out searched for them in each spelling."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import structlog
from celery import current_app
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_scopes import scopes_disabled

from accounts.models import User
from crm.services import sync_deals
from integrations.base import http
from integrations.base.auth import CredentialManager, OAuthHandler, Tokens
from integrations.base.errors import IntegrationError
from integrations.fields import keyring
from integrations.models import Connection, Credential
from integrations.services.connections import connector_for, disconnect
from integrations.services.testing import try_connection
from integrations.tasks import ring_sync
from invoices.models import Business
from tests.factories import PASSWORD
from tests.flows.conftest import Consent
from tests.invoices.making import make_business
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db
STAFF_BACKEND = "django.contrib.auth.backends.ModelBackend"
SECRET = "cañary/client+secret=7f3a91"
MBS_KEY, MBS_SECRET = "canary/mbs+key=51c2", "canary/mbs+secret=88d0"
SERVICE_KEY = "pat-canary/key+0b6e"
WEBHOOK_SECRET = "canary/webhook+secret=19fe"


def spellings(secret: str) -> set[str]:
    """Return a secret raw, as base64 at each of its three offsets, as hex and as URLs escape it."""
    raw = secret.encode()
    found = {secret, raw.hex(), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], ascii(secret)[1:-1]}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for pad in range(3):
            # The characters at the ends depend on their neighbours; those between do not.
            found.add(encode(b"\0" * pad + raw).decode().rstrip("=")[4:-2])
    return {each for each in found if len(each) > 8}


class Caught:
    """What came out, and where."""

    def __init__(self) -> None:
        self.places: list[tuple[str, str]] = []

    def take(self, place: str, text: object) -> None:
        self.places.append((place, text if isinstance(text, str) else repr(text)))

    def search(self, secrets: dict[str, str]) -> list[str]:
        return [
            f"{name} in {place}: …{text[max(0, text.lower().find(form.lower()) - 60) :][:80]}"
            for name, secret in secrets.items()
            for form in spellings(secret)
            for place, text in self.places
            if form.lower() in text.lower()
        ]


@pytest.fixture
def caught(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caught]:
    found = Caught()
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(http, "MAX_WAIT", 0.01)
    sent: Any = current_app.send_task
    monkeypatch.setattr(
        current_app, "send_task", lambda *a, **k: (found.take("task", (a, k)), sent(*a, **k))[1]
    )  # the real one is called; what goes in is what lies in the broker
    structlog.configure(cache_logger_on_first_use=False)
    yield found
    structlog.configure(cache_logger_on_first_use=True)


def test_a_planted_secret_is_found_in_each_spelling() -> None:
    caught = Caught()
    secret = "canary/abc+123=x"
    for form in (secret, secret.encode().hex(), quote(secret, safe=""), base64.b64encode(b"x:" + secret.encode())):
        caught.places = [("place", form if isinstance(form, str) else form.decode())]
        assert caught.search({"secret": secret}), form


def echo(sandbox: SandboxProcess, method: str, path: str, status: int, *secrets: str, times: int = 3) -> None:
    """Let the provider repeat our secrets in its error, as some do."""
    body = {"status": "error", "message": "Bearer " + " ".join(secrets), "category": "X", "correlationId": "c-1"}
    sandbox.fail_next(method, path, status=status, body=body, times=times)


def drive(connection: Connection, sandbox: SandboxProcess, caught: Caught, secrets: dict[str, str]) -> None:
    """Make the connection work, fail and refresh, and keep what each says."""
    for method, path in (("GET", "/crm/"), ("POST", "/crm/"), ("GET", "/account-info"), ("POST", "/oauth/")):
        # A provider can repeat what a call brought it: the token in a read, the rest at its token endpoint.
        values = [CredentialManager(connection.pk).load().access_token]
        if path == "/oauth/":
            values = [secrets["client secret"], secrets["refresh token"]]
        for status in (400, 401, 403, 429, 502):
            if path == "/oauth/":
                Credential.objects.update(expires_at=timezone.now())
            echo(sandbox, method, path, status, *values)
            caught.take(f"report {path} {status}", str(try_connection(connection).as_json()))
            sandbox.set(fail_next=[])
    connector = connector_for(connection)
    caught.take("repr", [connection, connector, connector.config, connector.oauth(), connection.credential])
    caught.take("repr", [CredentialManager(connection.pk).load(), keyring(), CredentialManager(connection.pk)])
    values = [CredentialManager(connection.pk).load().access_token]
    echo(sandbox, "GET", "/crm/", 400, *values)
    try:
        connector.authenticate()
        connector.client.list_deals([], [])  # type: ignore[attr-defined]
    except IntegrationError as problem:
        caught.take("exception", f"{problem} {problem!r} {vars(problem)['sentence']}")
    connector.close()
    echo(sandbox, "GET", "/crm/", 400, *values)
    caught.take("run", sync_deals(connection=connection).sentence)
    sandbox.set(fail_next=[])
    caught.take("run", sync_deals(connection=connection).sentence)
    ring_sync(connection)


def look_around(connection: Connection, client: Client, caught: Caught) -> None:
    """Open the pages, the admin and the API as they are after all that."""
    staff = User.objects.create_superuser("canary-staff@people.example", PASSWORD)
    inside = Client()
    inside.force_login(staff, backend=STAFF_BACKEND)
    with scopes_disabled():
        for model, key in (
            ("integrations_connection", connection.pk),
            ("integrations_credential", connection.credential.pk),
            ("invoices_business", Business.objects.get().pk),
        ):
            caught.take(model, inside.get(reverse(f"admin:{model}_changelist")).content.decode())
            caught.take(model, inside.get(reverse(f"admin:{model}_change", args=[key])).content.decode())
    for address in (
        "/", "/connections/", reverse("connection", args=[connection.pk]), "/settings/",
        reverse("connection_disconnect", args=[connection.pk]), "/api/v1/connections/",
        f"/api/v1/connections/{connection.pk}/", "/api/v1/invoices/", f"/api/v1/crm/{connection.pk}/deals",
    ):  # fmt: skip
        answer = client.get(address)
        caught.take(address, answer.content.decode() + str(dict(answer.headers)))
    tested = client.post(reverse("connection_test", args=[connection.pk]))
    caught.take("redirect", tested["Location"])
    caught.take("session", str(dict(client.session)))


def every_stored_text(caught: Caught) -> None:
    """Read every text column of the database, as a backup would."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type IN ('text', 'character varying', 'jsonb', 'json')"
        )
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT string_agg("{column}"::text, \' \') FROM "{table}"')  # noqa: S608
            caught.take(f"{table}.{column}", cursor.fetchone()[0] or "")


def test_no_secret_comes_out_anywhere(
    signed_in: Client, consent: Consent, sandbox: SandboxProcess, caught: Caught, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str], organization: Any, django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    make_business(organization, sandbox.get("/_control/businesses")[0])
    Business.objects.get()
    business = Business.objects.get()
    business.api_key, business.api_secret = MBS_KEY, MBS_SECRET
    business.save()
    with django_capture_on_commit_callbacks(execute=True):
        start = signed_in.post("/connect/hubspot/")
        caught.take("consent address", start["Location"])
        caught.take("landing", signed_in.get(consent(start["Location"]))["Location"])
        connection = Connection.objects.get()
        tokens = CredentialManager(connection.pk).load()
        secrets = {
            "access token": tokens.access_token,
            "refresh token": tokens.refresh_token,
            "client secret": "sandbox-secret",
            "mbs key": MBS_KEY,
            "mbs secret": MBS_SECRET,
        }
        drive(connection, sandbox, caught, secrets)
        # A sentence is cut off at some length, so a token's beginning would be told where all of it is not.
        secrets["beginning of the access token"] = tokens.access_token[:40]
        secrets["newest access token"] = CredentialManager(connection.pk).load().access_token
        look_around(connection, signed_in, caught)
        echo(sandbox, "DELETE", "/appinstalls/", 400, secrets["newest access token"])
        caught.take("disconnecting", disconnect(connection=connection))
    every_stored_text(caught)
    secrets["beginning of the newest access token"] = secrets["newest access token"][:40]
    caught.take("log", caplog.text)
    caught.take("output", "".join(capfd.readouterr()))
    assert caught.search(secrets) == []
    assert {place for place, _ in caught.places} >= {"task", "exception", "consent address", "log", "run"}


def test_a_service_key_and_a_strange_client_secret_come_out_nowhere(
    organization: Any, sandbox: SandboxProcess, caught: Caught, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str], settings: Any,
) -> None:  # fmt: skip
    settings.HUBSPOT_CLIENT_SECRET = SECRET
    settings.HUBSPOT_WEBHOOK_SECRET = WEBHOOK_SECRET
    for signature in ("wrong", WEBHOOK_SECRET.encode("unicode-escape").decode()):
        refused = Client().post(
            "/webhooks/hubspot/", data="[]", content_type="application/json",
            headers={"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": "1"},
        )  # fmt: skip
        caught.take("webhook", f"{refused.status_code} {refused.content!r} {refused.headers}")
    row = Connection.objects.create(organization=organization, provider="hubspot", name="A", external_account_id="1")
    CredentialManager(row.pk).store(Tokens(SERVICE_KEY))
    echo(sandbox, "GET", "/account-info", 400, SERVICE_KEY, times=9)
    caught.take("report", str(try_connection(row).as_json()))
    echo(sandbox, "POST", "/oauth/", 400, SERVICE_KEY, SECRET, times=9)
    with pytest.raises(IntegrationError) as raised:
        OAuthHandler("hubspot", CredentialManager()).refresh_token(SERVICE_KEY)
    caught.take("exception", f"{raised.value!r}")
    every_stored_text(caught)
    caught.take("log", caplog.text)
    caught.take("output", "".join(capfd.readouterr()))
    planted = {"service key": SERVICE_KEY, "client secret": SECRET, "webhook secret": WEBHOOK_SECRET}
    assert caught.search(planted) == []
