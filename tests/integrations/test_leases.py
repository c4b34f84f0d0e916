"""One worker at a time, and none for long that has died or was cut off."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections, transaction
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from integrations.models import Connection as Account
from integrations.models import EventStatus, Lease, SyncRun, WebhookEvent
from integrations.services import leases
from integrations.services.events import process_events
from integrations.services.leases import LeaseLost, give_back, hold_until_commit, leased, may_ring, take
from integrations.services.syncs import lease_of
from tests.other_session import other_session

pytestmark = pytest.mark.django_db


def end(name: str) -> None:
    """Do what the time does when nobody renews."""
    Lease.objects.filter(name=name).update(until="2020-01-01T00:00Z")


def test_one_worker_has_it_until_it_gives_it_back() -> None:
    with leased("thing 1") as first:
        assert first is not None
        assert take("thing 1") is None
        assert take("thing 2") is not None
    again = take("thing 1")
    assert again is not None
    assert again.fence == first.fence + 1


def test_who_was_replaced_can_write_nothing_and_does_not_end_the_lease_of_the_next() -> None:
    old = take("thing")
    end("thing")
    new = take("thing")
    assert old
    assert new
    with pytest.raises(LeaseLost):
        old.check()
    give_back(old)
    new.check()
    assert take("thing") is None


@pytest.mark.django_db(transaction=True)
def test_nobody_takes_over_between_the_check_and_the_commit_and_nobody_waits_for_it() -> None:
    held = take("thing")
    assert held
    found: list[Any] = []

    def other() -> None:
        try:
            found.append(take("thing"))
        finally:
            connections.close_all()

    with transaction.atomic():
        held.check()
        with other_session() as session:
            session.execute("SET lock_timeout = 200")
            with pytest.raises(LockNotAvailable):
                session.execute("UPDATE integrations_lease SET until = 'epoch'")
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(5)
        assert found == [None]


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_as_long_as_the_work_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEWED_EVERY", 0.2)
    monkeypatch.setattr(leases, "_keeper", leases._Keeper())
    monkeypatch.setattr(leases, "UNTIL", "clock_timestamp() + interval '3 seconds'")
    with leased("thing") as held:
        assert held
        time.sleep(4)
        assert take("thing") is None
        held.check()


@pytest.mark.django_db(transaction=True)
def test_a_renewal_that_fails_once_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEWED_EVERY", 0.2)
    monkeypatch.setattr(leases, "_keeper", leases._Keeper())
    monkeypatch.setattr(leases, "UNTIL", "clock_timestamp() + interval '3 seconds'")
    with leased("thing") as held:
        assert held
        time.sleep(0.5)
        with other_session() as session:  # PostgreSQL ends every session of ours, as a restart would
            session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                            " AND datname = current_database()")  # fmt: skip
        with pytest.raises(OperationalError):
            held.check()
        connections.close_all()
        time.sleep(4)
        held.check()
        assert take("thing") is None


def test_one_ring_is_enough_until_somebody_comes_and_none_is_made_while_somebody_is_at_it() -> None:
    assert may_ring("thing")
    assert not may_ring("thing")
    held = take("thing")
    assert held
    assert not may_ring("thing"), "whoever holds it looks again after giving it back"
    give_back(held)
    assert may_ring("thing"), "the ring before was heard"
    Lease.objects.update(rung_at=timezone.now() - timedelta(seconds=leases.RUNG_FOR + 1))
    assert may_ring("thing"), "that one is lost"


def test_a_renewal_that_comes_too_late_does_not_take_back_what_was_given_back() -> None:
    held = take("thing")
    assert held
    give_back(held)
    assert not leases._renewed(held)
    assert take("thing")


def test_what_is_kept_until_the_commit_is_free_then_and_is_no_workers() -> None:
    held = take("thing")
    with transaction.atomic():
        assert not hold_until_commit("thing")
        assert hold_until_commit("another")
    assert held
    give_back(held)
    with transaction.atomic():
        assert hold_until_commit("thing")


def test_a_run_that_was_cut_off_and_replaced_writes_no_page(connection: Account) -> None:
    from crm.services import sync_deals

    def cut_off(run: SyncRun) -> None:
        end(lease_of(connection, "deals"))
        assert take(lease_of(connection, "deals"))
        SyncRun.objects.filter(pk=run.pk).update(status="partial", sentence="The next one closed it.")

    run = sync_deals(connection=connection, on_page=cut_off)
    assert (run.status, run.sentence) == ("partial", "The next one closed it.")
    assert run.pages == 1


def test_events_that_the_next_worker_has_claimed_are_not_settled_by_the_last(connection: Account) -> None:
    now = timezone.now()
    row = WebhookEvent.objects.create(
        delivery_id=1, provider="hubspot", connection=connection, event_type="x", received_at=now,
        next_attempt_at=now, key="k", payload="{}",
    )  # fmt: skip

    def replaced(_: object) -> dict[int, str]:
        WebhookEvent.objects.filter(pk=row.pk).update(attempts=2)  # as the next worker's claim does
        return {}

    process_events(connection=connection, handle=replaced)
    row.refresh_from_db()
    assert row.status == EventStatus.RECEIVED
