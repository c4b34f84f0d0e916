"""What is past its time goes without anybody waiting for it, and what is still needed stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Organization
from integrations import partitions, retention
from integrations.models import QueueMinute, RunStatus, SyncRun
from integrations.partitions import MonthlyTable, maintain
from integrations.services.queues import prune_queues
from integrations.services.syncs import prune_runs
from pos.models import Sale
from pos.services.saving import save_sales
from tests.other_session import other_session
from tests.pos.making import make_till, sale_of

OLD = timezone.now() - timedelta(days=40)
SALES = MonthlyTable("pos_sale", "sold_at")


def make_minutes(count: int) -> None:
    QueueMinute.objects.bulk_create(
        QueueMinute(queue=f"q{number}", minute_at=OLD.replace(second=0, microsecond=0)) for number in range(count)
    )


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_left_and_the_others_go_without_waiting() -> None:
    make_minutes(3)
    held = QueueMinute.objects.order_by("pk")[1]
    with other_session() as other, other.transaction():
        other.execute("SELECT 1 FROM integrations_queueminute WHERE id = %s FOR UPDATE", [held.pk])
        started = perf_counter()
        assert prune_queues(now=timezone.now()) == 2
        assert perf_counter() - started < 2
    assert QueueMinute.objects.get() == held
    assert prune_queues(now=timezone.now()) == 1


@pytest.mark.django_db
def test_many_rows_go_in_parts(monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 10)
    make_minutes(25)
    with django_assert_max_num_queries(40) as asked:
        assert prune_queues(now=timezone.now()) == 25
    deletions = [query["sql"] for query in asked.captured_queries if query["sql"].startswith("DELETE")]
    assert len(deletions) == 3


@pytest.mark.django_db(transaction=True)
def test_old_rows_without_a_month_go_in_parts_but_for_those_in_use(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "AT_ONCE", 2)
    long_ago = datetime(2001, 3, 1, tzinfo=UTC)
    save_sales(connection=make_till(organization), records=[sale_of(sold_at=long_ago) for _ in range(5)])
    held = Sale.objects.order_by("pk")[2]
    with other_session() as other, other.transaction():
        other.execute("SELECT 1 FROM pos_sale WHERE id = %s FOR UPDATE", [held.pk])
        partitions._delete_old_strays(SALES, timezone.now() - timedelta(days=3650))
        assert Sale.objects.get() == held
    maintain(SALES, timezone.now(), 3650)
    assert not Sale.objects.exists()


@pytest.mark.django_db
def test_runs_that_found_nothing_go_after_a_month_and_the_newest_stays(organization: Organization) -> None:
    till = make_till(organization)
    facts = {"connection": till, "stream": "sales", "mode": "window", "status": RunStatus.SUCCEEDED, "finished_at": OLD}
    idle = SyncRun.objects.create(**facts)
    kept = [
        SyncRun.objects.create(**facts | {"mode": "full"}),
        SyncRun.objects.create(**facts | {"status": RunStatus.PARTIAL}),
        SyncRun.objects.create(**facts, changed=1),
        SyncRun.objects.create(**facts, quarantined=1),
        SyncRun.objects.create(**facts | {"finished_at": timezone.now()}),
        SyncRun.objects.create(**facts | {"stream": "payments"}),
        SyncRun.objects.create(**facts),
    ]
    assert prune_runs(now=timezone.now()) == 1
    assert not SyncRun.objects.filter(pk=idle.pk).exists()
    assert {run.pk for run in SyncRun.objects.all()} == {run.pk for run in kept}
