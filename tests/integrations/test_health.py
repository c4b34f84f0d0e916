from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organization
from integrations.base.auth import CredentialManager, Tokens
from integrations.base.errors import ReauthorizationRequired
from integrations.base.http import CallStatistics
from integrations.base.records import Page
from integrations.health import HealthFacts, judge
from integrations.models import (
    Connection,
    ConnectionStatus,
    Credential,
    Health,
    Quarantine,
    SyncCursor,
    SyncRun,
    WebhookEvent,
)
from integrations.services.connections import mark_needs_reauthorization, pause, resume
from integrations.services.health import health_facts
from integrations.services.syncs import Plan, SaveCounts, StreamReader, run_sync
from integrations.tasks import check_connections

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WELL = HealthFacts(
    status="active", problem="", connected_at=NOW - timedelta(days=30), complete_until=NOW - timedelta(hours=3),
    run_status="succeeded", run_heartbeat_at=NOW - timedelta(hours=3),
)  # fmt: skip


@pytest.fixture
def row(organization: Organization) -> Connection:
    found = Connection.objects.create(organization=organization, provider="hubspot", name="A", external_account_id="1")
    CredentialManager(found.pk).store(Tokens("access", "refresh", timezone.now() + timedelta(hours=1)))
    return found


def test_a_connection_that_was_read_last_night_is_well() -> None:
    assert judge(WELL, NOW).health == Health.OK


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ({"complete_until": NOW - timedelta(hours=27)}, "27 hours old"),
        ({"complete_until": None}, "30 days old"),
        ({"run_status": "failed", "run_sentence": "Tell support: run 7."}, "sync failed: Tell support: run 7."),
        ({"run_status": "partial", "run_sentence": "HubSpot is away."}, "stopped short: HubSpot is away."),
        ({"run_status": "running", "run_heartbeat_at": NOW - timedelta(minutes=11)}, "silent for 11 minutes"),
        ({"quarantined": 3, "run_status": "partial", "run_quarantined": 3}, "3 records could not be read"),
        ({"refresh_failing_since": NOW - timedelta(minutes=40)}, "could not be renewed for 40 minutes"),
        ({"run_status": "partial", "run_quarantined": 1, "unfinished_streams": 1}, "The last sync stopped short"),
        ({"late_events": 2}, "2 events have waited for more than a quarter of an hour"),
        ({"parked_events": 1}, "1 event could not be processed and is parked"),
        ({"run_silent_changes": 4}, "4 changes that no webhook had announced"),
    ],
)  # fmt: skip
def test_each_fault_degrades_and_says_why_and_what_to_do(facts: dict[str, Any], cause: str) -> None:
    verdict = judge(replace(WELL, **facts), NOW)
    assert verdict.health == Health.DEGRADED
    assert cause in verdict.cause
    assert verdict.next_step


@pytest.mark.parametrize(
    "facts",
    [
        {"complete_until": NOW - timedelta(hours=25)},
        {"complete_until": None, "connected_at": NOW - timedelta(hours=1), "run_status": ""},
        {"run_status": "running", "run_heartbeat_at": NOW - timedelta(seconds=30)},
        {"refresh_failing_since": NOW - timedelta(minutes=5)},
    ],
)
def test_what_passes_by_itself_is_no_fault(facts: dict[str, Any]) -> None:
    assert judge(replace(WELL, **facts), NOW).health == Health.OK


def test_several_faults_are_all_told() -> None:
    cause = judge(replace(WELL, complete_until=NOW - timedelta(days=3), quarantined=1), NOW).cause
    assert "3 days old" in cause
    assert "1 record could not be read" in cause


def test_the_sweep_stores_the_verdict_and_since_moves_only_with_it(row: Connection) -> None:
    Quarantine.objects.create(connection=row, stream="deals", external_id="1", reason="no id", payload="{}")
    assert check_connections() == 1
    row.refresh_from_db()
    assert (row.health, row.health_since.date()) == (Health.DEGRADED, timezone.now().date())
    before = row.health_since
    Quarantine.objects.create(connection=row, stream="deals", external_id="2", reason="no id", payload="{}")
    check_connections()
    row.refresh_from_db()
    assert "2 records" in row.health_cause
    assert row.health_since == before
    assert check_connections() == 0
    Quarantine.objects.update(resolved_at=timezone.now())
    check_connections()
    row.refresh_from_db()
    assert (row.health, row.health_cause) == (Health.OK, "")
    assert row.health_since > before


def test_facts_come_from_the_newest_run_and_the_stream_that_is_furthest_behind(row: Connection) -> None:
    now = timezone.now()
    SyncRun.objects.create(connection=row, stream="deals", mode="full", status="failed")
    SyncRun.objects.create(connection=row, stream="deals", mode="window", status="succeeded", silent_changes=2)
    SyncCursor.objects.create(connection=row, stream="deals", complete_until=now)
    SyncCursor.objects.create(connection=row, stream="owners", complete_until=now - timedelta(days=2))
    facts = health_facts(row)
    assert (facts.run_status, facts.run_silent_changes) == ("succeeded", 2)
    assert facts.lag(now) == timedelta(days=2)
    SyncCursor.objects.create(connection=row, stream="contacts")
    assert health_facts(row).complete_until is None


def test_events_that_wait_too_long_or_are_parked_are_facts_and_fresh_or_settled_ones_are_not(row: Connection) -> None:
    now = timezone.now()
    for number, (status, minutes) in enumerate(
        [("failed", 20), ("received", 16), ("received", 1), ("parked", 1), ("processed", 90), ("ignored", 90)]
    ):
        WebhookEvent.objects.create(
            connection=row, delivery_id=1, provider="hubspot", event_type="deal.creation", status=status,
            received_at=now - timedelta(minutes=minutes), key=str(number), payload="{}",
        )  # fmt: skip
    facts = health_facts(row)
    assert (facts.late_events, facts.parked_events) == (2, 1)
    SyncCursor.objects.create(connection=row, stream="deals", window_until=now)
    assert health_facts(row).unfinished_streams == 1


def test_a_paused_connection_is_not_read_until_it_is_resumed(row: Connection) -> None:
    assert pause(connection=row)
    assert (row.status, row.health) == (ConnectionStatus.PAUSED, Health.PAUSED)
    assert not pause(connection=row)
    assert resume(connection=row)
    row.refresh_from_db()
    assert (row.status, row.health) == (ConnectionStatus.ACTIVE, Health.OK)
    assert row.sync_requested_at is not None
    assert not resume(connection=row)


def test_a_run_ends_at_its_next_page_when_its_connection_is_paused(row: Connection) -> None:
    def read(_: Plan) -> Iterator[Page]:
        yield Page(records=[], cursor={"after": 1}, unreadable=[])
        pause(connection=row)
        yield Page(records=[], cursor={"after": 2}, unreadable=[])
        yield Page(records=[], cursor={"after": 3}, unreadable=[])

    plan = Plan("window", SyncCursor.objects.create(connection=row, stream="deals"))
    stream = StreamReader("deals", lambda: plan, read, lambda _: SaveCounts(), CallStatistics())
    run = run_sync(connection=row, stream=stream)
    assert run.status == "partial"
    assert "is not active any more (Paused)" in run.sentence
    assert SyncCursor.objects.get().position == {"after": 2}


def test_a_refusal_of_the_old_grant_does_not_stop_a_connection_that_was_connected_again(row: Connection) -> None:
    refused = ReauthorizationRequired("The access was withdrawn.")
    CredentialManager(row.pk).store(Tokens("newer", "newer"))
    mark_needs_reauthorization(connection=row, problem=refused)
    assert row.status == ConnectionStatus.ACTIVE
    mark_needs_reauthorization(connection=row, problem=ReauthorizationRequired("The access was withdrawn."))
    assert (row.status, row.health) == (ConnectionStatus.NEEDS_REAUTHORIZATION, Health.NEEDS_REAUTHORIZATION)
    assert row.health_cause == "The access was withdrawn."


def test_page_list_and_api_show_the_same_health(row: Connection, client: Client, owner: Any) -> None:
    Quarantine.objects.create(connection=row, stream="deals", external_id="1", reason="no id", payload="{}")
    Credential.objects.update(refresh_failing_since=timezone.now() - timedelta(hours=1))
    check_connections()
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    for page in (reverse("connection", args=[row.pk]), reverse("connections")):
        text = client.get(page).content.decode()
        assert "Degraded" in text
        assert "could not be renewed for 60 minutes" in text
    told = client.get(f"/api/v1/connections/{row.pk}/").json()
    assert (told["health"], told["health_label"]) == ("degraded", "Degraded")
    assert "waits in quarantine" in told["health_cause"]
    assert told["health_next"]
    assert told["health_since"]
