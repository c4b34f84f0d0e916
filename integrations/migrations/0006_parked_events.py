"""Finds the events of a connection that somebody has to look at, without reading a month of them."""

from django.db import migrations, models

MAKE = "CREATE INDEX event_parked ON integrations_webhookevent (connection_id) WHERE status = 'parked'"


class Migration(migrations.Migration):
    dependencies = [("integrations", "0005_webhooks")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(MAKE, "DROP INDEX event_parked")],
            state_operations=[
                migrations.AddIndex(
                    model_name="webhookevent",
                    index=models.Index(
                        condition=models.Q(("status", "parked")), fields=["connection"], name="event_parked"
                    ),
                ),
            ],
        ),
    ]
