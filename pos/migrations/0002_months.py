"""Sales and their lines by months, the keys that hold across them, and the batches that sales are handed in by.

What stood in these tables before cannot have been used: no till could be connected.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone

from integrations.partitions import MonthlyTable, make_ahead

# Django makes no partitioned tables, so these are made here and Django is told that they are there. A sale's id comes
# from its key; identity columns of partitioned tables need PostgreSQL 17, a sequence does not.
MAKE_SALES = """
CREATE TABLE pos_sale (
    id bigint NOT NULL,
    external_id varchar(100) NOT NULL,
    state varchar(20) NOT NULL CONSTRAINT sale_state_known CHECK (state IN ('open', 'completed', 'canceled')),
    sold_at timestamptz NOT NULL,
    currency varchar(3) NOT NULL,
    total_amount numeric(20, 2) NOT NULL,
    tax_amount numeric(20, 2) NOT NULL,
    discount_amount numeric(20, 2) NOT NULL,
    tip_amount numeric(20, 2) NOT NULL,
    rounding_amount numeric(20, 2) NOT NULL,
    returned_amount numeric(20, 2) NOT NULL,
    customer_external_id varchar(100) NOT NULL,
    is_offline boolean NOT NULL,
    problem text NOT NULL,
    tenders jsonb NOT NULL,
    returns jsonb NOT NULL,
    payload jsonb NOT NULL,
    stored_at timestamptz NOT NULL,
    connection_id bigint NOT NULL REFERENCES integrations_connection (id) DEFERRABLE INITIALLY DEFERRED,
    location_id bigint NOT NULL REFERENCES pos_location (id) DEFERRABLE INITIALLY DEFERRED,
    organization_id bigint NOT NULL REFERENCES accounts_organization (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (id, sold_at)
) PARTITION BY RANGE (sold_at);
CREATE INDEX sale_list ON pos_sale (organization_id, sold_at DESC, id DESC);
CREATE INDEX sale_by_external_id ON pos_sale (external_id);
CREATE TABLE pos_sale_default PARTITION OF pos_sale DEFAULT;
CREATE SEQUENCE pos_saleline_id_seq;
CREATE TABLE pos_saleline (
    id bigint NOT NULL DEFAULT nextval('pos_saleline_id_seq'),
    sold_at timestamptz NOT NULL,
    external_id varchar(100) NOT NULL,
    position integer NOT NULL CHECK (position >= 0),
    kind varchar(20) NOT NULL,
    name text NOT NULL,
    sku varchar(200) NOT NULL,
    quantity numeric(30, 10) NOT NULL,
    gross_amount numeric(20, 2) NOT NULL,
    discount_amount numeric(20, 2) NOT NULL,
    tax_amount numeric(20, 2) NOT NULL,
    total_amount numeric(20, 2) NOT NULL,
    facts jsonb NOT NULL,
    organization_id bigint NOT NULL REFERENCES accounts_organization (id) DEFERRABLE INITIALLY DEFERRED,
    sale_id bigint NOT NULL,
    PRIMARY KEY (id, sold_at)
) PARTITION BY RANGE (sold_at);
ALTER SEQUENCE pos_saleline_id_seq OWNED BY pos_saleline.id;
CREATE INDEX sale_line_of_sale ON pos_saleline (sale_id);
CREATE TABLE pos_saleline_default PARTITION OF pos_saleline DEFAULT;
"""


def make_months(_apps: object, _editor: object) -> None:
    """Make the first months."""
    for table in ("pos_sale", "pos_saleline"):
        make_ahead(MonthlyTable(table, "sold_at"), timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("integrations", "0006_parked_events"),
        ("pos", "0001_initial"),
    ]

    operations = [
        migrations.DeleteModel("Refund"),
        migrations.DeleteModel("SaleLine"),
        migrations.DeleteModel("Sale"),
        migrations.AddField(
            model_name="location",
            name="is_chosen",
            field=models.BooleanField(default=True, help_text="Whether its sales are read."),
        ),
        migrations.CreateModel(
            name="SaleBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("sequence", models.PositiveIntegerField()),
                ("total_amount", models.DecimalField(decimal_places=2, max_digits=20)),
                ("due_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField()),
                ("invoice_due", models.BooleanField(default=True)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sale_batches",
                        to="integrations.connection",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="pos.location"),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.organization"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "sale batches",
                "ordering": ["-day", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="SaleKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=100)),
                ("sold_at", models.DateTimeField()),
                ("currency", models.CharField(max_length=3)),
                ("total_amount", models.DecimalField(decimal_places=2, max_digits=20)),
                ("version", models.BigIntegerField(blank=True, null=True)),
                ("source_updated_at", models.DateTimeField(blank=True, null=True)),
                ("content_hash", models.CharField(blank=True, max_length=32)),
                ("invoice_due", models.BooleanField(default=False)),
                (
                    "batch",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sales",
                        to="pos.salebatch",
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sale_keys",
                        to="integrations.connection",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="pos.location"),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.organization"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=200)),
                ("payment_external_id", models.CharField(max_length=200)),
                ("return_external_id", models.CharField(blank=True, max_length=100)),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Pending"), ("completed", "Completed"), ("failed", "Failed")],
                        max_length=20,
                    ),
                ),
                ("is_unlinked", models.BooleanField(default=False, help_text="Given back without naming a payment.")),
                ("refunded_at", models.DateTimeField()),
                ("currency", models.CharField(max_length=3)),
                ("amount", models.DecimalField(decimal_places=2, max_digits=20)),
                ("reason", models.TextField(blank=True)),
                ("source_updated_at", models.DateTimeField(blank=True, null=True)),
                ("payload", models.JSONField(default=dict)),
                ("stored_at", models.DateTimeField()),
                ("note_due", models.BooleanField(default=False)),
                ("note_problem", models.TextField(blank=True)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="integrations.connection",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="pos.location"),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.organization"
                    ),
                ),
                (
                    "sale",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="pos.salekey",
                    ),
                ),
            ],
            options={
                "ordering": ["-refunded_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="SalePayment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=200)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="integrations.connection"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.organization"
                    ),
                ),
                (
                    "sale",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="payments", to="pos.salekey"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="salebatch",
            constraint=models.UniqueConstraint(
                fields=("location", "day", "currency", "sequence"), name="one_batch_per_sequence"
            ),
        ),
        migrations.AddIndex(
            model_name="salebatch",
            index=models.Index(condition=models.Q(("invoice_due", True)), fields=["connection"], name="batch_due"),
        ),
        migrations.AddIndex(
            model_name="salekey",
            index=models.Index(
                condition=models.Q(("invoice_due", True)), fields=["connection", "sold_at"], name="sale_due"
            ),
        ),
        migrations.AddIndex(
            model_name="salekey",
            index=models.Index(fields=["location", "sold_at"], name="sale_of_location"),
        ),
        migrations.AddConstraint(
            model_name="salekey",
            constraint=models.UniqueConstraint(fields=("connection", "external_id"), name="one_sale_per_id"),
        ),
        migrations.AddConstraint(
            model_name="salekey",
            constraint=models.CheckConstraint(
                condition=models.Q(("invoice_due", False), ("batch__isnull", True), _connector="OR"),
                name="a_batched_sale_is_not_due",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["organization", "-refunded_at", "-id"], name="refund_list"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(condition=models.Q(("note_due", True)), fields=["connection"], name="refund_due"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("sale__isnull", True)),
                fields=["connection", "payment_external_id"],
                name="refund_without_sale",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(fields=("connection", "external_id"), name="one_refund_per_id"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="refund_amount_positive"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "completed", "failed"])), name="refund_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("note_due", False), ("state", "completed"), _connector="OR"),
                name="only_a_completed_refund_is_credited",
            ),
        ),
        migrations.AddConstraint(
            model_name="salepayment",
            constraint=models.UniqueConstraint(fields=("connection", "external_id"), name="one_sale_per_payment"),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Sale",
                    fields=[
                        (
                            "id",
                            models.BigIntegerField(help_text="The id of its key.", primary_key=True, serialize=False),
                        ),
                        ("external_id", models.CharField(max_length=100)),
                        (
                            "state",
                            models.CharField(
                                choices=[("open", "Open"), ("completed", "Completed"), ("canceled", "Canceled")],
                                max_length=20,
                            ),
                        ),
                        ("sold_at", models.DateTimeField()),
                        ("currency", models.CharField(max_length=3)),
                        ("total_amount", models.DecimalField(decimal_places=2, max_digits=20)),
                        ("tax_amount", models.DecimalField(decimal_places=2, max_digits=20)),
                        ("discount_amount", models.DecimalField(decimal_places=2, max_digits=20)),
                        ("tip_amount", models.DecimalField(decimal_places=2, max_digits=20)),
                        ("rounding_amount", models.DecimalField(decimal_places=2, max_digits=20)),
                        (
                            "returned_amount",
                            models.DecimalField(
                                decimal_places=2,
                                help_text="What it took back, where it is an exchange or a return.",
                                max_digits=20,
                            ),
                        ),
                        ("customer_external_id", models.CharField(blank=True, max_length=100)),
                        ("is_offline", models.BooleanField()),
                        ("problem", models.TextField(blank=True)),
                        ("tenders", models.JSONField()),
                        ("returns", models.JSONField()),
                        ("payload", models.JSONField()),
                        ("stored_at", models.DateTimeField()),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="sales",
                                to="integrations.connection",
                            ),
                        ),
                        (
                            "location",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="sales",
                                to="pos.location",
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.organization",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-sold_at", "-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="SaleLine",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("sold_at", models.DateTimeField()),
                        ("external_id", models.CharField(max_length=100)),
                        ("position", models.PositiveIntegerField()),
                        ("kind", models.CharField(max_length=20)),
                        ("name", models.TextField()),
                        ("sku", models.CharField(blank=True, max_length=200)),
                        ("quantity", models.DecimalField(decimal_places=10, max_digits=30)),
                        ("gross_amount", models.DecimalField(decimal_places=2, max_digits=20)),
                        ("discount_amount", models.DecimalField(decimal_places=2, max_digits=20)),
                        ("tax_amount", models.DecimalField(decimal_places=2, max_digits=20)),
                        ("total_amount", models.DecimalField(decimal_places=2, max_digits=20)),
                        ("facts", models.JSONField()),
                        (
                            "organization",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.organization",
                            ),
                        ),
                        (
                            "sale",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="lines",
                                to="pos.sale",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["position", "pk"],
                    },
                ),
                migrations.AddIndex(
                    model_name="sale",
                    index=models.Index(fields=["organization", "-sold_at", "-id"], name="sale_list"),
                ),
                migrations.AddIndex(
                    model_name="sale",
                    index=models.Index(fields=["external_id"], name="sale_by_external_id"),
                ),
                migrations.AddConstraint(
                    model_name="sale",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "completed", "canceled"])), name="sale_state_known"
                    ),
                ),
            ],
            database_operations=[
                migrations.RunSQL(MAKE_SALES, "DROP TABLE pos_saleline; DROP TABLE pos_sale"),
                migrations.RunPython(make_months, migrations.RunPython.noop),
            ],
        ),
    ]
