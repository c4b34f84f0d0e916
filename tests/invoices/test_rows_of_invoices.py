"""No list of what belongs to invoices makes PostgreSQL read all of it: calls, exchanges, letters, alarms and so on."""

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
from invoices.models import (
    DeadlineAlarm,
    Difference,
    Exchange,
    Invoice,
    PaperSent,
    Proposal,
    Reconciliation,
    Submission,
)
from tests.factories import make_member, make_user
from tests.invoices.many import fill
from tests.pages.conftest import MODEL_BACKEND
from tests.plans import asked, cost, is_needed, too_dear

pytestmark = pytest.mark.django_db  # which has the database made; the rows are the module's, not a test's

ROWS, COUNTED = int(os.environ.get("LIST_ROWS", "30000")), 100
READ = re.compile(
    r'FROM "(invoices_(?:submission|exchange|papersent|proposal|deadlinealarm|authoritynotice|difference|'
    r'reconciliation))"'
)
OF_WORKERS = {"exchange_due", "exchange_leased", "post_due", "alarm_to_send"}
MODELS = (Submission, Exchange, PaperSent, Proposal, DeadlineAlarm, Difference, Reconciliation)
INDEXES = [index.name for model in MODELS for index in model._meta.indexes if index.name not in OF_WORKERS]
OF_INVOICES = ("submission", "exchange", "papersent", "proposal", "deadlinealarm")
# The organization is the invoice's: the newest rows are walked until a page is full, in a table of any size. The
# smallest organization has 2 % of them, so that is some 2,500 rows and their invoices.
OF_ORGANIZATIONS = tuple(
    f"/admin/invoices/{name}/?invoice__organization__id__exact={{organization}}" for name in OF_INVOICES
)
WALK = 5_000  # as PostgreSQL counts costs; 10 to 25 ms here
LISTS = (
    *(f"/admin/invoices/{name}/{query}" for name in OF_INVOICES for query in ("", "?p=2", "?q={number}")),
    *(f"/admin/invoices/submission/?outcome={outcome}" for outcome in (
        "accepted", "found", "rejected", "credentials_refused", "unclear", "absent", "lookup_failed")),
    "/admin/invoices/submission/?outcome=rejected&invoice__organization__id__exact={organization}",
    *(f"/admin/invoices/exchange/?stage__exact={stage}" for stage in (
        "waiting", "working", "handed_on", "done", "refused", "held", "dismissed")),
    *(f"/admin/invoices/exchange/?purpose__exact={purpose}" for purpose in ("transmit", "payment", "vat", "compare")),
    *(f"/admin/invoices/papersent/?outcome__exact={outcome}" for outcome in (
        "waiting", "sending", "sent", "no_address", "failed")),
    *(f"/admin/invoices/proposal/?state__exact={state}" for state in ("open", "done", "dismissed", "gone")),
    *(f"/admin/invoices/authoritynotice/{query}" for query in ("", "?p=2", "?q={irn}", "?q=nothing")),
    *(f"/admin/invoices/difference/{query}" for query in (
        "", "?p=2", "?organization__id__exact={organization}", "?state__exact=open", "?state__exact=explained",
        "?state__exact=settled", "?organization__id__exact={organization}&state__exact=open", "?q={subject}",
        "?q=zebra")),
    *(f"/reconciliation/{query}" for query in (
        "", "?page=2", "?state=settled", "?state=explained", "?cause=differs", "?cause=duplicate",
        "?state=settled&cause=duplicate", "?owner=me", "?owner=owners", "?q={subject}", "?q=zebra&state=settled")),
    *(f"/admin/invoices/reconciliation/{query}" for query in (
        "", "?p=2", "?organization__id__exact={organization}", "?state__exact=partial", "?state__exact=running",
        "?state__exact=complete")),
    "/invoices/changes/",
)  # fmt: skip

# Of ten thousand one is what somebody looks for; all the others went as they should.
FILL = (
    """INSERT INTO invoices_submission (invoice_id, attempt, step, started_at, finished_at, request_sha256, http_status,
    outcome, sentence, response) SELECT id, 1, 'sign', created_at, created_at, repeat('0', 64), 200,
    CASE id %% 10000 WHEN 1 THEN 'rejected' WHEN 2 THEN 'unclear' WHEN 3 THEN 'found' WHEN 4 THEN 'absent'
    ELSE 'accepted' END, '', repeat('x', 300) FROM invoices_invoice ORDER BY id""",
    """INSERT INTO invoices_exchange (invoice_id, purpose, stage, wanted, is_sent, attempts, setbacks, next_attempt_at,
    lease_until, problem, result, decision, created_at, updated_at) SELECT id,
    CASE id %% 10000 WHEN 8 THEN 'compare' WHEN 9 THEN 'vat' ELSE 'transmit' END,
    CASE id %% 10000 WHEN 1 THEN 'waiting' WHEN 2 THEN 'working' WHEN 3 THEN 'refused' WHEN 4 THEN 'held'
    ELSE 'done' END, '', false, 1, 0, now(), now(), '', jsonb_build_object('filling', repeat('x', 300)), '',
    created_at, created_at FROM invoices_invoice ORDER BY id""",
    """INSERT INTO invoices_papersent (invoice_id, "to", outcome, sent_at, pdf_sha256, problem, attempts,
    next_attempt_at, lease_until, created_at, updated_at) SELECT id, id || '@example.com',
    CASE id %% 10000 WHEN 1 THEN 'waiting' WHEN 2 THEN 'sending' WHEN 3 THEN 'no_address' WHEN 4 THEN 'failed'
    ELSE 'sent' END, CASE WHEN id %% 10000 NOT BETWEEN 1 AND 4 THEN now() END, repeat('0', 64), repeat('x', 300), 1,
    now(), now(), created_at, created_at FROM invoices_invoice ORDER BY id""",
    """INSERT INTO invoices_proposal (invoice_id, state, why, decision, decided_at, created_at, updated_at) SELECT id,
    CASE id %% 10000 WHEN 1 THEN 'open' WHEN 2 THEN 'done' WHEN 3 THEN 'dismissed' ELSE 'gone' END, repeat('x', 300),
    '', now(), created_at, created_at FROM invoices_invoice ORDER BY id""",
    """INSERT INTO invoices_deadlinealarm (invoice_id, step, created_at, sent_at) SELECT id, step, created_at, now()
    FROM invoices_invoice, unnest(ARRAY['half', 'late']) AS step ORDER BY id, step""",
    """INSERT INTO invoices_authoritynotice (irn, message, received_at) SELECT irn, 'TRANSMITTED', created_at
    FROM invoices_invoice WHERE irn IS NOT NULL ORDER BY id ON CONFLICT DO NOTHING""",
    """INSERT INTO invoices_difference (organization_id, subject, cause, label, currency, amount, state, owner_id,
    deadline, note, first_seen_at, settled_at, found_in_id) SELECT each.organization_id, md5(each.id::text),
    CASE each.id %% 10000 WHEN 1 THEN 'duplicate' WHEN 2 THEN 'differs' ELSE 'waiting' END,
    'Order ' || each.source_external_id, 'NGN', 1000,
    each.state, NULL, each.created_at::date, repeat('x', 100), now(), CASE WHEN each.state = 'settled' THEN now() END,
    run.id FROM (SELECT *, CASE WHEN id %% 1000 = 1 OR source_external_id = '1' THEN 'open' WHEN id %% 1000 = 2
    THEN 'explained' ELSE 'settled' END AS state FROM invoices_invoice) AS each
    JOIN invoices_reconciliation AS run USING (organization_id) ORDER BY each.id""",
)
# The smallest has one run, older than all others.
RUNS = """INSERT INTO invoices_reconciliation (organization_id, since, until, state, sources, figures, numbers, problem,
    registered, compared, started_at) SELECT id, '2024-01-01', '2024-12-31',
    CASE n %% 10000 WHEN 1 THEN 'partial' ELSE 'complete' END, 0, '{}',
    '[]', repeat('x', 300), 0, 0, now()
    FROM accounts_organization, generate_series(1, %(rows)s::bigint / 4) AS n WHERE id <> %(smallest)s ORDER BY n"""


@pytest.fixture(scope="module")
def statements(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, list[str]]]:
    """Fill the tables, ask for every list of the biggest and of the smallest organization, and yield what was asked."""
    patch = pytest.MonkeyPatch()
    patch.setattr("accounts.lists.COUNTED", COUNTED)
    with django_db_blocker.unblock(), transaction.atomic():
        tenants = fill(ROWS)
        with scopes_disabled(), database.cursor() as cursor:
            days = {"since": "2024-01-01", "until": "2024-12-31"}
            Reconciliation.objects.bulk_create(
                [Reconciliation(organization=each.organization, state="complete", **days) for each in tenants]
            )
            for statement in FILL:
                cursor.execute(statement, {})
            cursor.execute(RUNS, {"rows": ROWS, "smallest": tenants[-1].organization.pk})
            for index in ("difference_searched", "invoice_searched"):  # as autovacuum does
                cursor.execute("SELECT gin_clean_pending_list(%s)", [index])
            for model in (*MODELS, Invoice):
                cursor.execute(f"ANALYZE {model._meta.db_table}")
            cursor.execute("ANALYZE invoices_authoritynotice")
            cursor.execute("ANALYZE accounts_organization")
        staff = Client()
        staff.force_login(make_user(is_staff=True, is_superuser=True), backend=MODEL_BACKEND)
        found: dict[str, list[str]] = {listed: [] for listed in (*LISTS, *OF_ORGANIZATIONS)}
        for tenant in (tenants[0], tenants[-1]):
            owner = Client()
            owner.force_login(make_member(tenant.organization, Role.OWNER), backend=MODEL_BACKEND)
            with scopes_disabled():
                one = Invoice.objects.filter(organization=tenant.organization, irn__isnull=False).order_by("pk")[50]
                subject = Difference.objects.filter(organization=tenant.organization, state="open")[0].subject[:12]
            facts = {"organization": tenant.organization.pk, "irn": one.irn, "number": one.number, "subject": subject}
            for listed, statements in found.items():
                browser = staff if listed.startswith("/admin/") else owner
                statements += asked(browser, listed.format(**facts), READ)
        yield found
        transaction.set_rollback(True)
    patch.undo()


@pytest.mark.parametrize("listed", LISTS)
def test_a_list_is_read_by_an_index_and_only_in_part(listed: str, statements: dict[str, list[str]]) -> None:
    assert too_dear(statements[listed], READ) == {}


@pytest.mark.parametrize("listed", OF_ORGANIZATIONS)
def test_an_organizations_rows_are_walked_no_further_than_a_page_needs(
    listed: str, statements: dict[str, list[str]]
) -> None:
    assert [statement for statement in statements[listed] if cost(statement) > WALK] == []


@pytest.mark.parametrize("index", INDEXES)
def test_each_index_of_the_lists_is_what_keeps_one_of_them_cheap(index: str, statements: dict[str, list[str]]) -> None:
    assert is_needed(index, statements.values()), "no list needs this index, and every write pays for it"
