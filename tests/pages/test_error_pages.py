"""Errors stand in the same house, say what to do, and the gravest need nothing of ours to work."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.utils import OperationalError
from django.template.loader import render_to_string
from django.test import Client

from integrations.models import Connection
from taxpoynt import dashboard
from tests.pages.making import Reader


def test_a_page_that_is_not_there_keeps_the_menu(owner_browser: Client) -> None:
    answer = owner_browser.get("/nowhere/")
    assert answer.status_code == 404
    text = Reader(answer.content.decode()).text
    assert "There is nothing here" in text
    assert "Connections" in text


def test_a_stranger_sees_the_same_without_a_menu(db: None, client: Client) -> None:
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert "Sign out" not in Reader(answer.content.decode()).text


@pytest.mark.parametrize("name", ["400.html", "500.html", "503.html"])
def test_the_gravest_pages_need_neither_request_nor_database(name: str) -> None:
    page = Reader(render_to_string(name))
    assert len(page.all("h1")) == 1
    assert not page.inline_scripts


def test_an_error_of_ours_shows_no_traceback(owner_browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(dashboard, "overview", broken)
    owner_browser.raise_request_exception = False
    answer = owner_browser.get("/")
    assert answer.status_code == 500
    text = Reader(answer.content.decode()).text
    assert "An error of ours" in text
    assert "no invoice is lost or sent twice" in text
    assert "secret" not in text


def test_with_the_database_away_the_page_says_that_nothing_is_lost(
    owner_browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr(dashboard, "overview", away)
    owner_browser.raise_request_exception = False
    answer = owner_browser.get("/")
    assert answer.status_code == 503
    assert "Nothing that was accepted is lost." in Reader(answer.content.decode()).text


def test_a_form_without_its_token_is_refused_in_words(owner_browser: Client, account: Connection) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner_browser.cookies
    answer = strict.post(f"/connections/{account.pk}/sync/")
    assert answer.status_code == 403
    assert "This form is too old" in Reader(answer.content.decode()).text
    assert Connection.objects.get(pk=account.pk).sync_requested_at is None


@pytest.mark.parametrize("name", ["sync", "test"])
def test_an_act_is_never_done_by_a_link(owner_browser: Client, account: Connection, name: str) -> None:
    assert owner_browser.get(f"/connections/{account.pk}/{name}/").status_code == 405
