"""What the lists of runs and of the quarantine are read by, built while the tables stay in use."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("integrations", "0009_list_indexes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="syncrun",
            name="connection",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="runs",
                to="integrations.connection",
            ),
        ),
        AddIndexConcurrently(
            model_name="quarantine",
            index=models.Index(fields=["external_id"], name="quarantine_by_id"),
        ),
        AddIndexConcurrently(
            model_name="quarantine",
            index=models.Index(
                condition=models.Q(("resolved_at__isnull", True)), fields=["id"], name="quarantine_open"
            ),
        ),
        AddIndexConcurrently(
            model_name="syncrun",
            index=models.Index(fields=["connection", "id"], name="run_newest"),
        ),
        AddIndexConcurrently(
            model_name="syncrun",
            index=models.Index(
                condition=models.Q(("status", "succeeded"), _negated=True),
                fields=["status", "id"],
                name="run_in_trouble",
            ),
        ),
    ]
