from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import OperationalError, connections, transaction
from django.utils import timezone
from django_scopes import scope

from crm import storage
from crm.models import Company, Deal
from crm.services import invoice_due_deals, sync_deals
from integrations.bulk import retry_deadlocks
from integrations.models import Connection, ConnectionStatus, Credential, EventStatus, SyncCursor, WebhookEvent
from integrations.services.silence import unannounced
from invoices.models import Invoice
from tests.crm.examples import DEAL, LINE
from tests.sandbox_process import SandboxProcess


@pytest.mark.django_db
def test_of_two_reads_of_one_version_the_one_that_began_later_counts(connection: Connection) -> None:
    began = timezone.now()
    newer = replace(DEAL, lines=(replace(LINE, name="The line as it is now"),))
    storage.save_deals(connection=connection, records=[newer], read_at=began)
    late = storage.save_deals(connection=connection, records=[DEAL], read_at=began - timedelta(seconds=5))
    assert not late.changed
    assert [line.name for line in Deal.objects.get().lines.all()] == ["The line as it is now"]
    assert storage.save_deals(connection=connection, records=[DEAL], read_at=began + timedelta(seconds=5)).changed


@pytest.mark.django_db(transaction=True)
def test_two_writers_that_wait_for_each_other_both_finish(connection: Connection) -> None:
    companies = [replace(DEAL.companies[0], external_id=str(number)) for number in (51, 52)]
    for company in companies:
        deal = replace(DEAL, external_id=f"9{company.external_id}", company_external_id=company.external_id)
        with transaction.atomic():
            storage.save_deals(connection=connection, records=[replace(deal, lines=(), companies=(company,))])
    barrier, tries = threading.Barrier(2, timeout=10), []

    def write(first: str, second: str) -> None:
        def once() -> None:
            tries.append(first)
            with scope(organization=connection.organization), transaction.atomic():
                Company.objects.filter(external_id=first).update(name=f"by {first}")
                if len(tries) <= 2:
                    barrier.wait()
                Company.objects.filter(external_id=second).update(name=f"by {first}")

        retry_deadlocks(once)
        connections.close_all()

    writers = [threading.Thread(target=write, args=pair) for pair in (("51", "52"), ("52", "51"))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert len(tries) == 3, "one of them was ended by PostgreSQL and began anew"
    assert len(set(Company.objects.values_list("name", flat=True))) == 1


@pytest.mark.django_db(transaction=True)
def test_a_page_of_unchanged_deals_holds_up_nobody_who_changes_one(connection: Connection) -> None:
    with transaction.atomic():
        storage.save_deals(connection=connection, records=[DEAL])
    facts = connections["default"].get_connection_params()
    named = {key: facts[key] for key in ("host", "port", "user", "password", "dbname") if key in facts}
    with transaction.atomic():
        assert storage.save_deals(connection=connection, records=[DEAL]).unchanged == 1
        with psycopg.connect(**named, autocommit=True, options="-c lock_timeout=500ms") as other:
            other.execute("UPDATE crm_deal SET name = 'by a webhook'")
            other.execute("UPDATE crm_company SET name = 'by a webhook'")
    assert Deal.objects.get().name == "by a webhook"


def test_what_is_no_deadlock_is_not_tried_again() -> None:
    tries = []

    def fail() -> None:
        tries.append(1)
        raise OperationalError("the server closed the connection") from psycopg.OperationalError()

    with pytest.raises(OperationalError):
        retry_deadlocks(fail)
    assert tries == [1]


Hear = Callable[[datetime], None]


def give_grant(connection: Connection) -> None:
    """Let a connection be one by consent, which has webhooks."""
    credential = Credential.objects.get(connection=connection)
    credential.refresh_token = "a grant"
    credential.save()


@pytest.fixture
def hear(connection: Connection) -> Hear:
    give_grant(connection)
    numbers = iter(range(1000))

    def notice(at: datetime) -> None:
        WebhookEvent.objects.create(
            connection=connection, provider="hubspot", external_account_id="1", event_type="deal.propertyChange",
            object_type="deal", object_id="1", occurred_at=at, received_at=at, next_attempt_at=at,
            status=EventStatus.PROCESSED, key=str(next(numbers)), payload="{}", delivery_id=1,
        )  # fmt: skip

    return notice


@pytest.mark.django_db
class TestSilence:
    THEN = datetime(2026, 11, 20, 12, tzinfo=UTC)

    @pytest.mark.parametrize(("minutes", "silent"), [(0, 0), (14, 0), (-1, 0), (16, 1), (-3, 1)])
    def test_a_change_is_silent_when_no_notice_came_at_its_time(
        self, minutes: int, silent: int, connection: Connection, hear: Hear
    ) -> None:
        hear(self.THEN + timedelta(minutes=minutes))
        assert unannounced(connection=connection, changed_at=[self.THEN]) == silent

    def test_a_notice_may_still_come_for_a_change_of_just_now(self, connection: Connection, hear: Hear) -> None:
        assert unannounced(connection=connection, changed_at=[timezone.now() - timedelta(minutes=10)]) == 0

    def test_nothing_is_expected_of_a_connection_by_service_key(self, connection: Connection) -> None:
        assert unannounced(connection=connection, changed_at=[self.THEN]) == 0

    def test_a_sync_counts_the_changes_that_nobody_announced(
        self, connection: Connection, sandbox: SandboxProcess
    ) -> None:
        sync_deals(connection=connection)
        give_grant(connection)
        deal = Deal.objects.order_by("source_updated_at").first()
        assert deal is not None
        assert deal.source_updated_at is not None
        Deal.objects.filter(pk=deal.pk).update(content_hash="older")
        SyncCursor.objects.update(complete_until=deal.source_updated_at - timedelta(minutes=1))
        run = sync_deals(connection=connection, days_back=0)
        assert (run.mode, run.changed, run.silent_changes) == ("window", 1, 1)


@pytest.mark.django_db
def test_a_deal_that_lost_a_line_to_a_page_listed_before_the_line_was_its_own_gets_it_back(
    connection: Connection,
) -> None:
    moved = replace(LINE, external_id="72", position=1)
    before = replace(DEAL, external_id="902", lines=(moved,), is_won=False)
    storage.save_deals(connection=connection, records=[before])
    listed_at = timezone.now()
    storage.save_deals(connection=connection, records=[replace(DEAL, lines=(LINE, moved))])
    renamed = replace(before, name="Renamed", source_updated_at=datetime(2026, 11, 20, 10, 5, tzinfo=UTC))
    storage.save_deals(connection=connection, records=[renamed], read_at=listed_at)
    connection.status = ConnectionStatus.PAUSED  # so that nothing is read here
    invoice_due_deals(connection=connection)
    assert not Invoice.objects.exists(), "half a deal makes a wrong invoice, so it is read again first"
    storage.save_deals(connection=connection, records=[replace(DEAL, lines=(LINE, moved))])
    assert Deal.objects.get(external_id=DEAL.external_id).lines.count() == 2
    assert len(invoice_due_deals(connection=connection, only=[DEAL.external_id])) == 1


@pytest.mark.django_db(transaction=True)
def test_two_writers_of_one_line_that_moved_both_finish(connection: Connection) -> None:
    problems: list[Exception] = []

    def store(external_id: str) -> None:
        def once() -> None:
            with scope(organization=connection.organization), transaction.atomic():
                storage.save_deals(connection=connection, records=[replace(DEAL, external_id=external_id)])

        try:
            retry_deadlocks(once)
        except Exception as problem:
            problems.append(problem)
        connections.close_all()

    with transaction.atomic():  # the buyers are there already, so that the line is all that both want
        storage.save_deals(connection=connection, records=[replace(DEAL, external_id="900", lines=())])
    with transaction.atomic():
        storage.save_deals(connection=connection, records=[DEAL])
        other = threading.Thread(target=store, args=["902"])
        other.start()
        until_somebody_waits()
    other.join(30)
    assert problems == []
    assert Deal.objects.get(lines__external_id=LINE.external_id).external_id == "902"


def until_somebody_waits() -> None:
    for _ in range(500):
        with connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits for us")
