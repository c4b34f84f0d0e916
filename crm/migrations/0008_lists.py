"""An index for every order and filter that the lists of deals have, built while the tables stay in use."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently, TrigramExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0001_initial"),
        ("crm", "0007_buyer_links"),
        ("integrations", "0009_list_indexes"),
    ]

    operations = [
        TrigramExtension(),
        migrations.AlterField(
            model_name="company",
            name="connection",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="integrations.connection",
            ),
        ),
        migrations.AlterField(
            model_name="contact",
            name="connection",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="integrations.connection",
            ),
        ),
        migrations.AlterField(
            model_name="deal",
            name="connection",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="integrations.connection",
            ),
        ),
        migrations.AlterField(
            model_name="deal",
            name="organization",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.organization",
            ),
        ),
        migrations.AlterField(
            model_name="dealline",
            name="connection",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="integrations.connection",
            ),
        ),
        AddIndexConcurrently(
            model_name="company",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper(
                        django.db.models.functions.text.Concat(
                            models.Value("\n"),
                            "name",
                            models.Value("\n"),
                            "tin",
                            models.Value("\n"),
                            "email",
                            models.Value("\n"),
                            "external_id",
                            output_field=models.TextField(),
                        )
                    ),
                    name="gin_trgm_ops",
                ),
                name="company_searched",
            ),
        ),
        AddIndexConcurrently(
            model_name="contact",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper(
                        django.db.models.functions.text.Concat(
                            models.Value("\n"),
                            "first_name",
                            models.Value("\n"),
                            "last_name",
                            models.Value("\n"),
                            "email",
                            models.Value("\n"),
                            "external_id",
                            output_field=models.TextField(),
                        )
                    ),
                    name="gin_trgm_ops",
                ),
                name="contact_searched",
            ),
        ),
        AddIndexConcurrently(
            model_name="deal",
            index=models.Index(
                models.F("organization"),
                django.db.models.functions.text.Left("name", 80),
                models.F("id"),
                name="deal_by_name",
            ),
        ),
        AddIndexConcurrently(
            model_name="deal",
            index=models.Index(fields=["organization", "amount", "id"], name="deal_by_amount"),
        ),
        AddIndexConcurrently(
            model_name="deal",
            index=models.Index(
                models.F("organization"),
                models.OrderBy(models.F("amount"), descending=True, nulls_last=True),
                models.OrderBy(models.F("id"), descending=True),
                name="deal_by_amount_falling",
            ),
        ),
        AddIndexConcurrently(
            model_name="deal",
            index=models.Index(fields=["organization", "source_updated_at", "id"], name="deal_by_change"),
        ),
        AddIndexConcurrently(
            model_name="deal",
            index=models.Index(
                fields=["organization", "is_won", "is_closed", "-close_date", "-id"], name="deal_by_outcome"
            ),
        ),
        AddIndexConcurrently(
            model_name="deal",
            index=models.Index(
                fields=["organization", "stage_external_id", "-close_date", "-id"], name="deal_by_stage"
            ),
        ),
        AddIndexConcurrently(
            model_name="deal",
            index=models.Index(
                fields=["organization", "pipeline_external_id", "-close_date", "-id"], name="deal_by_pipeline"
            ),
        ),
        AddIndexConcurrently(
            model_name="deal",
            index=models.Index(
                fields=["organization", "owner_external_id", "-close_date", "-id"], name="deal_by_owner"
            ),
        ),
        AddIndexConcurrently(
            model_name="deal",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper(
                        django.db.models.functions.text.Concat(
                            models.Value("\n"),
                            "name",
                            models.Value("\n"),
                            "external_id",
                            output_field=models.TextField(),
                        )
                    ),
                    name="gin_trgm_ops",
                ),
                name="deal_searched",
            ),
        ),
        AddIndexConcurrently(
            model_name="deal",
            index=models.Index(condition=models.Q(("is_archived", True)), fields=["id"], name="deal_archived"),
        ),
    ]
