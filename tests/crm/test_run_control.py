from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from celery.signals import task_prerun
from django.db import connection as database
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from accounts.models import Organization
from crm import storage
from crm.models import Deal, Owner
from crm.records import OwnerRecord
from crm.services import preview_deals, sync_deals
from crm.tasks import process_deal, take_census_of
from integrations.base.auth import CredentialManager, Tokens
from integrations.models import Connection, ConnectionStatus, Quarantine, RunStatus, StopRequest, SyncCursor, SyncRun
from integrations.services.connections import connect_account, connections_waiting_for_sync, disconnect, request_sync
from integrations.services.syncs import request_full_read, request_stop
from integrations.services.testing import try_connection
from tests.other_session import lock_of_a_run, other_session
from tests.sandbox_process import SandboxProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run commit every ten deals."""
    monkeypatch.setattr("crm.hubspot.connector.BATCH", 10)
    monkeypatch.setattr("crm.hubspot.connector.PAGES_A_TRANSACTION", 1)


def ask(request: StopRequest) -> Callable[[SyncRun], None]:
    """Return what asks a run to stop once it has stored a page."""

    def after_page(run: SyncRun) -> None:
        request_stop(run=run, request=request)

    return after_page


@pytest.mark.usefixtures("small_pages")
def test_a_full_read_that_was_cut_off_goes_on_and_is_not_given_up_for_a_window(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    complete_until = SyncCursor.objects.get().complete_until

    def fail_after_one_page(run: SyncRun) -> None:
        if run.pages == 1:
            sandbox.fail_next("GET", "/crm/objects/2026-09/deals", status=503, times=60)

    cut = sync_deals(connection=connection, full=True, on_page=fail_after_one_page)
    assert (cut.mode, cut.status) == ("full", RunStatus.PARTIAL)
    assert SyncCursor.objects.get().complete_until == complete_until
    sandbox.set(fail_next=[])
    rest = sync_deals(connection=connection)
    assert (rest.mode, rest.status) == ("full", RunStatus.SUCCEEDED)
    assert rest.read < sandbox.deals, "it went on from its last page"
    assert SyncCursor.objects.get().full_read_started_at is None


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    ("request_made", "status", "next_reads"), [("pause", RunStatus.PAUSED, 30), ("cancel", RunStatus.CANCELLED, 40)]
)
def test_a_run_stops_after_its_page_as_it_was_asked(
    request_made: str, status: RunStatus, next_reads: int, connection: Connection
) -> None:
    run = sync_deals(
        connection=connection,
        on_page=ask(StopRequest(request_made)),
    )
    assert (run.status, run.read, Deal.objects.count()) == (status, 10, 10)
    assert run.sentence.startswith(str(status.label))
    assert not request_stop(run=run, request=StopRequest.CANCEL), "it is not running any more"
    following = sync_deals(connection=connection)
    assert (following.status, following.read) == (RunStatus.SUCCEEDED, next_reads)


def test_a_full_read_is_not_asked_for_while_a_run_begins_whose_end_would_undo_it(connection: Connection) -> None:
    sync_deals(connection=connection)
    with lock_of_a_run(connection):
        assert not request_full_read(connection=connection)
        assert SyncCursor.objects.get().full_read_started_at is None
    assert request_full_read(connection=connection)
    assert sync_deals(connection=connection).mode == "full"


def test_a_cancelled_full_read_leaves_what_was_complete_before(connection: Connection) -> None:
    sync_deals(connection=connection)
    sync_deals(
        connection=connection,
        full=True,
        on_page=ask(StopRequest.CANCEL),
    )
    assert sync_deals(connection=connection).mode == "window"


def test_a_run_knows_how_many_deals_the_provider_counts(connection: Connection, sandbox: SandboxProcess) -> None:
    assert sync_deals(connection=connection).expected == sandbox.deals


def test_a_preview_says_what_a_sync_would_change_and_changes_nothing(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    first, second, third = Deal.objects.order_by("pk")[:3]
    sandbox.edit("deals", first.external_id, dealname="Renamed shelves")
    sandbox.edit("deals", third.external_id, amount="NaN")
    cursor = SyncCursor.objects.values().get()
    Deal.objects.filter(pk=second.pk).delete()
    stored = list(Deal.objects.order_by("pk").values())
    run = preview_deals(connection=connection)
    assert (run.mode, run.status) == ("preview", RunStatus.SUCCEEDED)
    assert (run.created, run.changed, run.quarantined) == (1, 1, 1)
    assert run.sentence.startswith("Nothing was stored. A sync now would add 1, change 1")
    assert {(found["external_id"], found["what"]) for found in run.findings} == {
        (first.external_id, "changed"),
        (second.external_id, "new"),
    }
    assert next(found["fields"] for found in run.findings if found["what"] == "changed") == ["name"]
    assert list(Deal.objects.order_by("pk").values()) == stored
    assert SyncCursor.objects.values().get() == cursor
    assert not Quarantine.objects.exists()


def test_a_preview_turns_no_sync_away_and_takes_no_wish_for_one(connection: Connection) -> None:
    ended: list[str] = []

    def sync_meanwhile(_run: SyncRun) -> None:
        assert Connection.objects.get().sync_requested_at is not None, "the first sync is still wanted"
        ended.append(sync_deals(connection=connection).status)

    preview = preview_deals(connection=connection, on_page=sync_meanwhile)
    assert (preview.status, ended) == (RunStatus.SUCCEEDED, [RunStatus.SUCCEEDED])
    assert Connection.objects.get().sync_requested_at is None


def test_connecting_again_after_a_disconnect_brings_the_nightly_sync_back(
    connection: Connection, organization: Organization
) -> None:
    nightly = PeriodicTask.objects.get(name=f"Nightly sync of connection {connection.pk}")
    disconnect(connection=connection)
    nightly.refresh_from_db()
    assert not nightly.enabled
    told = PeriodicTasks.last_change()
    again = connect_account(organization=organization, provider="hubspot", tokens=Tokens(access_token="pat-sandbox"))
    nightly.refresh_from_db()
    assert (again.pk, nightly.enabled) == (connection.pk, True)
    assert PeriodicTasks.last_change() > told, "beat is told"


def test_a_nightly_sync_that_staff_disabled_stays_so_when_an_account_is_renewed(
    connection: Connection, organization: Organization
) -> None:
    PeriodicTask.objects.filter(name=f"Nightly sync of connection {connection.pk}").update(enabled=False)
    connect_account(organization=organization, provider="hubspot", tokens=Tokens(access_token="pat-sandbox"))
    assert not PeriodicTask.objects.get(name=f"Nightly sync of connection {connection.pk}").enabled


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_not_keep_a_connection_that_postgresql_has_closed() -> None:
    # The worker keeps its connection between tasks, so nothing but the signal before a task looks at it.
    task_prerun.send(sender=None)
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    end_session(pid)
    task_prerun.send(sender=None)
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone()[0] != pid


def end_session(pid: int) -> None:
    """End one session of the database from another one."""
    with other_session() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])


def test_a_run_whose_worker_was_killed_is_taken_up_by_the_sweep_and_a_preview_is_not(connection: Connection) -> None:
    sync_deals(connection=connection)
    run = SyncRun.objects.create(connection=connection, stream="deals", mode="full")
    with lock_of_a_run(connection):
        assert connections_waiting_for_sync() == []
    assert connections_waiting_for_sync() == [connection]
    SyncRun.objects.filter(pk=run.pk).update(mode="preview")
    assert connections_waiting_for_sync() == []


def test_a_preview_under_way_does_not_stand_before_a_full_read(connection: Connection) -> None:
    sync_deals(connection=connection)
    SyncRun.objects.create(connection=connection, stream="deals, previewed", mode="preview")
    assert request_full_read(connection=connection)


def test_a_read_that_goes_on_days_later_asks_for_what_changed_since_it_began(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    connection.refresh_from_db()
    assert connection.sync_requested_at is None
    began = timezone.now() - timedelta(days=3)
    SyncCursor.objects.update(position={"after_id": "1"}, window_since=began - timedelta(days=7), window_until=began)
    sandbox.add_deal(dealname="Made since", dealstage="closedwon", pipeline="default")
    rest = sync_deals(connection=connection)
    connection.refresh_from_db()
    assert not Deal.objects.filter(name="Made since").exists()
    assert "what changed since then is read next" in rest.sentence
    assert connection.sync_requested_at is not None
    sync_deals(connection=connection, days_back=0)
    connection.refresh_from_db()
    assert Deal.objects.filter(name="Made since").exists()
    assert connection.sync_requested_at is None


def test_a_window_of_which_nothing_was_read_yet_ends_at_the_present_when_it_is_begun_again(
    connection: Connection, sandbox: SandboxProcess
) -> None:
    sync_deals(connection=connection)
    SyncCursor.objects.update(window_since=timezone.now(), window_until=timezone.now() - timedelta(days=3))
    sandbox.add_deal(dealname="Made since", dealstage="closedwon", pipeline="default")
    sync_deals(connection=connection)
    assert Deal.objects.filter(name="Made since").exists()


def test_a_full_read_that_is_paused_at_its_last_page_reads_none_of_them_twice(connection: Connection) -> None:
    paused = sync_deals(connection=connection, on_page=ask(StopRequest.PAUSE))
    assert (paused.status, paused.read) == (RunStatus.PAUSED, 40)
    rest = sync_deals(connection=connection)
    assert (rest.mode, rest.status, rest.read) == ("full", RunStatus.SUCCEEDED, 0)


def test_an_owner_who_is_archived_between_two_pages_is_stored_once(connection: Connection) -> None:
    ada = OwnerRecord("1", "Ada", "", is_archived=False)
    storage.save_structure(connection=connection, pipelines=[], owners=[ada, replace(ada, is_archived=True)])
    assert Owner.objects.get().is_archived


def test_a_run_that_took_as_long_as_one_may_goes_on_by_itself(connection: Connection) -> None:
    def too_long(_run: SyncRun) -> None:
        raise SoftTimeLimitExceeded

    cut = sync_deals(connection=connection, on_page=too_long)
    assert (cut.status, cut.read) == (RunStatus.PARTIAL, 40)
    connection.refresh_from_db()
    assert connection.sync_requested_at is not None
    assert sync_deals(connection=connection).status == RunStatus.SUCCEEDED


def test_a_fault_of_the_configuration_is_not_asked_about_again_every_half_minute(
    connection: Connection, settings: Any
) -> None:
    old = Tokens("old", refresh_token="refresh", expires_at=timezone.now() - timedelta(minutes=1))
    CredentialManager(connection.pk).store(old)
    settings.HUBSPOT_CLIENT_SECRET = "wrong"
    request_sync(connection=connection)
    assert sync_deals(connection=connection).status == RunStatus.PARTIAL
    connection.refresh_from_db()
    assert (connection.sync_requested_at, connection.status) == (None, "active")


@pytest.mark.parametrize("way", ["test", "deal", "census"])
def test_a_dead_grant_is_marked_by_whoever_meets_it(connection: Connection, way: str) -> None:
    gone = Tokens("old", refresh_token="gone", expires_at=timezone.now() - timedelta(minutes=1))
    CredentialManager(connection.pk).store(gone)
    match way:
        case "test":
            assert not try_connection(connection).success
        case "deal":
            process_deal.run("9081000001", connection.pk)
        case "census":
            take_census_of.run(connection.pk)
    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.NEEDS_REAUTHORIZATION
