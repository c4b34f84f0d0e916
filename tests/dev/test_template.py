from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dev import template
from dev.postgres import Postgres
from dev.stack import launching


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with launching(tmp_path):
        postgres = Postgres(tmp_path, durable=False)
        try:
            postgres.start()
            postgres.make_database(fresh=True)
            yield postgres.url()
        finally:
            postgres.stop()
            shutil.rmtree(postgres.data)


def test_a_kept_database_is_copied_without_what_came_later_and_forgotten_when_migrations_change(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not template.restore(url)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE migrated (word text)")
    template.keep(url)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO migrated VALUES ('from the last demo')")
    assert template.restore(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM migrated").fetchone() == (0,)
    monkeypatch.setattr(template, "name", lambda: f"{template.PREFIX}newer")
    assert not template.restore(url)
    template.keep(url)
    with psycopg.connect(url) as connection:
        kept = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'migrated_%'").fetchall()
    assert kept == [("migrated_newer",)]


def test_a_changed_migration_has_another_template(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "crm" / "migrations").mkdir(parents=True)
    (tmp_path / "constraints.txt").write_text("django==5.2.19")
    migration = tmp_path / "crm" / "migrations" / "0001_initial.py"
    migration.write_text("one")
    monkeypatch.setattr(template, "ROOT", tmp_path)
    before = template.name()
    migration.write_text("two")
    assert template.name() != before
