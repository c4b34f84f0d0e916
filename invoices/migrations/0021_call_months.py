"""Calls about signed invoices by months. What stands in the table becomes the default partition and moves from there."""

import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone

from integrations.partitions import MonthlyTable, make_ahead

# Identity columns of partitioned tables need PostgreSQL 17, a sequence does not. No row is written twice and none is
# deleted without its copy: the old table is kept under the default partition's name.
PARTITION = """
ALTER TABLE invoices_exchangecall RENAME TO invoices_exchangecall_default;
ALTER TABLE invoices_exchangecall_default ALTER id DROP IDENTITY;
ALTER TABLE invoices_exchangecall_default DROP CONSTRAINT invoices_exchangecall_pkey;
CREATE SEQUENCE invoices_exchangecall_id_seq;
SELECT setval('invoices_exchangecall_id_seq', (SELECT coalesce(max(id), 0) + 1 FROM invoices_exchangecall_default), false);
ALTER TABLE invoices_exchangecall_default ALTER id SET DEFAULT nextval('invoices_exchangecall_id_seq');
CREATE TABLE invoices_exchangecall (
    LIKE invoices_exchangecall_default INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    CONSTRAINT call_exchange FOREIGN KEY (exchange_id)
        REFERENCES invoices_exchange (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (id, started_at)
) PARTITION BY RANGE (started_at);
ALTER SEQUENCE invoices_exchangecall_id_seq OWNED BY invoices_exchangecall.id;
CREATE INDEX call_of_exchange ON invoices_exchangecall (exchange_id);
ALTER TABLE invoices_exchangecall ATTACH PARTITION invoices_exchangecall_default DEFAULT;
"""


def make_months(_apps: object, _editor: object) -> None:
    """Make the first months, and those of the rows that stand in the default partition."""
    make_ahead(MonthlyTable("invoices_exchangecall", "started_at"), timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0006_parked_events"),
        ("invoices", "0020_supplied_at"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "exchangecall",
                    "exchange",
                    models.ForeignKey(
                        "invoices.exchange",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="calls",
                        db_index=False,
                    ),
                ),
                migrations.AddIndex("exchangecall", models.Index(fields=["exchange"], name="call_of_exchange")),
            ],
            # There is no way back: the calls are evidence, and going back would have to drop or copy them.
            database_operations=[migrations.RunSQL(PARTITION), migrations.RunPython(make_months)],
        ),
    ]
