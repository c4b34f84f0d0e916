from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.db import connection as database
from django.test import Client, RequestFactory

from integrations.models import WebhookDelivery
from integrations.webhooks import LIMIT, receive
from tests.integrations.webhooks.conftest import Post, told
from tests.webhook_signing import PATH, headers, post

pytestmark = pytest.mark.django_db


def test_a_signed_delivery_is_stored_byte_for_byte_and_answered(client: Client, settings: Any) -> None:
    body = '[ {"portalId" : 1, "propertyValue": "Müller \\u00e9" } ]'.encode()
    assert post(client, body, settings.PUBLIC_URL).status_code == 200
    delivery = WebhookDelivery.objects.get()
    assert (bytes(delivery.body), delivery.provider, delivery.processed_at) == (body, "hubspot", None)
    assert delivery.headers == {"Content-Type": "application/json"}


def test_a_body_that_cannot_be_read_is_stored_and_answered_when_its_signature_is_right(
    client: Client, settings: Any
) -> None:
    assert post(client, b"\xff{not json", settings.PUBLIC_URL).status_code == 200
    assert WebhookDelivery.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"X-HubSpot-Signature-v3": "wrong"},
        {"X-HubSpot-Signature-v3": "s\xefgnature"},
        {"X-HubSpot-Signature-v3": ""},
        {"X-HubSpot-Request-Timestamp": "17953488001é3"},
        {"X-HubSpot-Request-Timestamp": ""},
    ],
)
def test_a_bad_signature_is_401_and_nothing_is_stored(client: Client, settings: Any, change: dict[str, str]) -> None:
    given = headers(b"[]", origin=settings.PUBLIC_URL) | change
    answer = client.post(PATH, data=b"[]", content_type="application/json", headers=given)
    assert answer.status_code == 401
    assert not WebhookDelivery.objects.exists()


def test_the_configured_address_is_what_is_signed_whatever_the_proxy_says(client: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://app.example.com"
    given = headers(b"[]", origin="https://app.example.com")
    assert client.post(PATH, b"[]", "application/json", headers=given, HTTP_HOST="localhost").status_code == 200
    given = headers(b"[]", origin="http://localhost")
    assert client.post(PATH, b"[]", "application/json", headers=given, HTTP_HOST="localhost").status_code == 401


def test_the_previous_secret_is_accepted_while_it_is_configured(deliver: Post, settings: Any) -> None:
    assert deliver(told(), secret="the old one").status_code == 401
    settings.HUBSPOT_WEBHOOK_SECRET_PREVIOUS = "the old one"
    assert deliver(told(), secret="the old one").status_code == 200


def test_without_a_secret_the_answer_is_503_with_a_sentence(deliver: Post, settings: Any) -> None:
    settings.HUBSPOT_WEBHOOK_SECRET = ""
    answer = deliver(told(), secret="")
    assert answer.status_code == 503
    assert "no secret to check them with is configured" in answer.json()["detail"]
    assert not WebhookDelivery.objects.exists()


def test_an_unknown_provider_is_404_and_looking_is_405(client: Client) -> None:
    assert client.post("/webhooks/nobody/").status_code == 404
    assert client.get(PATH).status_code == 405


class Counting(io.BytesIO):
    """Counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.taken += len(found)
        return found


@pytest.mark.parametrize("kind", ["declared", "chunked"])
def test_a_body_over_the_limit_is_413_before_it_is_read_whole(kind: str, settings: Any) -> None:
    stream = Counting(b" " * (LIMIT * 3))
    request = RequestFactory().post(PATH)
    request.META["wsgi.input"] = stream
    if kind == "declared":
        request.META["CONTENT_LENGTH"] = str(LIMIT * 3)
    else:
        request.META.pop("CONTENT_LENGTH", None)
        request.META["wsgi.input_terminated"] = True
    assert receive(request, provider="hubspot").status_code == 413
    assert stream.taken == (0 if kind == "declared" else LIMIT + 1)


def test_a_chunked_body_is_read_to_its_end(settings: Any) -> None:
    body = json.dumps([told()]).encode()
    request = RequestFactory().post(PATH, headers=headers(body, origin=settings.PUBLIC_URL))
    request.META["wsgi.input"] = io.BytesIO(body)
    request.META["wsgi.input_terminated"] = True
    request.META.pop("CONTENT_LENGTH", None)
    assert receive(request, provider="hubspot").status_code == 200
    assert bytes(WebhookDelivery.objects.get().body) == body


@pytest.mark.usefixtures("broker_away")
def test_it_is_answered_at_once_without_a_broker(deliver: Post) -> None:
    started = time.perf_counter()
    assert deliver(told()).status_code == 200
    assert time.perf_counter() - started < 3
    assert WebhookDelivery.objects.count() == 1


def test_an_insert_that_fails_is_not_answered_as_received(deliver: Post) -> None:
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE integrations_webhookdelivery ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
    answer = deliver(told())
    assert answer.status_code == 503
    assert "Send it again" in answer.json()["detail"]


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_fails_is_not_answered_as_received(deliver: Post) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the disk is full at commit'; END $$;"
            "CREATE CONSTRAINT TRIGGER refuse_at_commit AFTER INSERT ON integrations_webhookdelivery"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    try:
        assert deliver(told()).status_code == 503
        assert not WebhookDelivery.objects.exists()
    finally:
        with database.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse CASCADE")


@pytest.mark.django_db(transaction=True)
def test_a_delivery_is_never_answered_from_inside_somebody_elses_transaction(settings: Any) -> None:
    body = json.dumps([told()]).encode()
    request = RequestFactory().post(PATH, data=body, content_type="application/json",
                                    headers=headers(body, origin=settings.PUBLIC_URL))  # fmt: skip
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        receive(request, provider="hubspot")


def test_a_database_that_is_away_is_503(deliver: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: Any) -> None:
        raise DatabaseError("no route")

    monkeypatch.setattr("integrations.webhooks.receive_delivery", away)
    assert deliver(told()).status_code == 503
