"""No list of sales makes PostgreSQL read all of them: each statement's plan is a part of reading its table.

A list of a day looks into its month only. Lists are counted a little way only here, so that a part is a part in tables
that a test can fill; LIST_ROWS makes them larger.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_scopes import scopes_disabled

from accounts.models import Role
from pos.models import (
    CatalogObject,
    Customer,
    DayClose,
    Refund,
    Sale,
    SaleBatch,
    SaleKey,
    SaleReturn,
    TerminalPayment,
)
from tests.factories import make_member, make_user
from tests.pages.conftest import MODEL_BACKEND
from tests.pos.lists import LISTS, Listed
from tests.pos.many import Till, fill, first_day

pytestmark = pytest.mark.django_db  # which has the database made; the rows are the module's, not a test's

ROWS, REFUNDS, COUNTED = int(os.environ.get("LIST_ROWS", "120000")), 150, 100
PART = 0.25  # of the cost of reading the whole table, which is what a list must stay below
FELT = 1.2  # times the cost with all indexes: from there on a list misses one
READ = re.compile(
    r'FROM "?(pos_(?:sale|refund|salebatch|salekey|dayclose|terminalpayment|salereturn|customer|catalogobject))\b'
)
OF_WORKERS = {"sale_due", "sale_of_location", "refund_without_sale", "payment_unmatched", "customer_with_tin"}
MODELS = (Sale, Refund, SaleBatch, SaleKey, DayClose, TerminalPayment, SaleReturn, Customer, CatalogObject)
INDEXES = [index.name for model in MODELS for index in model._meta.indexes if index.name not in OF_WORKERS]

Statements = dict[Listed, list[str]]


@pytest.fixture(scope="module")
def statements(django_db_setup: None, django_db_blocker: Any) -> Iterator[Statements]:
    """Fill the tables, ask for every list of the biggest and of the smallest organization, and yield what was asked."""
    patch = pytest.MonkeyPatch()
    patch.setattr("accounts.lists.COUNTED", COUNTED)
    with django_db_blocker.unblock(), transaction.atomic():
        tills = fill(ROWS, REFUNDS)
        staff = Client()
        staff.force_login(make_user(is_staff=True, is_superuser=True), backend=MODEL_BACKEND)
        found: Statements = {listed: [] for listed in LISTS}
        for till in (tills[0], tills[-1]):
            owner = Client()
            owner.force_login(make_member(till.organization, Role.OWNER), backend=MODEL_BACKEND)
            facts = _facts(till)
            for listed, asked in found.items():
                browser = staff if listed.is_of_staff else owner
                asked += _asked(browser, f"{listed.path}?{listed.query.format(**facts)}")
        yield found
        transaction.set_rollback(True)
    patch.undo()


def _facts(till: Till) -> dict[str, Any]:
    """Return what the addresses name of a till: a day long ago, in the middle of its month, and a refunded sale."""
    day = (first_day() + timedelta(days=100)).replace(day=15).date()
    with scopes_disabled():
        refund = Refund.objects.filter(connection=till.connection, sale__batch__isnull=False).select_related("sale")
        sale = refund[0].sale
    return {
        "day": day, "next_day": day + timedelta(days=1), "shop": "yaba", "shop_id": till.shops[0],
        "connection": till.connection.pk, "organization": till.organization.pk, "sale": sale and sale.external_id,
    }  # fmt: skip


def _asked(browser: Client, address: str) -> list[str]:
    with CaptureQueriesContext(database) as captured:
        assert browser.get(address).status_code == 200
    found = [query["sql"] for query in captured.captured_queries if READ.search(query["sql"])]
    assert found, "the list was read"
    return found


def _plan(statement: str) -> dict[str, Any]:
    with database.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
        [(plan,)] = cursor.fetchall()
    found: dict[str, Any] = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return found


def _cost(statement: str) -> float:
    return float(_plan(statement)["Total Cost"])


def _share(statement: str) -> float:
    table = READ.search(statement)
    assert table
    return _cost(statement) / _cost(f"SELECT * FROM {table[1]}")  # noqa: S608 - a table of ours


def _months(plan: dict[str, Any]) -> set[str]:
    """Return the partitions of sales that a plan looks into."""
    mine = {plan["Relation Name"]} if plan.get("Relation Name", "").startswith("pos_sale_") else set()
    return mine.union(*(_months(each) for each in plan.get("Plans", ())))


@pytest.mark.parametrize("listed", LISTS, ids=lambda listed: listed.name)
def test_a_list_is_read_by_an_index_and_only_in_part(listed: Listed, statements: Statements) -> None:
    dear = {statement: share for statement in statements[listed] if (share := _share(statement)) > PART}
    assert dear == {}


@pytest.mark.parametrize(
    "listed", [listed for listed in LISTS if listed.months is not None], ids=lambda listed: listed.name
)
def test_a_list_of_a_day_looks_into_its_month_only(listed: Listed, statements: Statements) -> None:
    assert listed.months is not None
    assert [each for each in statements[listed] if len(_months(_plan(each))) > listed.months] == []


@pytest.mark.parametrize("index", INDEXES)
def test_each_index_of_the_lists_is_what_keeps_one_of_them_cheap(index: str, statements: Statements) -> None:
    asked = list({statement for each in statements.values() for statement in each})
    before = [_cost(statement) for statement in asked]
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(f"DROP INDEX {index}")
        dear = [statement for statement, cost in zip(asked, before, strict=True) if _cost(statement) > cost * FELT]
        transaction.set_rollback(True)
    assert dear, "no list needs this index, and every write pays for it"
