from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import DataError
from django.db import connection as database
from django.utils import timezone

from crm.hubspot.tasks import process_hubspot_events
from crm.models import Company, Deal, DealLine
from integrations.base.auth import CredentialManager, Tokens
from integrations.base.errors import ConfigurationError, NotFound, PermissionMissing, RateLimited
from integrations.models import Connection, ConnectionStatus, EventStatus, Lease, WebhookEvent
from integrations.partitions import ALARM_DAYS
from integrations.services import events
from integrations.services.events import ATTEMPTS, FIRST_WAIT, LONGEST_WAIT, process_events
from integrations.services.leases import Held
from integrations.services.webhooks import connections_with_waiting_events, split_deliveries
from integrations.tasks import maintain_partitions, process_webhooks, sweep_webhooks
from tests.brokers import IN_MEMORY, broker
from tests.integrations.webhooks.conftest import Post, told, work
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db


def deal_of(connection: Connection) -> Deal:
    deal = Deal.objects.filter(connection=connection).order_by("pk").first()
    assert deal is not None
    return deal


def one_event() -> WebhookEvent:
    return WebhookEvent.objects.get()


def later(**past: float) -> None:
    """Let time pass for the events that wait."""
    waiting = WebhookEvent.objects.all()
    waiting.update(next_attempt_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("kind", ["deal.propertyChange", "deal.creation", "deal.restore", "deal.merge"])
def test_an_event_of_a_deal_has_it_read_again(
    kind: str, synced: Connection, sandbox: SandboxProcess, deliver: Post
) -> None:
    deal = deal_of(synced)
    sandbox.edit("deals", deal.external_id, dealname="Renamed at the provider")
    deliver(told(kind, deal.external_id, propertyName="dealname", propertyValue="What the notice claims"))
    work(synced)
    deal.refresh_from_db()
    assert deal.name == "Renamed at the provider"
    assert one_event().status == EventStatus.PROCESSED


def test_the_generic_form_does_the_same(synced: Connection, sandbox: SandboxProcess, deliver: Post) -> None:
    deal = deal_of(synced)
    sandbox.edit("deals", deal.external_id, dealname="Renamed")
    deliver(told("object.propertyChange", deal.external_id, objectTypeId="0-3"))
    work(synced)
    deal.refresh_from_db()
    assert deal.name == "Renamed"


def test_a_deal_that_the_provider_no_longer_has_is_archived(synced: Connection, deliver: Post) -> None:
    deal = deal_of(synced)
    Deal.objects.filter(pk=deal.pk).update(external_id="99999999")
    deliver(told("deal.deletion", 99999999))
    work(synced)
    deal.refresh_from_db()
    assert (deal.is_archived, deal.invoice_due) == (True, False)
    assert one_event().status == EventStatus.PROCESSED


def test_a_changed_company_has_its_deals_read_again(synced: Connection, sandbox: SandboxProcess, deliver: Post) -> None:
    company = Company.objects.filter(deals__isnull=False).first()
    assert company is not None
    sandbox.edit("companies", company.external_id, tin="90077777-0001")
    deliver(told("company.propertyChange", company.external_id, propertyName="tin"))
    work(synced)
    company.refresh_from_db()
    assert company.tin == "90077777-0001"


def test_a_changed_line_has_its_deal_read_again(synced: Connection, sandbox: SandboxProcess, deliver: Post) -> None:
    line = DealLine.objects.first()
    assert line is not None
    sandbox.edit("line_items", line.external_id, name="A better shelf")
    sandbox.edit("deals", line.deal.external_id, description="touched")
    deliver(told("object.propertyChange", line.external_id, objectTypeId="0-8"))
    work(synced)
    assert DealLine.objects.get(external_id=line.external_id).name == "A better shelf"


def test_a_line_put_on_a_deal_has_the_deal_read_again(synced: Connection, deliver: Post) -> None:
    deal = deal_of(synced)
    ends = {"fromObjectId": 5, "toObjectId": int(deal.external_id), "associationType": "LINE_ITEM_TO_DEAL"}
    before = synced.last_good_call_at
    deliver(told("line_item.associationChange", 5, **ends))
    work(synced)
    assert one_event().status == EventStatus.PROCESSED
    assert before is None or synced.last_good_call_at >= before


def test_what_no_stored_deal_depends_on_is_ignored_with_that_reason(synced: Connection, deliver: Post) -> None:
    deliver(told("company.propertyChange", 424242))
    work(synced)
    assert (one_event().status, one_event().reason[:14]) == (EventStatus.IGNORED, "No stored deal")


def test_a_won_deal_is_invoiced_by_its_event(synced: Connection, sandbox: SandboxProcess, deliver: Post) -> None:
    from invoices.models import Invoice

    deal = Deal.objects.filter(is_won=False, pipeline_external_id="default", lines__isnull=False).first()
    assert deal is not None
    Deal.objects.update(invoice_due=False)
    sandbox.edit("deals", deal.external_id, dealstage="closedwon")
    deliver(told("deal.propertyChange", deal.external_id, propertyName="dealstage", propertyValue="closedwon"))
    work(synced)
    assert Invoice.objects.get().source_external_id == deal.external_id


def test_any_number_of_events_of_a_deal_cost_one_read(
    synced: Connection, deliver: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Sequence[str]] = []
    monkeypatch.setattr("crm.events.refresh_deals", lambda *, connection, external_ids: reads.append(external_ids))
    deliver(*(told(object_id=7, occurredAt=moment) for moment in range(50)), told(object_id=8))
    work(synced)
    assert reads == [["7", "8"]]
    assert set(WebhookEvent.objects.values_list("status", flat=True)) == {EventStatus.PROCESSED}


def test_a_failure_in_passing_leaves_the_event_waiting_and_it_is_done_later(
    synced: Connection, sandbox: SandboxProcess, deliver: Post
) -> None:
    deal = deal_of(synced)
    sandbox.edit("deals", deal.external_id, dealname="Renamed")
    sandbox.fail_next("GET", "/crm", status=503, body="busy", times=50)
    deliver(told(object_id=deal.external_id))
    work(synced)
    event = one_event()
    assert (event.status, event.attempts) == (EventStatus.FAILED, 1)
    assert event.next_attempt_at > timezone.now()
    assert connections_with_waiting_events() == []
    sandbox.set(fail_next=[])
    later()
    assert connections_with_waiting_events() == [synced]
    work(synced)
    deal.refresh_from_db()
    assert (deal.name, one_event().status) == ("Renamed", EventStatus.PROCESSED)


def test_the_provider_says_how_long_to_wait(synced: Connection, deliver: Post) -> None:
    def limited(_: object) -> Any:
        raise RateLimited("Too many calls.", retry_after=600)

    deliver(told())
    split_deliveries()
    process_events(connection=synced, handle=limited)
    assert one_event().next_attempt_at > timezone.now() + timedelta(seconds=590)


def test_waits_double_up_to_an_hour_and_end_as_parked_with_the_reason(synced: Connection, deliver: Post) -> None:
    def limited(_: object) -> Any:
        raise RateLimited("Too many calls.")

    deliver(told())
    split_deliveries()
    for attempts, wait in ((0, FIRST_WAIT), (1, FIRST_WAIT * 2), (4, FIRST_WAIT * 16), (20, LONGEST_WAIT)):
        WebhookEvent.objects.update(attempts=attempts, next_attempt_at=timezone.now())
        before = timezone.now()
        process_events(connection=synced, handle=limited)
        assert before + wait <= one_event().next_attempt_at <= timezone.now() + wait
    WebhookEvent.objects.update(next_attempt_at=timezone.now())
    WebhookEvent.objects.update(attempts=ATTEMPTS - 1)
    process_events(connection=synced, handle=limited)
    assert one_event().status == EventStatus.PARKED
    assert "Too many calls. It was tried 24 times; replay it" in one_event().reason


def test_one_object_that_cannot_be_handled_is_parked_and_its_neighbours_go_on(
    synced: Connection, deliver: Post
) -> None:
    def refuse_seven(events: Sequence[WebhookEvent]) -> dict[int, str]:
        if any(event.object_id == "7" for event in events):
            raise NotFound("HubSpot has no seven.")
        if any(event.object_id == "8" for event in events):
            raise RuntimeError("a fault of ours")
        return {}

    deliver(*(told(object_id=number) for number in (6, 7, 8, 9)))
    split_deliveries()
    process_events(connection=synced, handle=refuse_seven)
    found = dict(WebhookEvent.objects.values_list("object_id", "status"))
    assert found == {"6": "processed", "7": "parked", "8": "failed", "9": "processed"}


def test_events_of_a_connection_that_is_not_active_wait(synced: Connection, deliver: Post) -> None:
    Connection.objects.update(status=ConnectionStatus.NEEDS_REAUTHORIZATION)
    deliver(told(object_id=deal_of(synced).external_id))
    process_webhooks()
    process_hubspot_events(synced.pk)
    assert one_event().status == EventStatus.RECEIVED
    assert connections_with_waiting_events() == []
    Connection.objects.update(status=ConnectionStatus.ACTIVE)
    work(synced)
    assert one_event().status == EventStatus.PROCESSED


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_have_one_connections_events_at_once(synced: Connection, deliver: Post) -> None:
    deliver(told(object_id=1))
    split_deliveries()
    working, go_on, second = threading.Event(), threading.Event(), []

    def slow(events: Sequence[WebhookEvent]) -> dict[int, str]:
        second.append([event.object_id for event in events])
        working.set()
        assert go_on.wait(20)
        return {}

    def first() -> None:
        from django_scopes import scope

        try:
            with scope(organization=synced.organization):
                process_events(connection=synced, handle=slow)
        finally:
            database.close()

    worker = threading.Thread(target=first)
    worker.start()
    assert working.wait(20)
    deliver(told(object_id=2))
    split_deliveries()
    assert connections_with_waiting_events() == []
    assert process_events(connection=synced, handle=slow) == 0
    go_on.set()
    worker.join(20)
    # The one at work took what the other left.
    assert second == [["1"], ["2"]]
    assert set(WebhookEvent.objects.values_list("status", flat=True)) == {EventStatus.PROCESSED}


def test_an_event_that_comes_between_the_last_look_and_the_letting_go_is_taken_too(
    synced: Connection, deliver: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claim_and_be_too_early(connection: Connection, held: Held) -> list[WebhookEvent]:
        found = claim(connection, held)
        if WebhookEvent.objects.count() == 1:
            deliver(told(object_id=2))
            split_deliveries()
        return found

    claim = events._claim
    monkeypatch.setattr(events, "_claim", claim_and_be_too_early)
    deliver(told(object_id=1))
    split_deliveries()
    assert process_events(connection=synced, handle=lambda _: {}) == 2


@pytest.mark.django_db(transaction=True)
def test_the_workers_do_all_of_it_with_no_tenants_scope_open(synced: Connection, deliver: Post) -> None:
    deliver(told(object_id=deal_of(synced).external_id))

    def whole_road() -> int:
        try:
            with broker(IN_MEMORY):
                process_webhooks()
                sweep_webhooks()
            process_hubspot_events(synced.pk)
            return maintain_partitions()
        finally:
            database.close()

    with ThreadPoolExecutor(1) as another_thread:
        assert another_thread.submit(whole_road).result(30) > ALARM_DAYS
    assert one_event().status == EventStatus.PROCESSED


KILLED = """
import os, signal, django
django.setup()
from django_scopes import scope, scopes_disabled
from integrations.models import Connection
from integrations.services import events
from integrations.services.events import process_events
with scopes_disabled():
    connection = Connection.objects.select_related("organization").get()
with scope(organization=connection.organization):
    process_events(connection=connection, handle=lambda events: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_at_its_work_loses_no_event(synced: Connection, sandbox: SandboxProcess, deliver: Post) -> None:
    deal = deal_of(synced)
    sandbox.edit("deals", deal.external_id, dealname="Renamed")
    deliver(told(object_id=deal.external_id))
    split_deliveries()
    facts = django_settings.DATABASES["default"]
    url = f"postgresql://{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
    env = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "taxpoynt.settings"}
    ended = subprocess.run([sys.executable, "-c", KILLED], env=env, capture_output=True, timeout=60, check=False)
    assert ended.returncode == -9, ended.stderr.decode()
    assert (one_event().status, one_event().attempts) == (EventStatus.RECEIVED, 1)
    later()
    process_hubspot_events(synced.pk)
    assert one_event().attempts == 1, "the dead worker's lease has not ended"
    Lease.objects.update(until=timezone.now())
    process_hubspot_events(synced.pk)
    deal.refresh_from_db()
    assert (deal.name, one_event().status) == ("Renamed", EventStatus.PROCESSED)


def test_one_object_that_the_database_refuses_does_not_hold_back_its_neighbours(
    synced: Connection, deliver: Post
) -> None:
    def refuse_seven(events: Sequence[WebhookEvent]) -> dict[int, str]:
        if any(event.object_id == "7" for event in events):
            raise DataError("value too long")
        return {}

    deliver(*(told(object_id=number) for number in (6, 7, 8)))
    split_deliveries()
    process_events(connection=synced, handle=refuse_seven)
    found = dict(WebhookEvent.objects.values_list("object_id", "status"))
    assert found == {"6": "processed", "7": "failed", "8": "processed"}


def test_a_dead_grant_that_an_event_finds_asks_for_a_new_connection(connection: Connection, deliver: Post) -> None:
    CredentialManager(connection.pk).store(Tokens("old", "withdrawn", timezone.now()))
    deliver(told())
    work(connection)
    connection.refresh_from_db()
    assert (connection.status, connection.health) == ("needs_reauthorization", "needs_reauthorization")
    assert one_event().status == EventStatus.FAILED


@pytest.mark.parametrize(
    "problem", [ConfigurationError("Our secret is wrong."), PermissionMissing("Companies were not granted.")]
)
def test_what_stops_every_event_alike_leaves_them_waiting_and_is_met_once(
    problem: Exception, synced: Connection, deliver: Post
) -> None:
    calls: list[int] = []

    def refuse(events: Sequence[WebhookEvent]) -> dict[int, str]:
        calls.append(len(events))
        raise problem

    deliver(*(told(object_id=number) for number in (6, 7, 8)))
    split_deliveries()
    process_events(connection=synced, handle=refuse)
    assert calls == [3]
    assert set(WebhookEvent.objects.values_list("status", flat=True)) == {EventStatus.FAILED}


def test_a_pause_stops_the_events_after_the_batch_under_way(
    synced: Connection, deliver: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pause_it(_: Sequence[WebhookEvent]) -> dict[int, str]:
        Connection.objects.update(status=ConnectionStatus.PAUSED)
        return {}

    monkeypatch.setattr(events, "EVENTS_A_BATCH", 1)
    deliver(*(told(object_id=number) for number in (6, 7, 8)))
    split_deliveries()
    assert process_events(connection=synced, handle=pause_it) == 1
