"""No list of sales makes PostgreSQL read all of them: each statement's plan is a part of reading its table.

A list of a day looks into its month only. Lists are counted a little way only here, so that a part is a part in tables
that a test can fill; LIST_ROWS makes them larger.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
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
from tests.plans import asked, is_needed, months, plan, too_dear
from tests.pos.lists import LISTS, Listed
from tests.pos.many import Till, fill, first_day

pytestmark = pytest.mark.django_db  # which has the database made; the rows are the module's, not a test's

ROWS, REFUNDS, COUNTED = int(os.environ.get("LIST_ROWS", "120000")), 150, 100
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
            for listed, statements in found.items():
                browser = staff if listed.is_of_staff else owner
                statements += asked(browser, f"{listed.path}?{listed.query.format(**facts)}", READ)
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


@pytest.mark.parametrize("listed", LISTS, ids=lambda listed: listed.name)
def test_a_list_is_read_by_an_index_and_only_in_part(listed: Listed, statements: Statements) -> None:
    assert too_dear(statements[listed], READ) == {}


@pytest.mark.parametrize(
    "listed", [listed for listed in LISTS if listed.months is not None], ids=lambda listed: listed.name
)
def test_a_list_of_a_day_looks_into_its_month_only(listed: Listed, statements: Statements) -> None:
    assert listed.months is not None
    assert [each for each in statements[listed] if len(months(plan(each), "pos_sale_")) > listed.months] == []


@pytest.mark.parametrize("index", INDEXES)
def test_each_index_of_the_lists_is_what_keeps_one_of_them_cheap(index: str, statements: Statements) -> None:
    assert is_needed(index, statements.values()), "no list needs this index, and every write pays for it"
