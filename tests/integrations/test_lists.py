"""No list of sync runs or of the quarantine makes PostgreSQL read all of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django_scopes import scopes_disabled

from accounts.models import Role
from integrations.models import Quarantine, SyncRun
from tests.factories import make_member, make_organization, make_user
from tests.pages.conftest import MODEL_BACKEND
from tests.plans import asked, is_needed, too_dear
from tests.pos.making import make_till

pytestmark = pytest.mark.django_db  # which has the database made; the rows are the module's, not a test's

ROWS, COUNTED, TENANTS = int(os.environ.get("LIST_ROWS", "60000")), 100, 20
READ = re.compile(r'FROM "(integrations_(?:syncrun|quarantine))"')
RUNS, HELD = "/admin/integrations/syncrun/", "/admin/integrations/quarantine/"
INDEXES = [index.name for model in (SyncRun, Quarantine) for index in model._meta.indexes]
LISTS = (
    *(f"{RUNS}{query}" for query in (
        "", "?p=2", "?connection__organization__id__exact={organization}", "?provider=hubspot", "?provider=square",
        *(f"?status__exact={status}" for status in (
            "running", "succeeded", "partial", "failed", "paused", "cancelled")),
        "?status__exact=failed&connection__organization__id__exact={organization}",
    )),
    *(f"{HELD}{query}" for query in (
        "", "?p=2", "?connection__organization__id__exact={organization}", "?provider=square",
        "?resolved_at__isempty=1", "?resolved_at__isempty=0", "?q=77", "?q=nothing",
    )),
    "/", "/connections/", "/connections/{connection}/", "/api/v1/connections/",
)  # fmt: skip

# Of ten thousand one run failed and one record waits. The owner's runs are few and older than all others.
FILL = """INSERT INTO integrations_syncrun (connection_id, stream, mode, status, sentence, started_at, heartbeat_at,
    finished_at, stop_requested, findings, pages, read, created, changed, unchanged, quarantined, silent_changes, calls,
    retries, waited_seconds)
    SELECT (%(tills)s::bigint[])[CASE WHEN n <= 60 THEN 1 ELSE 2 + n %% 19 END], 'stream-' || n, 'window',
        CASE n %% 10000 WHEN 1 THEN 'running'
        WHEN 2 THEN 'failed' WHEN 3 THEN 'partial' WHEN 4 THEN 'paused' ELSE 'succeeded' END, repeat('x', 100),
        now(), now(), now(), '', '[]', 1, 1, 0, 0, 1, 0, 0, 1, 0, 0
    FROM generate_series(1, %(rows)s) AS n"""
FILL_HELD = """INSERT INTO integrations_quarantine (connection_id, stream, external_id, reason, payload, created_at,
    updated_at, resolved_at)
    SELECT (%(tills)s::bigint[])[1 + n %% 20], 'deals', n::text, 'It is not JSON.', repeat('x', 300), now(), now(),
        CASE WHEN n %% 10000 <> 1 THEN now() END
    FROM generate_series(1, %(rows)s) AS n"""


@pytest.fixture(scope="module")
def statements(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, list[str]]]:
    """Fill the tables, ask for every list, and yield what was asked."""
    patch = pytest.MonkeyPatch()
    patch.setattr("accounts.lists.COUNTED", COUNTED)
    with django_db_blocker.unblock(), transaction.atomic():
        with scopes_disabled(), database.cursor() as cursor:
            tills = [make_till(make_organization(f"runs-{number}")) for number in range(TENANTS - 1)]
            tills.append(make_till(make_organization("runs-square"), "square"))
            for statement in (FILL, FILL_HELD):
                cursor.execute(statement, {"tills": [till.pk for till in tills], "rows": ROWS})
            for table in ("integrations_syncrun", "integrations_quarantine", "integrations_connection"):
                cursor.execute(f"ANALYZE {table}")
            cursor.execute("ANALYZE accounts_organization")
        staff, owner = Client(), Client()
        staff.force_login(make_user(is_staff=True, is_superuser=True), backend=MODEL_BACKEND)
        owner.force_login(make_member(tills[0].organization, Role.OWNER), backend=MODEL_BACKEND)
        whose = {"organization": tills[0].organization_id, "connection": tills[0].pk}
        yield {
            each: asked(staff if each.startswith("/admin/") else owner, each.format(**whose), READ) for each in LISTS
        }
        transaction.set_rollback(True)
    patch.undo()


@pytest.mark.parametrize("listed", LISTS)
def test_a_list_is_read_by_an_index_and_only_in_part(listed: str, statements: dict[str, list[str]]) -> None:
    assert too_dear(statements[listed], READ) == {}


@pytest.mark.parametrize("index", INDEXES)
def test_each_index_of_the_lists_is_what_keeps_one_of_them_cheap(index: str, statements: dict[str, list[str]]) -> None:
    assert is_needed(index, statements.values()), "no list needs this index, and every write pays for it"
