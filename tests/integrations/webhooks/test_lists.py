"""No list of notices makes PostgreSQL read all of them, however rare what somebody looks for is."""

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

from integrations.models import WebhookDelivery, WebhookEvent
from tests.factories import make_organization, make_user
from tests.pages.conftest import MODEL_BACKEND
from tests.plans import asked, is_needed, too_dear
from tests.pos.making import make_till

pytestmark = pytest.mark.django_db  # which has the database made; the rows are the module's, not a test's

ROWS, COUNTED, TENANTS = int(os.environ.get("LIST_ROWS", "60000")), 100, 20
READ = re.compile(r'FROM "(integrations_webhook(?:event|delivery))"')
EVENTS, DELIVERIES = "/admin/integrations/webhookevent/", "/admin/integrations/webhookdelivery/"
OF_WORKERS = {"event_waiting", "event_parked", "delivery_waiting", "delivery_processed"}
INDEXES = [
    index.name
    for model in (WebhookEvent, WebhookDelivery)
    for index in model._meta.indexes
    if index.name not in OF_WORKERS
]
LISTS = (
    *(f"{EVENTS}{query}" for query in (
        "", "?p=2", "?o=2", "?provider=hubspot", "?provider=square", "?status__exact=processed",
        "?status__exact=received", "?status__exact=failed", "?status__exact=parked", "?status__exact=ignored",
        "?status__exact=unknown_account", "?connection__organization__id__exact={organization}",
        "?connection__organization__id__exact={organization}&status__exact=parked", "?q=object-77", "?q=nothing",
    )),
    *(f"{DELIVERIES}{query}" for query in (
        "", "?p=2", "?provider=square", "?processed_at__isempty=1", "?processed_at__isempty=0", "?problem__isempty=0",
    )),
)  # fmt: skip

# Over the two months that there are in any test database; of ten thousand one waits, one is parked, one unknown.
FILL = """INSERT INTO integrations_webhookevent (delivery_id, provider, external_account_id, connection_id, event_type,
    object_type, object_id, key, payload, status, reason, attempts, received_at, next_attempt_at, processed_at)
    SELECT n, 'hubspot', 'account', (%(tills)s::bigint[])[1 + n %% 20], 'deal.change', 'deal', 'object-' || n,
        md5(n::text), repeat('x', 300), CASE n %% 10000 WHEN 1 THEN 'received' WHEN 2 THEN 'failed' WHEN 3 THEN 'parked'
            WHEN 4 THEN 'unknown_account' ELSE CASE WHEN n %% 9 = 0 THEN 'ignored' ELSE 'processed' END END,
        '', 1, now() + n * interval '40 days' / %(rows)s, now(), now()
    FROM generate_series(1, %(rows)s) AS n"""
FILL_DELIVERIES = """INSERT INTO integrations_webhookdelivery (provider, external_account_id, body, headers,
    received_at, processed_at, attempts, problem)
    SELECT 'hubspot', '', convert_to(repeat('x', 300), 'UTF8'), '{}', now(),
        CASE WHEN n %% 10000 = 1 THEN NULL ELSE now() END,
        1, CASE WHEN n %% 10000 = 2 THEN 'It is not JSON.' ELSE '' END
    FROM generate_series(1, %(rows)s) AS n"""


@pytest.fixture(scope="module")
def statements(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, list[str]]]:
    """Fill the tables, ask for every list, and yield what was asked."""
    patch = pytest.MonkeyPatch()
    patch.setattr("accounts.lists.COUNTED", COUNTED)
    with django_db_blocker.unblock(), transaction.atomic():
        with scopes_disabled(), database.cursor() as cursor:
            tills = [make_till(make_organization(f"notices-{number}")) for number in range(TENANTS)]
            cursor.execute(FILL, {"tills": [till.pk for till in tills], "rows": ROWS})
            cursor.execute(FILL_DELIVERIES, {"rows": ROWS})
            for table in ("webhookevent", "webhookdelivery", "connection"):
                cursor.execute(f"ANALYZE integrations_{table}")
            cursor.execute("ANALYZE accounts_organization")
        staff = Client()
        staff.force_login(make_user(is_staff=True, is_superuser=True), backend=MODEL_BACKEND)
        whose = {"organization": tills[0].organization_id}
        yield {each: asked(staff, each.format(**whose), READ) for each in LISTS}
        transaction.set_rollback(True)
    patch.undo()


@pytest.mark.parametrize("listed", LISTS)
def test_a_list_is_read_by_an_index_and_only_in_part(listed: str, statements: dict[str, list[str]]) -> None:
    assert too_dear(statements[listed], READ) == {}


@pytest.mark.parametrize("index", INDEXES)
def test_each_index_of_the_lists_is_what_keeps_one_of_them_cheap(index: str, statements: dict[str, list[str]]) -> None:
    assert is_needed(index, statements.values()), "no list needs this index, and every write pays for it"
