from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.models import Organization, Role
from integrations.models import Connection, ConnectionStatus, Credential, Quarantine, SyncRun
from invoices.models import Business, Status
from tests.pages.making import Reader, make_deal, make_held, make_invoice
from tests.sandbox_process import SandboxProcess


def text_of(answer: Any) -> str:
    return Reader(answer.content.decode()).text


def progress(browser: Client, account: Connection) -> dict[str, Any]:
    found: dict[str, Any] = browser.get(reverse("connection_progress_json", args=[account.pk])).json()
    return found


def fragment(browser: Client, account: Connection) -> Any:
    return browser.get(reverse("connection_progress", args=[account.pk]), headers={"HX-Request": "true"})


def test_the_owner_gets_a_form_that_starts_the_consent(owner_browser: Client, sandbox: SandboxProcess) -> None:
    page = Reader(owner_browser.get("/connections/").content.decode())
    assert "Connect to HubSpot" in page.text
    answer = owner_browser.post("/connect/hubspot/")
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{sandbox.url}/oauth/authorize")


@pytest.mark.parametrize("role", [role for role in Role if role != Role.OWNER])
def test_other_roles_see_no_such_form_but_whom_to_ask(
    sign_in: Callable[..., Client], sandbox: SandboxProcess, organization: Organization, role: Role
) -> None:
    page = Reader(sign_in(role).get("/connections/").content.decode())
    assert f"Ask an owner of {organization}." in page.text
    assert "/connect/hubspot/" not in [form["action"] for form in page.all("form")]


def test_each_account_stands_there_with_its_health(owner_browser: Client, account: Connection) -> None:
    run = SyncRun.objects.create(connection=account, stream="deals", mode="full", status="partial", read=120)
    SyncRun.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(hours=2))
    text = text_of(owner_browser.get("/connections/"))
    assert "Adupe CRM Account 62515" in text
    assert "Connected" in text
    assert "Partial" in text
    assert "2 hours ago · 120 read" in text


def test_a_problem_is_told_where_the_account_stands(owner_browser: Client, account: Connection) -> None:
    Connection.objects.filter(pk=account.pk).update(
        status=ConnectionStatus.NEEDS_REAUTHORIZATION, problem="The grant is gone. Connect again."
    )
    assert "The grant is gone. Connect again." in text_of(owner_browser.get("/connections/"))
    page = Reader(owner_browser.get(reverse("connection", args=[account.pk])).content.decode())
    assert "The grant is gone. Connect again." in page.text
    assert "/connect/hubspot/" in [form["action"] for form in page.all("form")]


def test_a_double_click_on_sync_rings_once(
    owner_browser: Client, account: Connection, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    address = reverse("connection_sync", args=[account.pk])
    with django_capture_on_commit_callbacks() as first:
        answer = owner_browser.post(address, follow=True)
    with django_capture_on_commit_callbacks() as second:
        again = owner_browser.post(address, follow=True)
    assert (len(first), len(second)) == (1, 0)
    assert "A sync of Adupe CRM is asked for." in text_of(answer)
    assert "was asked for already" in text_of(again)


@pytest.mark.usefixtures("broker_away")
def test_without_the_broker_the_wish_is_kept_and_the_page_says_when_it_starts(
    owner_browser: Client, account: Connection, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = owner_browser.post(reverse("connection_sync", args=[account.pk]), follow=True)
    assert answer.status_code == 200
    assert "or when the queue is back" in text_of(answer)
    asked = Connection.objects.get(pk=account.pk).sync_requested_at
    assert asked is not None
    Connection.objects.filter(pk=account.pk).update(sync_requested_at=asked - timedelta(minutes=1))
    assert "it starts when the queue is back" in progress(owner_browser, account)["sentence"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_who_may_only_look_can_start_nothing(sign_in: Callable[..., Client], account: Connection, role: Role) -> None:
    browser = sign_in(role)
    page = Reader(browser.get(reverse("connection", args=[account.pk])).content.decode())
    assert not [form for form in page.all("form") if "sync" in form["action"] or "test" in form["action"]]
    for name in ("connection_sync", "connection_test"):
        answer = browser.post(reverse(name, args=[account.pk]))
        assert answer.status_code == 403
        assert "Ask an owner, accountant or operator" in text_of(answer)


def test_a_connection_that_is_not_active_is_not_read(owner_browser: Client, account: Connection) -> None:
    Connection.objects.filter(pk=account.pk).update(status=ConnectionStatus.DISCONNECTED)
    answer = owner_browser.post(reverse("connection_sync", args=[account.pk]), follow=True)
    assert "is not connected now (Disconnected), so nothing can be read" in text_of(answer)
    assert Connection.objects.get(pk=account.pk).sync_requested_at is None
    answer = owner_browser.post(reverse("connection_test", args=[account.pk]), follow=True)
    assert "there is nothing to test" in text_of(answer)


def test_a_test_says_what_the_provider_answered(
    owner_browser: Client, connection: Connection, sandbox: SandboxProcess
) -> None:
    address = reverse("connection_test", args=[connection.pk])
    assert "Test passed." in text_of(owner_browser.post(address, follow=True))
    sandbox.fail_next("GET", "/account-info", status=403, body={"status": "error", "category": "MISSING_SCOPES"})
    answer = owner_browser.post(address, follow=True)
    assert "Test failed." in text_of(answer)


def test_disconnecting_asks_for_the_name_and_wipes_the_tokens(owner_browser: Client, connection: Connection) -> None:
    address = reverse("connection_disconnect", args=[connection.pk])
    wrong = owner_browser.post(address, {"name": "Something else"})
    page = Reader(wrong.content.decode())
    assert wrong.status_code == 422
    assert "This is not the account's name, so nothing was disconnected." in page.text
    assert "#id_name" in [link["href"] for link in page.all("a")]
    assert next(field for field in page.all("input") if field.get("name") == "name")["value"] == "Something else"
    assert Credential.objects.filter(connection=connection).exists()
    right = owner_browser.post(address, {"name": f"  {connection.name.upper()} "}, follow=True)
    assert "is disconnected and its tokens are gone" in text_of(right)
    assert not Credential.objects.filter(connection=connection).exists()
    assert "is disconnected already" in text_of(owner_browser.post(address, {"name": "x"}, follow=True))


def test_only_an_owner_may_disconnect(sign_in: Callable[..., Client], account: Connection) -> None:
    answer = sign_in(Role.ACCOUNTANT).post(reverse("connection_disconnect", args=[account.pk]), {"name": account.name})
    assert answer.status_code == 403
    assert Connection.objects.get(pk=account.pk).is_active


def test_progress_goes_from_none_through_waiting_and_running_to_its_end(
    owner_browser: Client, account: Connection
) -> None:
    assert progress(owner_browser, account)["status"] == "none"
    Connection.objects.filter(pk=account.pk).update(sync_requested_at=timezone.now())
    assert progress(owner_browser, account)["status"] == "waiting"
    run = SyncRun.objects.create(connection=account, stream="deals", mode="full", read=1200)
    running = progress(owner_browser, account)
    assert (running["status"], running["read"], running["run"]) == ("running", 1200, run.pk)
    assert running["sentence"] == "1,200 deals are read and stored."
    Connection.objects.filter(pk=account.pk).update(sync_requested_at=None)
    SyncRun.objects.filter(pk=run.pk).update(status="partial", sentence="2 records could not be read.")
    ended = progress(owner_browser, account)
    assert (ended["status"], ended["sentence"]) == ("partial", "2 records could not be read.")


def test_progress_counts_invoices_by_status_and_names_why_others_are_held(
    owner_browser: Client, account: Connection, business: Business
) -> None:
    make_invoice(account, Status.SIGNED)
    make_held(account)
    make_held(account)
    make_deal(account, invoice_due=True)
    Quarantine.objects.create(connection=account, stream="deals", external_id="7", reason="Not JSON.", payload="{")
    found = progress(owner_browser, account)
    assert found["invoices"] == {**dict.fromkeys(Status.values, 0), "signed": 1, "draft": 2}
    assert found["held"] == [{"reason": "The buyer's TIN", "count": 2}]
    assert (found["due_deals"], found["quarantined"]) == (1, 1)


def test_the_fragment_polls_while_it_runs_and_ends_with_a_fresh_page(
    owner_browser: Client, account: Connection
) -> None:
    run = SyncRun.objects.create(connection=account, stream="deals", mode="full", read=5)
    running = fragment(owner_browser, account)
    assert 'hx-trigger="every 2s"' in running.content.decode()
    assert "HX-Refresh" not in running.headers
    SyncRun.objects.filter(pk=run.pk).update(status="succeeded", sentence="Everything was read.")
    ended = fragment(owner_browser, account)
    assert "hx-trigger" not in ended.content.decode()
    assert ended["HX-Refresh"] == "true"
    page = owner_browser.get(reverse("connection", args=[account.pk]))
    assert "hx-trigger" not in page.content.decode()


def test_without_htmx_the_fragment_leads_to_the_page_which_offers_a_refresh(
    owner_browser: Client, account: Connection
) -> None:
    SyncRun.objects.create(connection=account, stream="deals", mode="full")
    answer = owner_browser.get(reverse("connection_progress", args=[account.pk]), follow=True)
    assert answer.redirect_chain == [(reverse("connection", args=[account.pk]), 302)]
    assert "Refresh" in text_of(answer)


def test_a_run_that_fell_silent_says_what_to_do(owner_browser: Client, account: Connection) -> None:
    run = SyncRun.objects.create(connection=account, stream="deals", mode="full")
    SyncRun.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=6))
    assert "silent for over five minutes" in progress(owner_browser, account)["sentence"]


def test_the_page_shows_runs_and_what_could_not_be_read_with_its_reason(
    owner_browser: Client, account: Connection
) -> None:
    SyncRun.objects.create(
        connection=account, stream="deals", mode="window", status="failed", sentence="An error of ours stopped it."
    )
    Quarantine.objects.create(
        connection=account, stream="deals", external_id="981", reason="Its amount is not a number.", payload="{}"
    )
    text = text_of(owner_browser.get(reverse("connection", args=[account.pk])))
    assert "An error of ours stopped it." in text
    assert "981" in text
    assert "Its amount is not a number." in text


def test_the_schedule_on_the_page_is_the_one_that_staff_set(owner_browser: Client, connection: Connection) -> None:
    address = reverse("connection", args=[connection.pk])
    assert "every day at 02:00 (Africa/Lagos)" in text_of(owner_browser.get(address))
    PeriodicTask.objects.filter(name__endswith=f" {connection.pk}").update(enabled=False)
    assert "only when somebody asks" in text_of(owner_browser.get(address))
