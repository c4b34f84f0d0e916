"""What the lists of operations and of differences are read by, built while the tables stay in use."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0001_initial"),
        ("invoices", "0021_call_months"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="reconciliation",
            index=models.Index(
                condition=models.Q(("state", "complete"), _negated=True),
                fields=["state", "id"],
                name="reconciliation_odd",
            ),
        ),
        AddIndexConcurrently(
            model_name="difference",
            index=models.Index(fields=["organization", "state", "deadline", "id"], name="difference_list"),
        ),
        AddIndexConcurrently(
            model_name="difference",
            index=models.Index(fields=["organization", "state", "cause", "deadline", "id"], name="difference_by_cause"),
        ),
        AddIndexConcurrently(
            model_name="difference",
            index=models.Index(fields=["state", "id"], name="difference_in_state"),
        ),
        AddIndexConcurrently(
            model_name="difference",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper(
                        django.db.models.functions.text.Concat(
                            models.Value("\n"), "label", models.Value("\n"), "subject", output_field=models.TextField()
                        )
                    ),
                    name="gin_trgm_ops",
                ),
                name="difference_searched",
            ),
        ),
        AddIndexConcurrently(
            model_name="exchange",
            index=models.Index(fields=["purpose", "id"], name="exchange_by_purpose"),
        ),
        AddIndexConcurrently(
            model_name="exchange",
            index=models.Index(
                condition=models.Q(("stage", "done"), _negated=True), fields=["stage", "id"], name="exchange_in_stage"
            ),
        ),
        AddIndexConcurrently(
            model_name="papersent",
            index=models.Index(
                condition=models.Q(("outcome", "sent"), _negated=True), fields=["outcome", "id"], name="post_not_sent"
            ),
        ),
        AddIndexConcurrently(
            model_name="proposal",
            index=models.Index(fields=["state", "id"], name="proposal_in_state"),
        ),
        AddIndexConcurrently(
            model_name="submission",
            index=models.Index(
                condition=models.Q(("outcome", "accepted"), _negated=True),
                fields=["outcome", "id"],
                name="submission_odd",
            ),
        ),
        RemoveIndexConcurrently(
            model_name="difference",
            name="difference_open",
        ),
        migrations.AlterField(
            model_name="deadlinealarm",
            name="invoice",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="alarms",
                to="invoices.invoice",
            ),
        ),
        migrations.AlterField(
            model_name="exchange",
            name="invoice",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="exchanges",
                to="invoices.invoice",
            ),
        ),
        migrations.AlterField(
            model_name="reconciliation",
            name="organization",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="reconciliations",
                to="accounts.organization",
            ),
        ),
        migrations.AlterField(
            model_name="submission",
            name="invoice",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="submissions",
                to="invoices.invoice",
            ),
        ),
    ]
