from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django.urls import reverse

from accounts.models import Role
from crm.models import Census, CensusDifference
from integrations.models import Connection, ConnectionStatus, Quarantine, SyncCursor, SyncRun
from tests.other_session import lock_of_a_run
from tests.pages.making import Reader

WISHES = ["connection_full_read", "connection_preview", "connection_stop", "connection_retry"]


def text_of(answer: Any) -> str:
    return Reader(answer.content.decode()).text


def running(account: Connection) -> SyncRun:
    return SyncRun.objects.create(connection=account, stream="deals", mode="full", read=120)


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[Any]]]:
    """Collect what is rung for: the broker is outside of us."""
    rung: list[tuple[str, list[Any]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda task, args, **_: rung.append((task, args)))
    return rung


def post(browser: Client, name: str, account: Connection, **fields: str) -> Any:
    return browser.post(reverse(name, args=[account.pk]), fields, follow=True)


@pytest.mark.parametrize(("wish", "words"), [("pause", "pauses after the page"), ("cancel", "ends after the page")])
def test_a_running_sync_can_be_paused_and_cancelled_from_its_page(
    wish: str, words: str, owner_browser: Client, account: Connection
) -> None:
    run = running(account)
    page = Reader(owner_browser.get(reverse("connection", args=[account.pk])).content.decode())
    assert reverse("connection_stop", args=[account.pk]) in [form["action"] for form in page.all("form")]
    assert words in text_of(post(owner_browser, "connection_stop", account, wish=wish))
    run.refresh_from_db()
    assert run.stop_requested == wish


def test_there_is_nothing_to_stop_once_a_sync_has_ended(owner_browser: Client, account: Connection) -> None:
    assert "No sync is under way any more." in text_of(post(owner_browser, "connection_stop", account, wish="pause"))


def test_everything_is_read_again_when_somebody_asks_and_not_while_a_sync_runs(
    owner_browser: Client, account: Connection, django_capture_on_commit_callbacks: Any, bells: list[Any]
) -> None:
    cursor = SyncCursor.objects.create(connection=account, stream="deals", position={"after": "7"})
    with lock_of_a_run(account):
        assert "A sync is under way." in text_of(post(owner_browser, "connection_full_read", account))
    with django_capture_on_commit_callbacks(execute=True):
        assert "Everything is read again." in text_of(post(owner_browser, "connection_full_read", account))
    cursor.refresh_from_db()
    assert cursor.position == {}
    assert cursor.full_read_started_at is not None
    assert bells == [("crm.hubspot.tasks.sync_hubspot_deals", [account.pk])]


def test_a_preview_is_asked_for_and_told_with_what_would_change(
    owner_browser: Client, account: Connection, django_capture_on_commit_callbacks: Any, bells: list[Any]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert "A preview is asked for." in text_of(post(owner_browser, "connection_preview", account))
    assert bells == [("crm.hubspot.tasks.preview_hubspot_deals", [account.pk])]
    findings = [{"external_id": "9", "name": "Forty chairs", "what": "changed", "fields": ["amount"]}]
    SyncRun.objects.create(
        connection=account, stream="deals", mode="preview", status="succeeded", changed=1, findings=findings
    )
    text = text_of(owner_browser.get(reverse("connection", args=[account.pk])))
    assert "What would change" in text
    assert "Forty chairs: amount" in text


def test_records_in_quarantine_are_read_again_when_somebody_asks(
    owner_browser: Client, account: Connection, django_capture_on_commit_callbacks: Any, bells: list[Any]
) -> None:
    Quarantine.objects.create(connection=account, stream="deals", external_id="77", reason="No number.", payload="{}")
    with django_capture_on_commit_callbacks(execute=True):
        assert "They are read again now." in text_of(post(owner_browser, "connection_retry", account))
    assert bells == [("crm.hubspot.tasks.process_hubspot_deal", ["77", account.pk])]


@pytest.mark.parametrize("name", WISHES)
def test_who_may_not_sync_may_not_do_this(name: str, sign_in: Callable[..., Client], account: Connection) -> None:
    assert sign_in(Role.ACCOUNTANT).post(reverse(name, args=[account.pk])).status_code in {302, 403}
    assert sign_in(Role.VIEWER).post(reverse(name, args=[account.pk])).status_code == 403


@pytest.mark.parametrize("name", ["connection_full_read", "connection_preview", "connection_retry"])
def test_nothing_is_rung_for_a_disconnected_account(
    name: str, owner_browser: Client, account: Connection, bells: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    Connection.objects.update(status=ConnectionStatus.DISCONNECTED)
    with django_capture_on_commit_callbacks(execute=True):
        assert "is not connected now" in text_of(post(owner_browser, name, account))
    assert bells == []


def test_the_last_census_stands_on_the_page_with_each_difference(owner_browser: Client, account: Connection) -> None:
    census = Census.objects.create(connection=account, counted_here=249, counted_there=250, days_compared=30)
    page = reverse("connection", args=[account.pk])
    assert "The same on both sides" in text_of(owner_browser.get(page))
    CensusDifference.objects.create(census=census, external_id="9002", cause="missing", currency="NGN")
    text = text_of(owner_browser.get(page))
    assert "had 250 deals and we had 249" in text
    assert "It was missing here and has been read now." in text


def test_of_a_sync_and_a_preview_beside_it_the_sync_is_stopped(owner_browser: Client, account: Connection) -> None:
    run = running(account)
    SyncRun.objects.create(connection=account, stream="deals, previewed", mode="preview")
    post(owner_browser, "connection_stop", account, wish="pause")
    run.refresh_from_db()
    assert run.stop_requested == "pause"
