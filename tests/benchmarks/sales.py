"""Sales of tills when there are very many: how quickly more are stored, and how quickly a day of them is listed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from time import perf_counter

from django.conf import settings
from django.db import connection as database
from django.test import Client
from django.test.utils import get_runner
from django.utils import timezone
from django_scopes import scopes_disabled

from accounts.models import Role
from integrations.models import Connection
from invoices.models import Invoice, Status
from pos.models import SaleBatch
from pos.services.saving import save_sales
from tests.benchmarks.lists import BACKEND, Taken, at, clock
from tests.factories import make_member, make_organization
from tests.pos.making import LINE, make_till, sale_of
from tests.pos.many import DAYS, TABLES, Till, fill, first_day

PAGES, PAGE_SIZE = 40, 500
TARGET_SHARE = 0.9
ASKED, TARGET_MS = 200, 150
LISTS = {"the page of a day": "/sales/?day={day}", "the API": "/api/v1/sales/?day={day}"}


def run(sales: int) -> None:
    """Store pages of new sales in empty tables, in full ones and in emptied ones, and list days of the full ones."""
    runner = get_runner(settings)(verbosity=0, interactive=False)
    settings.ALLOWED_HOSTS = ["testserver"]  # and not Django's own preparation, which copies each template's context
    names = runner.setup_databases()
    try:
        with scopes_disabled():
            till = make_till(make_organization("bulk-empty"))
        before = _rate(till)
        _empty()
        tills = _fill(sales)
        _list_days(tills)
        full = _rate(tills[0].connection)
        _empty()
        after = _rate(till)
        _report_rates(before, full, after)
    finally:
        runner.teardown_databases(names)


def _fill(sales: int) -> list[Till]:
    started = perf_counter()
    with _unchecked_keys():
        tills = fill(sales)
    _invoice_days()
    with database.cursor() as cursor:
        for table in (*TABLES, "invoices_invoice"):
            cursor.execute(f"VACUUM ANALYZE {table}")  # as autovacuum leaves it
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        [(size,)] = cursor.fetchall()
    print(f"{sales:,} sales, two lines each, of {len(tills)} organizations over {DAYS} days made in ", end="")
    print(f"{perf_counter() - started:.0f} s; {size}.", flush=True)
    return tills


@contextmanager
def _unchecked_keys() -> Iterator[None]:
    """Have foreign keys not looked up while rows are made whose keys are right: it would take most of the time."""
    with database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = origin")


def _invoice_days() -> None:
    """Make the invoice of each batch, as a draft: beside a sale stands how far its invoice is."""
    with scopes_disabled():
        Invoice.objects.bulk_create(
            [
                Invoice(
                    organization_id=batch.organization_id, connection_id=batch.connection_id, source_kind="sales",
                    source_external_id=batch.source_id, source_part=str(batch.sequence), status=Status.DRAFT,
                    kind="B2C",
                )
                for batch in SaleBatch.objects.select_related("location").order_by("day", "pk")
            ],
            batch_size=500,
        )  # fmt: skip


def _empty() -> None:
    with database.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(TABLES)}")


def _rate(connection: Connection) -> float:
    """Return how many new sales of now are stored in a second; the middle of the pages, whose records are made before.

    The pages go on where the one before ended, so empty tables hold PAGES * PAGE_SIZE sales at the end.
    """
    taken = []
    with database.cursor() as cursor:
        cursor.execute("CHECKPOINT")  # what was written before is not to be written out in between
    with scopes_disabled():
        for page in range(PAGES):
            sold_at = timezone.now() - timedelta(minutes=PAGES - page)
            records = [sale_of(LINE, LINE, sold_at=sold_at, version=1) for _ in range(PAGE_SIZE)]
            started = perf_counter()
            saved = save_sales(connection=connection, records=records)
            taken.append(perf_counter() - started)
            assert saved.new == PAGE_SIZE, saved
    return PAGE_SIZE / median(taken)


def _list_days(tills: list[Till]) -> None:
    """Ask for days of organizations, all at random, the big ones as often as the small."""
    draw = random.Random(0)
    browsers = []
    for till in tills:
        browser = Client()
        browser.force_login(make_member(till.organization, Role.OWNER), backend=BACKEND)
        browsers.append(browser)
        for address in LISTS.values():  # what every page loads once
            assert browser.get(address.format(day="2020-01-01")).status_code == 200
    took = {name: Taken() for name in LISTS}
    for name, address in list(LISTS.items()) * ASKED:
        browser, day = draw.choice(browsers), (first_day() + timedelta(days=draw.randrange(DAYS))).date()
        queries: list[float] = []
        started = perf_counter()
        with database.execute_wrapper(clock(queries)):
            answer = browser.get(address.format(day=day))
        took[name].whole.append(perf_counter() - started)
        took[name].database.append(sum(queries))
        assert answer.status_code == 200, answer
    print(f"{ASKED} days and organizations at random, ms (asked: p95 below {TARGET_MS}):")
    for name, taken in took.items():
        whole, queried = ([at(each, share) for share in (0.5, 0.95)] for each in (taken.whole, taken.database))
        print(
            f"  {name:<20} p50 {whole[0]:.0f}, p95 {whole[1]:.0f}; in the database {queried[0]:.0f}, {queried[1]:.0f}"
        )


def _report_rates(before: float, full: float, after: float) -> None:
    """Print the rates, and the ratio of those that were taken one right after the other: the machine's load moves."""
    print(f"New sales stored in a second, {PAGES} pages of {PAGE_SIZE}, middle page:")
    print(f"  empty tables   {before:>6,.0f}, before all else\n  full tables    {full:>6,.0f}")
    print(f"  emptied tables {after:>6,.0f}, right after the full ones")
    print(f"  full to emptied {full / after:.2f}   asked: {TARGET_SHARE} at least\n")
