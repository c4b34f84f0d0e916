from __future__ import annotations

from typing import Any

import pytest
from django.db import connection as database
from django.db.utils import OperationalError
from django.test import Client

from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_alive_needs_nothing_else(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    assert client.get("/healthz").json() == {"status": "alive"}


def test_alive_asks_the_database_nothing_even_for_somebody_signed_in(
    client: Client, django_assert_num_queries: Any
) -> None:
    client.force_login(make_user(), backend="django.contrib.auth.backends.ModelBackend")
    with django_assert_num_queries(0):
        assert client.get("/healthz", headers={"host": "10.0.0.7"}).status_code == 200


def test_ready_when_database_broker_and_migrations_are_in_order(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    found = {"database": "ok", "broker": "ok", "migrations": "ok", "partitions": "ok"}
    assert answer.json() == {"status": "ready", **found}


def test_not_ready_without_the_broker_and_it_says_so(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "Redis does not answer" in answer.json()["broker"]
    assert answer.json()["database"] == "ok"


def test_not_ready_with_a_migration_missing_and_it_says_what_to_do(client: Client) -> None:
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'pos'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "Run manage.py migrate" in answer.json()["migrations"]


def test_metrics_are_served(client: Client) -> None:
    assert b"django_http_requests_before_middlewares_total" in client.get("/metrics").content


@pytest.mark.parametrize(
    ("problem", "status", "words"),
    [(OperationalError("gone"), 503, "The database does not answer"), (RuntimeError("bug"), 500, "")],
)
def test_an_error_page_speaks_to_people_and_shows_no_traceback(
    problem: Exception, status: int, words: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise problem

    monkeypatch.setattr("accounts.middleware.choose_membership", fail)
    client.raise_request_exception = False
    client.force_login(make_user(), backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get("/")
    text = answer.content.decode()
    assert answer.status_code == status
    assert words in text
    assert "Traceback" not in text
    assert "gone" not in text


def test_a_notice_from_a_provider_is_not_pretended_to_be_accepted(client: Client, settings: Any) -> None:
    settings.HUBSPOT_WEBHOOK_SECRET = ""
    answer = client.post("/webhooks/hubspot/", data="[]", content_type="application/json")
    assert answer.status_code == 503
    assert client.post("/webhooks/nobody/").status_code == 404
    assert client.get("/webhooks/hubspot/").status_code == 405
