"""What the admin's list of an organization's links is read by, built while the table stays in use."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0001_initial"),
        ("crm", "0008_lists"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="buyerlink",
            index=models.Index(fields=["organization", "id"], name="link_newest"),
        ),
        migrations.AlterField(
            model_name="buyerlink",
            name="organization",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="buyer_links",
                to="accounts.organization",
            ),
        ),
    ]
