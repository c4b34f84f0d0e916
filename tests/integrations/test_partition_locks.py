"""Maintenance and whoever uses a table at the same time: neither waits for the other beyond a short time."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from psycopg import sql

from accounts.models import Organization
from integrations import partitions
from integrations.partitions import (
    MonthlyTable,
    maintain,
    make_ahead,
    month_of,
    partition_name,
    partitions_of,
    tables,
)
from pos.services.saving import save_sales
from tests.other_session import other_session
from tests.pos.making import make_till, sale_of

TABLES = [table for table, _days in tables()]
OLD = datetime(2001, 3, 1, tzinfo=UTC)
each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def make_old_month(table: MonthlyTable) -> str:
    name = partition_name(table, OLD)
    with database.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {name} PARTITION OF {table.name} FOR VALUES FROM ('2001-03-01Z') TO ('2001-04-01Z')"
        )
    return name


@pytest.mark.django_db(transaction=True)
@each_table
def test_a_table_in_use_is_left_as_it_is_soon_and_its_month_goes_with_the_next_run(
    table: MonthlyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "300ms")
    name = make_old_month(table)
    now, forever = timezone.now(), 3650
    reading = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.name))
    with other_session() as other:
        with other.transaction():
            other.execute(reading)
            started = perf_counter()
            with pytest.raises(OperationalError, match="lock timeout"):
                maintain(table, now, forever)
            assert perf_counter() - started < 3
            other.execute("SET LOCAL lock_timeout = '300ms'")
            other.execute(reading)  # nobody stands before it
        assert name in partitions_of(table).values(), "nothing is half done"
        assert maintain(table, now, forever).dropped == (name,)


@pytest.mark.django_db(transaction=True)
def test_a_busy_table_keeps_no_other_from_its_maintenance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "300ms")
    first, *others = TABLES
    names = {table.name: make_old_month(table) for table in TABLES}
    monkeypatch.setattr(partitions, "tables", lambda: [(table, 3650) for table in TABLES])
    with other_session() as other, other.transaction():
        other.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(first.name)))
        with pytest.raises(OperationalError, match="lock timeout"):
            partitions.maintain_all(timezone.now())
    assert names[first.name] in partitions_of(first).values()
    for table in others:
        assert names[table.name] not in partitions_of(table).values()
    partitions.maintain_all(timezone.now())
    assert names[first.name] not in partitions_of(first).values()


@pytest.mark.django_db
def test_rows_in_a_default_partition_are_told_until_they_are_moved(organization: Organization, client: Client) -> None:
    save_sales(connection=make_till(organization), records=[sale_of(sold_at=OLD)])
    told = client.get("/readyz").json()["partitions"]
    assert "Rows of pos_sale lie in its default partition" in told
    assert "Rows of pos_saleline lie in its default partition" in told
    for table in TABLES:
        make_ahead(table, timezone.now())
    assert client.get("/readyz").json()["partitions"] == "ok"


@pytest.mark.django_db
@each_table
def test_months_missing_ahead_are_told_of_every_table(table: MonthlyTable, client: Client) -> None:
    this_month = month_of(timezone.now())
    with database.cursor() as cursor:
        for month, name in partitions_of(table).items():
            if month > this_month:
                cursor.execute(f"DROP TABLE {name}")
    assert f"Partitions of {table.name} reach only" in client.get("/readyz").json()["partitions"]
