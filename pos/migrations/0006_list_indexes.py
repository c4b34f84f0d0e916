"""Indexes for the lists of the admin, which are of every organization."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pos", "0005_exchanges"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["-refunded_at", "-id"], name="refund_newest"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("state", "completed"), _negated=True),
                fields=["state", "-refunded_at", "-id"],
                name="refund_not_completed",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["external_id"], name="refund_by_external_id"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["payment_external_id"], name="refund_by_payment"),
        ),
        migrations.AddIndex(
            model_name="sale",
            index=models.Index(fields=["-sold_at", "-id"], name="sale_newest"),
        ),
        migrations.AddIndex(
            model_name="sale",
            index=models.Index(
                condition=models.Q(("state", "completed"), _negated=True),
                fields=["state", "-sold_at", "-id"],
                name="sale_not_completed",
            ),
        ),
        migrations.AddIndex(
            model_name="salebatch",
            index=models.Index(fields=["-day", "-id"], name="batch_newest"),
        ),
    ]
