"""No list of invoices makes PostgreSQL read or sort all of them: each statement's plan is a part of reading the table.

The lists are counted a little way only here, so that a part is a part in a table that a test can fill.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import Role
from invoices.models import Invoice
from tests.factories import make_member, make_user
from tests.invoices.lists import ADMIN, LISTS, Listed
from tests.invoices.many import fill
from tests.plans import asked, is_needed, too_dear

pytestmark = pytest.mark.django_db  # which has the database made; the rows are the module's, not a test's

ROWS, COUNTED = 40_000, 100
READ = re.compile(r'FROM "(invoices_invoice)"')
BACKEND = "django.contrib.auth.backends.ModelBackend"
OF_WORKERS = {"invoice_by_deadline", "invoice_leased", "invoice_at_risk"}
INDEXES = [index.name for index in Invoice._meta.indexes if index.name not in OF_WORKERS]

Statements = dict[Listed, list[str]]


@pytest.fixture(scope="module")
def statements(django_db_setup: None, django_db_blocker: Any) -> Iterator[Statements]:
    """Fill the table, ask for every list of the biggest and of the smallest organization, and yield what was asked."""
    patch = pytest.MonkeyPatch()
    for module in ("accounts.lists", "invoices.models.invoice", "invoices.views"):
        patch.setattr(f"{module}.COUNTED", COUNTED)
    with django_db_blocker.unblock(), transaction.atomic():
        tenants = fill(ROWS)
        staff = Client()
        staff.force_login(make_user(is_staff=True, is_superuser=True), backend=BACKEND)
        found: Statements = {listed: [] for listed in LISTS}
        for tenant in (tenants[0], tenants[-1]):
            owner = Client()
            owner.force_login(make_member(tenant.organization, Role.OWNER), backend=BACKEND)
            for listed, statements in found.items():
                browser = staff if listed.path == ADMIN else owner
                statements += asked(browser, listed.address(tenant.organization.pk, COUNTED), READ)
        yield found
        transaction.set_rollback(True)
    patch.undo()


@pytest.mark.parametrize("listed", LISTS, ids=lambda listed: listed.name)
def test_a_list_is_read_by_an_index_and_only_in_part(listed: Listed, statements: Statements) -> None:
    assert too_dear(statements[listed], READ) == {}


@pytest.mark.parametrize("index", INDEXES)
def test_each_index_of_the_lists_is_what_keeps_one_of_them_cheap(index: str, statements: Statements) -> None:
    assert is_needed(index, statements.values()), "no list needs this index, and every write pays for it"
