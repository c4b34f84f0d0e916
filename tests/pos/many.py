"""Very many sales at once, made inside PostgreSQL: organizations of mixed sizes, 24 months, two lines a sale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.db import connection as database
from django.utils import timezone
from django_scopes import scopes_disabled

from accounts.models import Organization
from integrations.models import Connection
from integrations.partitions import MonthlyTable, make_ahead
from pos.models import Location
from pos.records import plain
from tests.factories import make_organization
from tests.pos.making import VAT, make_till

ORGANIZATIONS = 20
DAYS = 730
SHOPS = 3  # of the biggest five; the others have one
TABLES = (
    "pos_salebatch", "pos_salekey", "pos_sale", "pos_saleline", "pos_salepayment", "pos_refund", "pos_salereturn",
    "pos_dayclose", "pos_terminalpayment", "pos_customer", "pos_catalogobject",
)  # fmt: skip
# What PostgreSQL remembers of these tables from other tests would make a join with them look rare.
OWNERS = ("accounts_organization", "integrations_connection", "pos_location")
SLICES = 24

TILLS = """CREATE TEMPORARY TABLE till (
    low integer, high integer, organization_id bigint, connection_id bigint, locations bigint[])"""
BATCHES = """INSERT INTO pos_salebatch (organization_id, connection_id, location_id, day, currency, sequence,
    total_amount, due_at, closed_at, invoice_due)
    SELECT organization_id, connection_id, location, day, 'NGN', 1, 100000, day + interval '34 hours',
        day + interval '24 hours', false
    FROM (SELECT %(first)s::date + n AS day FROM generate_series(0, %(days)s - 1) AS n) AS each,
        till, unnest(locations) AS location ORDER BY day"""
# `d` says whose a sale is, `e` what it is like, both of 10,000; neither follows the number of the sale.
KEYS = """INSERT INTO pos_salekey (id, organization_id, connection_id, location_id, external_id, sold_at, currency,
    total_amount, version, source_updated_at, content_hash, invoice_due, batch_id)
    SELECT %(base)s + n, each.organization_id, each.connection_id, each.location, 'bulk-' || n, sold_at,
        CASE WHEN e %% 97 = 1 THEN 'USD' ELSE 'NGN' END, 1075 + e %% 5000 * 2.15, 1, sold_at, md5(n::text), false,
        CASE WHEN e >= 1000 THEN batch.id END
    FROM (SELECT n, e, day, day + interval '7 hours' + d * 5 * interval '1 second' AS sold_at, organization_id,
            connection_id, locations[1 + e %% cardinality(locations)] AS location
        FROM (SELECT n, abs(hashint8(n)::bigint) %% 10000 AS d, abs(hashint8(n + 1000000000000)::bigint) %% 10000 AS e,
                %(first)s::date + (n * %(days)s / %(rows)s)::integer AS day
            FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n) AS drawn
        JOIN till ON d >= low AND d < high) AS each
    LEFT JOIN pos_salebatch AS batch ON batch.location_id = each.location AND batch.day = each.day
    ORDER BY n"""
SALES = """INSERT INTO pos_sale (id, organization_id, connection_id, location_id, external_id, state, sold_at, currency,
    total_amount, tax_amount, discount_amount, tip_amount, rounding_amount, returned_amount, customer_external_id,
    is_offline, problem, tenders, returns, payload, stored_at)
    SELECT id, organization_id, connection_id, location_id, external_id,
        CASE WHEN batch_id IS NULL AND id %% 10 = 1 THEN 'open' WHEN batch_id IS NULL AND id %% 10 < 4 THEN 'canceled'
            ELSE 'completed' END,
        sold_at, currency, total_amount, round(total_amount * 75 / 1075, 2), 0, 0, 0, 0, '', false, '',
        jsonb_build_array(jsonb_build_object('external_id', 'pay-' || external_id, 'kind', 'cash', 'amount',
            total_amount::text, 'tip_amount', '0', 'state', 'completed', 'source', '')),
        '[]', jsonb_build_object('id', external_id), sold_at
    FROM pos_salekey WHERE id BETWEEN %(base)s + %(from)s AND %(base)s + %(to)s ORDER BY id"""
LINES = """INSERT INTO pos_saleline (organization_id, sale_id, sold_at, external_id, position, kind, name, sku,
    quantity, gross_amount, discount_amount, tax_amount, total_amount, facts)
    SELECT organization_id, id, sold_at, 'l' || at, at, 'item', 'Jollof bowl', 'JOL-1', 2,
        round(total_amount / 2.15, 2), 0, round(total_amount * 75 / 2150, 2), total_amount / 2, %(facts)s::jsonb
    FROM pos_salekey, generate_series(0, 1) AS at WHERE id BETWEEN %(base)s + %(from)s AND %(base)s + %(to)s
    ORDER BY id, at"""
PAYMENTS = """INSERT INTO pos_salepayment (organization_id, connection_id, external_id, sale_id)
    SELECT organization_id, connection_id, 'pay-' || external_id, id
    FROM pos_salekey WHERE id BETWEEN %(base)s + %(from)s AND %(base)s + %(to)s ORDER BY id"""
REFUNDS = """INSERT INTO pos_refund (organization_id, connection_id, location_id, sale_id, external_id,
    payment_external_id, return_external_id, state, is_unlinked, refunded_at, currency, amount, reason, payload,
    stored_at, note_due, note_problem)
    SELECT organization_id, connection_id, location_id, id, 'refund-' || external_id, 'pay-' || external_id, '',
        CASE WHEN id %% 1000 < 5 THEN 'pending' WHEN id %% 1000 < 7 THEN 'failed' ELSE 'completed' END,
        false, sold_at + interval '1 hour', currency,
        total_amount, 'Cold', jsonb_build_object('id', 'refund-' || external_id, 'filling', repeat('x', 600)), sold_at,
        id %% 1000 = 25, ''
    FROM pos_salekey WHERE id BETWEEN %(base)s + %(from)s AND %(base)s + %(to)s AND id %% 1000 < %(refunds)s
    ORDER BY id"""


CLOSES = """INSERT INTO pos_dayclose (organization_id, connection_id, location_id, day, side, currency, till_count,
    till_amount, stored_count, stored_amount, invoiced_count, invoiced_amount, reported_count, reported_amount,
    named_amount, differences, open_count, fetched_count, read_at, first_closed_at, closed_at)
    SELECT organization_id, connection_id, location, day, side, 'NGN', 9, 100000, 9, 100000, 9, 100000, 9, 100000, 0,
        jsonb_build_array(repeat('x', 400)), 0, 0, day + interval '27 hours', day + interval '27 hours',
        day + interval '27 hours'
    FROM (SELECT %(first)s::date + n AS day FROM generate_series(0, %(days)s - 1) AS n) AS each, till,
        unnest(locations) AS location, unnest(ARRAY['sold', 'back']) AS side ORDER BY day"""
# Every fourth sale was paid at a terminal; one in fifty of them needs a person.
TERMINALS = """INSERT INTO pos_terminalpayment (organization_id, connection_id, external_id, reference, terminal_id,
    named, state, currency, amount, refunded_amount, made_at, paid_at, read_at, matched_by, match_reason, is_decided,
    is_kept, why_not, problem, history)
    SELECT organization_id, connection_id, 'pay-' || external_id, 'T-' || external_id, '', '[]', 'succeeded', currency,
        total_amount, 0, sold_at, sold_at, sold_at, '', '', id %% 200 <> 0, false, '', '',
        jsonb_build_array(repeat('x', 400))
    FROM pos_salekey WHERE id BETWEEN %(base)s + %(from)s AND %(base)s + %(to)s AND id %% 4 = 0 ORDER BY id"""
RETURNS = """INSERT INTO pos_salereturn (organization_id, connection_id, sale_id, source_external_id, amount, note_due,
    note_problem)
    SELECT organization_id, connection_id, id, external_id, 500, id %% 5000 = 0, repeat('x', 200)
    FROM pos_salekey WHERE id BETWEEN %(base)s + %(from)s AND %(base)s + %(to)s AND id %% 2 = 0 ORDER BY id"""
CUSTOMERS = """INSERT INTO pos_customer (organization_id, connection_id, external_id, name, email, telephone, street,
    city, postal_zone, country, facts)
    SELECT organization_id, connection_id, 'customer-' || n, 'Buyer ' || md5(n::text), '', '', '', '', '', 'NG', '{}'
    FROM generate_series(1, 10000) AS n JOIN till ON n %% 10000 >= low AND n %% 10000 < high"""
GOODS = """INSERT INTO pos_catalogobject (organization_id, connection_id, external_id, kind, name, sku,
    parent_external_id)
    SELECT organization_id, connection_id, 'goods-' || n, 'variation', 'Bowl ' || n, 'BOWL-' || n, ''
    FROM generate_series(1, 10000) AS n JOIN till ON n %% 10000 >= low AND n %% 10000 < high"""


@dataclass(frozen=True, slots=True)
class Till:
    """An organization's till and its part of all sales, of 10,000."""

    connection: Connection
    shops: tuple[int, ...]
    part: int

    @property
    def organization(self) -> Organization:
        """Return whose it is."""
        found: Organization = self.connection.organization
        return found


def first_day() -> datetime:
    """Return the first day of the sales; the last one is yesterday."""
    midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=DAYS)


def make_tills() -> list[Till]:
    """Make the organizations with their tills, the biggest first: the second sells half as much, the third a third."""
    weights = [1 / (place + 1) for place in range(ORGANIZATIONS)]
    parts = [int(10_000 * weight / sum(weights)) for weight in weights]
    parts[0] += 10_000 - sum(parts)
    return [_make_till(place, part) for place, part in enumerate(parts)]


def _make_till(place: int, part: int) -> Till:
    connection = make_till(make_organization(f"bulk-{place}"))
    for number in range(2, SHOPS + 1 if place < 5 else 2):
        Location.objects.create(
            organization=connection.organization, connection=connection, external_id=f"shop-{number}",
            name=f"Shop {number}", currency="NGN",
        )  # fmt: skip
    shops = Location.objects.filter(connection=connection).order_by("pk").values_list("pk", flat=True)
    return Till(connection, tuple(shops), part)


def fill(rows: int, refunds: int = 30) -> list[Till]:
    """Insert so many sales with all that belongs to them, and analyse the tables; the tills come mixed, by time.

    `refunds` is how many of a thousand sales are refunded.
    """
    with scopes_disabled(), database.cursor() as cursor:
        tills = make_tills()
        _make_months()
        cursor.execute("DROP TABLE IF EXISTS till")
        cursor.execute(TILLS)
        low = 0
        for till in tills:
            values: list[Any] = [low, low + till.part, till.organization.pk, till.connection.pk, list(till.shops)]
            cursor.execute("INSERT INTO till VALUES (%s, %s, %s, %s, %s)", values)
            low += till.part
        cursor.execute("ANALYZE till")
        given: dict[str, Any] = {
            "first": first_day().date(),
            "days": DAYS,
            "rows": rows,
            "facts": _facts(),
            "refunds": refunds,
        }
        for statement in (BATCHES, CLOSES, CUSTOMERS, GOODS):
            cursor.execute(statement, given)
        cursor.execute("SELECT nextval('pos_salekey_id_seq')")
        given["base"] = cursor.fetchone()[0]
        for part in range(SLICES):
            bounds = {"from": rows * part // SLICES, "to": rows * (part + 1) // SLICES - 1}
            for statement in (KEYS, SALES, LINES, PAYMENTS, REFUNDS, TERMINALS, RETURNS):
                cursor.execute(statement, given | bounds)
        cursor.execute("SELECT setval('pos_salekey_id_seq', %s)", [given["base"] + rows])
        for table in (*TABLES, *OWNERS):
            cursor.execute(f"ANALYZE {table}")
    return tills


def _make_months() -> None:
    """Make the partitions of all months of the sales."""
    for table in (MonthlyTable("pos_sale", "sold_at"), MonthlyTable("pos_saleline", "sold_at")):
        for back in range(0, DAYS, 28):
            make_ahead(table, first_day() + timedelta(days=back))


def _facts() -> str:
    """Return what a line has beside its columns, as JSON."""
    words = {"variation": "", "modifiers": [], "catalog_id": "", "unit": "", "note": "", "taxes": plain((VAT,))}
    return orjson.dumps(words).decode()
