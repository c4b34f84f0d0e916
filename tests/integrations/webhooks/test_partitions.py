from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from integrations.models import WebhookEvent
from integrations.partitions import (
    ALARM_DAYS,
    EVENTS,
    MONTHS_AHEAD,
    alarm,
    days_ahead,
    maintain,
    month_of,
    next_month,
    partition_name,
    partitions_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_tenants")]


def store(received_at: datetime) -> WebhookEvent:
    return WebhookEvent.objects.create(
        delivery_id=1, provider="hubspot", event_type="deal.creation", received_at=received_at, key="k", payload="{}"
    )


def place_of(event: WebhookEvent) -> str:
    with database.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM integrations_webhookevent WHERE id = %s", [event.pk])
        return str(cursor.fetchone()[0])


def test_a_fresh_database_has_months_ahead_and_rows_go_to_theirs() -> None:
    now = timezone.now()
    assert days_ahead(EVENTS, now) >= 84
    assert alarm(now) == "ok"
    assert place_of(store(now)) == partition_name(EVENTS, month_of(now))


def test_months_are_made_ahead_and_a_second_run_makes_none() -> None:
    now = timezone.now() + timedelta(days=70)
    done = maintain(EVENTS, now, retention_days=3650)
    assert done.made
    assert done.days_ahead >= 84
    assert maintain(EVENTS, now, retention_days=3650).made == ()


def test_rows_of_the_default_partition_move_when_their_month_is_made() -> None:
    far = month_of(timezone.now()) + timedelta(days=32 * (MONTHS_AHEAD + 3))
    ids = [store(far).pk, store(next_month(far)).pk]
    event = WebhookEvent.objects.get(pk=ids[0])
    assert place_of(event) == EVENTS.default
    maintain(EVENTS, timezone.now(), retention_days=3650)
    assert place_of(event) == partition_name(EVENTS, month_of(far))
    assert set(WebhookEvent.objects.values_list("pk", flat=True)) == set(ids)


def test_fewer_than_sixty_days_ahead_is_an_alarm_on_the_monitors_page_that_turns_no_traffic_away(
    client: Client,
) -> None:
    now = timezone.now()
    for month, name in partitions_of(EVENTS).items():
        if month > now + timedelta(days=20):
            with database.cursor() as cursor:
                cursor.execute(f"DROP TABLE {name}")
    assert days_ahead(EVENTS, now) < ALARM_DAYS
    answer = client.get("/readyz")
    assert "maintain_partitions" in answer.json()["partitions"]
    assert answer.json()["migrations"] == "ok"
    maintain(EVENTS, now, retention_days=3650)
    assert client.get("/readyz").json()["partitions"] == "ok"


def test_a_gap_ends_what_is_ahead() -> None:
    now = datetime(2031, 1, 31, 12, tzinfo=UTC)
    assert days_ahead(EVENTS, now) == 0
    with database.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE integrations_webhookevent_y2031m03 PARTITION OF integrations_webhookevent"
            " FOR VALUES FROM ('2031-03-01 00:00Z') TO ('2031-04-01 00:00Z')"
        )
    assert days_ahead(EVENTS, now) == 0
    assert "reach only 0 days ahead" in alarm(now)


def test_a_month_is_dropped_when_all_of_it_is_past_the_retention_and_not_before() -> None:
    event = store(timezone.now())
    end = next_month(month_of(event.received_at))
    maintain(EVENTS, end + timedelta(days=180) - timedelta(seconds=1), retention_days=180)
    assert WebhookEvent.objects.filter(pk=event.pk).exists()
    done = maintain(EVENTS, end + timedelta(days=180), retention_days=180)
    assert done.dropped == (partition_name(EVENTS, month_of(event.received_at)),)
    assert not WebhookEvent.objects.exists()


def test_the_command_says_what_it_did(capsys: Any) -> None:
    call_command("maintain_partitions")
    assert "days ahead" in capsys.readouterr().out


def test_every_months_table_has_what_the_parent_has() -> None:
    maintain(EVENTS, timezone.now() + timedelta(days=300), retention_days=3650)
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass",
            [list(partitions_of(EVENTS).values())[-1]],
        )
        [made] = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass", [EVENTS.name])
        assert cursor.fetchone() == (made,)
