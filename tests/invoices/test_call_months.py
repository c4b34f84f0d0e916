"""Calls about signed invoices lie in months, and a table of them that was whole before keeps every row."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import models
from django.db.migrations.loader import MigrationLoader
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.partitions import MonthlyTable, maintain, partition_name
from invoices.authority.base import Unclear
from invoices.models import Exchange, ExchangeCall, Invoice, Purpose, Stage
from invoices.services.exchanging import Authorities, Work, call

CALLS = MonthlyTable("invoices_exchangecall", "started_at")
LONG_AGO = datetime(2024, 3, 5, 12, tzinfo=UTC)


@pytest.fixture
def exchange(issue: Callable[..., Invoice]) -> Exchange:
    return Exchange.objects.create(invoice=issue(), purpose=Purpose.COMPARE, next_attempt_at=timezone.now())


def make_call(exchange: Exchange, started_at: datetime, model: type[models.Model] = ExchangeCall) -> Any:
    return model._default_manager.create(exchange_id=exchange.pk, attempt=1, step="confirm", started_at=started_at)


def place_of(pk: int) -> str:
    with database.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM invoices_exchangecall WHERE id = %s", [pk])
        [(name,)] = cursor.fetchall()
    return str(name)


def months_in(plan: str) -> set[str]:
    return set(re.findall(r"invoices_exchangecall_(?:y\d{4}m\d{2}|default)\b", plan))


def test_a_call_lies_in_its_month_and_only_that_is_read_for_it(exchange: Exchange) -> None:
    now = timezone.now()
    assert place_of(make_call(exchange, now).pk) == partition_name(CALLS, now)
    day = ExchangeCall.objects.filter(started_at__gte=now - timedelta(hours=1), started_at__lte=now)
    assert months_in(day.explain()) == {partition_name(CALLS, now), partition_name(CALLS, now - timedelta(hours=1))}


def test_the_answer_of_a_call_is_written_into_one_month_only(exchange: Exchange) -> None:
    Exchange.objects.update(stage=Stage.WORKING, attempts=1, lease_until=timezone.now())
    work = Work(exchange, False, False, Authorities(), 1)
    with CaptureQueriesContext(database) as asked:
        call(work, "confirm", lambda: Unclear("No answer came."))
    [statement] = [query["sql"] for query in asked if query["sql"].startswith('UPDATE "invoices_exchangecall"')]
    row = ExchangeCall.objects.get()
    assert (row.outcome, row.sentence) == ("unclear", "No answer came.")
    assert row.finished_at is not None
    with database.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert months_in(plan) == {partition_name(CALLS, row.started_at)}


def test_calls_are_kept_until_all_of_their_month_is_past_the_retention(exchange: Exchange) -> None:
    old, new = make_call(exchange, LONG_AGO), make_call(exchange, timezone.now())
    maintain(CALLS, timezone.now(), retention_days=36_500)
    assert place_of(old.pk) == "invoices_exchangecall_y2024m03"
    done = maintain(CALLS, timezone.now(), retention_days=365)
    assert "invoices_exchangecall_y2024m03" in done.dropped
    assert list(ExchangeCall.objects.all()) == [new]


def test_a_whole_table_becomes_months_and_keeps_its_rows_and_goes_on_counting(exchange: Exchange) -> None:
    loader = MigrationLoader(database)
    [name] = [name for app, name in loader.graph.nodes if app == "invoices" and name.endswith("_call_months")]
    before = loader.project_state(("invoices", name), at_end=False)
    old_model = before.apps.get_model("invoices", "ExchangeCall")
    with database.cursor() as cursor, database.schema_editor() as editor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP TABLE invoices_exchangecall")
        editor.create_model(old_model)
    moments = [LONG_AGO, LONG_AGO + timedelta(days=400), timezone.now(), timezone.now() + timedelta(days=3000)]
    stored = {make_call(exchange, moment, old_model).pk: moment for moment in moments}
    with database.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with database.schema_editor() as editor:
        loader.get_migration("invoices", name).apply(before, editor)
    assert dict(ExchangeCall.objects.values_list("pk", "started_at")) == stored
    assert {place_of(pk) for pk in stored} == {partition_name(CALLS, moment) for moment in moments}
    assert make_call(exchange, timezone.now()).pk == max(stored) + 1
