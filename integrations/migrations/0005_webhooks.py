"""Deliveries, events partitioned by month, their keys, and when a connection last heard of its provider."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

# Django makes no partitioned tables, so the table is made here and Django is told that it is there. Its primary key
# must hold the partition's column; the sequence is what makes ids unique. Identity columns of partitioned tables
# need PostgreSQL 17, a sequence does not.
MAKE_EVENTS = """
CREATE SEQUENCE integrations_webhookevent_id_seq;
CREATE TABLE integrations_webhookevent (
    id bigint NOT NULL DEFAULT nextval('integrations_webhookevent_id_seq'),
    delivery_id bigint NOT NULL,
    provider varchar(40) NOT NULL,
    external_account_id varchar(100) NOT NULL,
    event_type varchar(100) NOT NULL,
    object_type varchar(40) NOT NULL,
    object_id varchar(100) NOT NULL,
    occurred_at timestamptz NULL,
    received_at timestamptz NOT NULL,
    status varchar(20) NOT NULL,
    reason text NOT NULL,
    attempts smallint NOT NULL CHECK (attempts >= 0),
    next_attempt_at timestamptz NULL,
    processed_at timestamptz NULL,
    key varchar(64) NOT NULL,
    payload text NOT NULL,
    connection_id bigint NULL CONSTRAINT event_connection
        REFERENCES integrations_connection (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT event_status_known
        CHECK (status IN ('received', 'processed', 'ignored', 'parked', 'failed', 'unknown_account')),
    PRIMARY KEY (id, received_at)
) PARTITION BY RANGE (received_at);
ALTER SEQUENCE integrations_webhookevent_id_seq OWNED BY integrations_webhookevent.id;
CREATE INDEX integrations_webhookevent_connection_id ON integrations_webhookevent (connection_id);
CREATE INDEX event_list ON integrations_webhookevent (received_at DESC, id DESC);
CREATE INDEX event_object ON integrations_webhookevent (object_id);
CREATE INDEX event_waiting ON integrations_webhookevent (connection_id, next_attempt_at)
    WHERE status IN ('received', 'failed');
CREATE TABLE integrations_webhookevent_default PARTITION OF integrations_webhookevent DEFAULT;
"""
FIRST_PARTITIONS = """
DO $$
DECLARE since timestamptz := date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
        later timestamptz;
BEGIN
    FOR month IN 0..4 LOOP
        later := ((since AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
        EXECUTE format('CREATE TABLE %I PARTITION OF integrations_webhookevent FOR VALUES FROM (%L) TO (%L)',
            'integrations_webhookevent_' || to_char(since AT TIME ZONE 'UTC', '"y"YYYY"m"MM'), since, later);
        since := later;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0004_connection_health"),
    ]

    operations = [
        migrations.CreateModel(
            name="WebhookEventKey",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("first_seen_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AddField(
            model_name="connection",
            name="last_webhook_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=40)),
                ("body", models.BinaryField()),
                ("headers", models.JSONField(default=dict)),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("processed_at", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("problem", models.TextField(blank=True)),
            ],
            options={
                "verbose_name_plural": "webhook deliveries",
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("processed_at__isnull", True)), fields=["id"], name="delivery_waiting"
                    ),
                    models.Index(fields=["processed_at"], name="delivery_processed"),
                ],
            },
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="WebhookEvent",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "delivery_id",
                            models.BigIntegerField(help_text="The delivery it came in, while that is kept."),
                        ),
                        ("provider", models.CharField(max_length=40)),
                        ("external_account_id", models.CharField(blank=True, max_length=100)),
                        ("event_type", models.CharField(max_length=100)),
                        ("object_type", models.CharField(blank=True, max_length=40)),
                        ("object_id", models.CharField(blank=True, max_length=100)),
                        ("occurred_at", models.DateTimeField(blank=True, null=True)),
                        ("received_at", models.DateTimeField()),
                        (
                            "status",
                            models.CharField(
                                choices=[
                                    ("received", "Received"),
                                    ("processed", "Processed"),
                                    ("ignored", "Ignored"),
                                    ("parked", "Parked"),
                                    ("failed", "Will be tried again"),
                                    ("unknown_account", "Unknown account"),
                                ],
                                default="received",
                                max_length=20,
                            ),
                        ),
                        ("reason", models.TextField(blank=True)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
                        ("processed_at", models.DateTimeField(blank=True, null=True)),
                        ("key", models.CharField(max_length=64)),
                        ("payload", models.TextField(help_text="The event's own JSON, as received.")),
                        (
                            "connection",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="webhook_events",
                                to="integrations.connection",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-received_at", "-pk"],
                        "indexes": [
                            models.Index(fields=["-received_at", "-id"], name="event_list"),
                            models.Index(fields=["object_id"], name="event_object"),
                            models.Index(
                                condition=models.Q(("status__in", ["received", "failed"])),
                                fields=["connection", "next_attempt_at"],
                                name="event_waiting",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "status__in",
                                        ["received", "processed", "ignored", "parked", "failed", "unknown_account"],
                                    )
                                ),
                                name="event_status_known",
                            )
                        ],
                    },
                ),
            ],
            database_operations=[
                migrations.RunSQL(MAKE_EVENTS, "DROP TABLE integrations_webhookevent"),
                migrations.RunSQL(FIRST_PARTITIONS, migrations.RunSQL.noop),
            ],
        ),
    ]
