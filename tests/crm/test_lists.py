"""No list of deals or of those who buy makes PostgreSQL read all of them, however rare what somebody looks for is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django_scopes import scopes_disabled

from accounts.models import Role
from crm.models import BuyerLink, Company, Contact, Deal, Owner, Pipeline
from integrations.models import Connection
from tests.factories import make_member, make_organization, make_user
from tests.invoices.making import make_connection
from tests.pages.conftest import MODEL_BACKEND
from tests.plans import asked, is_needed, too_dear
from tests.pos.making import make_till

pytestmark = pytest.mark.django_db  # which has the database made; the rows are the module's, not a test's

ROWS, COUNTED, BY_ID, TENANTS = int(os.environ.get("LIST_ROWS", "60000")), 100, 100, 20
READ = re.compile(r'FROM "(crm_(?:deal|company|contact|buyerfacts|buyerlink|census))"')
# What is looked for is of the seventy-seventh rows.
ONE = {
    "name": md5(b"77", usedforsecurity=False).hexdigest()[:12], "buyer": 20000000 + 77 * 7919,
    "tin": 30000000 + 77 * 7919, "deal": 40000000 + 77 * 7919,
}  # fmt: skip
PAGE, API = "/deals/", "/api/v1/crm/{connection}/deals"
DEALS, COMPANIES, CONTACTS = "/admin/crm/deal/", "/admin/crm/company/", "/admin/crm/contact/"
FACTS, LINKS, CENSUSES = "/admin/crm/buyerfacts/", "/admin/crm/buyerlink/", "/admin/crm/census/"
OF_WORKERS = {"deal_invoice_due", "deal_next_part"}
MODELS = (Deal, Company, Contact, BuyerLink)
INDEXES = [index.name for model in MODELS for index in model._meta.indexes if index.name not in OF_WORKERS]
SEARCHES = [index for index in INDEXES if index.endswith("_searched")]
LISTS = (
    *(f"{PAGE}{query}" for query in (
        "", "?page=2", "?sort=closed", "?sort=name", "?sort=-name", "?sort=amount", "?sort=-amount", "?state=won",
        "?state=open", "?state=lost", "?state=lost&sort=name", "?state=won&sort=-amount", "?stage=Won", "?stage=Lost",
        "?stage=Rare", "?stage=Won&state=won", "?owner={owner}", "?owner={rare_owner}", "?owner={owner}&state=won",
        "?connection={connection}", "?connection={connection}&sort=name", "?q=Deal", "?q={deal}", "?q=d",
        "?q=zebra", "?q=Dawnlight", "?q={name}", "?q=Ltd", "?q={name}&state=won&sort=-amount",
    )),
    *(f"{API}{query}" for query in (
        "", "?page=2", "?page_size=100", "?stage=won", "?stage=lost", "?stage=rare", "?stage=none", "?pipeline=default",
        "?pipeline=rare", "?pipeline=none", "?won=true", "?won=false", "?owner=owner-3", "?owner=owner-rare",
        "?owner=none", "?closed_from=2026-01-01", "?closed_to=2024-03-01",
        "?closed_from=2025-03-01&closed_to=2025-03-02", "?search=zebra", "?search={deal}", "?search={name}",
        *(f"?ordering={sign}{name}" for name in ("close_date", "amount", "name", "source_updated_at")
          for sign in ("", "-")),
        "?won=true&ordering=-amount", "?stage=rare&ordering=name",
    )),
    *(f"{DEALS}{query}" for query in (
        "", "?p=2", "?organization__id__exact={organization}", "?provider=hubspot", "?provider=square",
        "?invoice_due__exact=1", "?invoice_due__exact=0", "?is_archived__exact=1", "?is_archived__exact=0",
        "?q={deal}", "?q=zebra", "?q={name}", "?q=Ltd",
        "?organization__id__exact={organization}&invoice_due__exact=1",
    )),
    *(f"{COMPANIES}{query}" for query in (
        "", "?p=2", "?organization__id__exact={organization}", "?provider=square", "?q={name}", "?q=zebra",
        "?q={buyer}", "?q={tin}", "?q=Ltd",
    )),
    *(f"{CONTACTS}{query}" for query in (
        "", "?p=2", "?organization__id__exact={organization}", "?provider=square", "?q=Musa", "?q=zebra",
        "?q={buyer}", "?q={name}",
    )),
    *(f"{FACTS}{query}" for query in ("", "?p=2", "?q={name}", "?q=zebra", "?q={tin}")),
    *(f"{LINKS}{query}" for query in (
        "", "?p=2", "?organization__id__exact={organization}", "?q={name}", "?q=zebra", "?q={tin}",
    )),
    *(f"{CENSUSES}{query}" for query in (
        "", "?p=2", "?connection__organization__id__exact={organization}", "?provider=hubspot", "?provider=square",
    )),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Account:
    """An organization's account, of whose rows it has a part."""

    connection: Connection
    owner: Owner
    rare_owner: Owner


# Half of the rows are the first organization's, a tenth of the rest each next one's; of a thousand deals one is due.
ACCOUNT = """(%(accounts)s::bigint[])[1 + CASE WHEN n %% 2 = 0 THEN 0 ELSE (n / 2) %% 20 END]"""
COMPANY = f"""INSERT INTO crm_company (organization_id, connection_id, external_id, source_updated_at, payload,
    content_hash, stored_at, extra, name, tin, email, phone, description, street, city, state, postal_zone, country)
    SELECT each.organization_id, each.id, 20000000 + n * 7919, now(), jsonb_build_object('filling', repeat('x', 400)),
        md5(n::text), now(), '{{}}', 'Dawnlight ' || md5(n::text) || ' Ltd', 30000000 + n * 7919, '', '', '', '', '',
        '', '', 'Nigeria'
    FROM generate_series(1, %(rows)s::bigint / 5) AS n
    JOIN integrations_connection AS each ON each.id = {ACCOUNT} ORDER BY n"""  # noqa: S608 - constants
CONTACT = f"""INSERT INTO crm_contact (organization_id, connection_id, external_id, source_updated_at, payload,
    content_hash, stored_at, extra, first_name, last_name, email, phone)
    SELECT each.organization_id, each.id, 20000000 + n * 7919, now(), jsonb_build_object('filling', repeat('x', 400)),
        md5(n::text), now(), '{{}}', 'Musa', 'Invented', md5(n::text) || '@example.com', ''
    FROM generate_series(1, %(rows)s::bigint / 5) AS n
    JOIN integrations_connection AS each ON each.id = {ACCOUNT} ORDER BY n"""  # noqa: S608 - constants
DEAL = f"""INSERT INTO crm_deal (organization_id, connection_id, external_id, source_updated_at, payload, content_hash,
    stored_at, extra, name, amount, currency, pipeline_external_id, stage_external_id, stage_label, is_won, is_closed,
    close_date, owner_external_id, company_id, company_question, url, is_archived, invoice_due)
    SELECT each.organization_id, each.id, 40000000 + n * 7919, now() - n * interval '1 second',
        jsonb_build_object('filling', repeat('x', 400)), md5(n::text), now(), '{{}}', md5(n::text) || ' Deal',
        CASE WHEN e < 9900 THEN e * 10 END, 'NGN', CASE WHEN e %% 5000 = 7 THEN 'rare' ELSE 'default' END,
        CASE WHEN e = 7 THEN 'rare' WHEN e < 6000 THEN 'won' WHEN e < 9980 THEN 'open' ELSE 'lost' END,
        CASE WHEN e = 7 THEN 'Rare' WHEN e < 6000 THEN 'Won' WHEN e < 9980 THEN 'Open' ELSE 'Lost' END,
        e < 6000, e < 6000 OR e >= 9980,
        CASE WHEN e %% 1000 <> 3 THEN date '2024-01-01' + (n * 1000 / %(rows)s)::integer END,
        CASE WHEN e = 13 THEN 'owner-rare' ELSE 'owner-' || e %% 20 END, company.id, '', '', e = 5, e %% 1000 = 1
    FROM (SELECT n, abs(hashint8(n)::bigint) %% 10000 AS e FROM generate_series(1, %(rows)s::bigint) AS n) AS n
    JOIN integrations_connection AS each ON each.id = {ACCOUNT}
    LEFT JOIN crm_company AS company
        ON company.connection_id = each.id AND company.external_id = (20000000 + (n - n %% 5 + 5) / 5 * 7919)::text
    ORDER BY n"""  # noqa: S608 - constants
# What hangs on these: each company was asked five times and answered, and each account was counted many times.
REST = (
    """INSERT INTO crm_buyerfacts (company_id, facts, filled_at)
    SELECT id, jsonb_build_object('filling', repeat('x', 300)), now() FROM crm_company ORDER BY id""",
    """INSERT INTO crm_buyerlink (organization_id, company_id, created_at, expires_at, used_at, mailed_to)
    SELECT organization_id, id, now(), now() + interval '1 day', now(), repeat('x', 100)
    FROM crm_company, generate_series(1, 5) WHERE connection_id <> %(smallest)s OR id %% 100 = 0 ORDER BY id""",
    """INSERT INTO crm_census (connection_id, taken_at, counted_here, counted_there, days_compared, days, calls)
    SELECT connection_id, now(), 1, 1, 1, jsonb_build_array(repeat('x', 300)), 1 FROM crm_company ORDER BY id""",
)
FILLED = (
    "crm_buyerfacts", "crm_buyerlink", "crm_census",
    "crm_company", "crm_contact", "crm_deal", "crm_owner", "crm_pipeline", "integrations_connection",
    "accounts_organization",
)  # fmt: skip


def _account(number: int) -> Account:
    connection = make_connection(make_organization(f"deals-{number}"), f"deals{number}")
    own = {"organization_id": connection.organization_id, "connection": connection}
    stages = {label.lower(): {"label": label, "order": order} for order, label in enumerate(("Won", "Lost", "Rare"))}
    Pipeline.objects.create(**own, external_id="default", label="Sales", stages=stages)
    owners = [Owner.objects.create(**own, external_id=each, name=each) for each in ("owner-3", "owner-rare")]
    return Account(connection, *owners)


@pytest.fixture(scope="module")
def statements(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, list[str]]]:
    """Fill the tables, ask for every list of the biggest and of a small organization, and yield what was asked."""
    patch = pytest.MonkeyPatch()
    patch.setattr("accounts.lists.COUNTED", COUNTED)
    patch.setattr("crm.models.deal.COMPANIES_BY_ID", BY_ID)
    with django_db_blocker.unblock(), transaction.atomic():
        with scopes_disabled(), database.cursor() as cursor:
            accounts = [_account(number) for number in range(TENANTS)]
            # Without it nobody has Square, and nothing would be asked.
            make_till(accounts[0].connection.organization, "square")
            keys = [each.connection.pk for each in accounts]
            facts = {"accounts": keys, "rows": ROWS, "smallest": keys[-1]}
            for statement in (COMPANY, CONTACT, DEAL, *REST):
                cursor.execute(statement, facts)
            for index in SEARCHES:  # as autovacuum does: what was written last waits beside the index, 4 MB at most
                cursor.execute("SELECT gin_clean_pending_list(%s)", [index])
            for table in FILLED:
                cursor.execute(f"ANALYZE {table}")
        staff = Client()
        staff.force_login(make_user(is_staff=True, is_superuser=True), backend=MODEL_BACKEND)
        found: dict[str, list[str]] = {listed: [] for listed in LISTS}
        for account in (accounts[0], accounts[-1]):
            owner = Client()
            owner.force_login(make_member(account.connection.organization, Role.OWNER), backend=MODEL_BACKEND)
            whose = {
                "connection": account.connection.pk, "organization": account.connection.organization_id,
                "owner": account.owner.pk, "rare_owner": account.rare_owner.pk, **ONE,
            }  # fmt: skip
            for listed, statements in found.items():
                browser = staff if listed.startswith("/admin/") else owner
                statements += asked(browser, listed.format(**whose), READ)
        yield found
        transaction.set_rollback(True)
    patch.undo()


@pytest.mark.parametrize("listed", LISTS)
def test_a_list_is_read_by_an_index_and_only_in_part(listed: str, statements: dict[str, list[str]]) -> None:
    assert too_dear(statements[listed], READ) == {}


@pytest.mark.parametrize("index", INDEXES)
def test_each_index_of_the_lists_is_what_keeps_one_of_them_cheap(index: str, statements: dict[str, list[str]]) -> None:
    assert is_needed(index, statements.values()), "no list needs this index, and every write pays for it"
