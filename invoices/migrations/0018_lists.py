"""An index for every order and filter that the lists of invoices have, each built while the table stays in use."""

import django.db.models.deletion
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently, TrigramExtension
from django.db import migrations, models
from django.db.models import F, OrderBy, Q, Value
from django.db.models.functions import Concat, Left, Upper

SEARCHED = Concat(
    Value("\n"), "number", Value("\n"), "irn", Value("\n"), "buyer_name", Value("\n"), "buyer_tin", Value("\n"),
    "source_label", Value("\n"), "source_external_id", output_field=models.TextField(),
)  # fmt: skip


def falling(column: str, name: str) -> models.Index:
    first = OrderBy(F(column), descending=True, nulls_last=True)
    return models.Index(F("organization"), first, OrderBy(F("id"), descending=True), name=name)


INDEXES = [
    models.Index(fields=["organization", "id"], name="invoice_newest_first"),
    models.Index(fields=["organization", "status", "id"], name="invoice_in_status"),
    models.Index(F("organization"), Left("buyer_name", 80), F("id"), name="invoice_by_buyer"),
    models.Index(fields=["organization", "issue_date", "id"], name="invoice_by_date"),
    falling("issue_date", "invoice_by_date_falling"),
    models.Index(fields=["organization", "number", "id"], name="invoice_by_number"),
    falling("number", "invoice_by_number_falling"),
    models.Index(fields=["organization", "payable_amount", "id"], name="invoice_by_amount"),
    falling("payable_amount", "invoice_by_amount_falling"),
    GinIndex(OpClass(Upper(SEARCHED), name="gin_trgm_ops"), name="invoice_searched"),
    models.Index(fields=["status", "id"], name="invoice_all_by_status"),
    models.Index(fields=["kind", "id"], name="invoice_all_by_kind"),
    models.Index(fields=["issue_date"], name="invoice_all_by_date"),
    models.Index(fields=["created_at"], name="invoice_all_by_making"),
    models.Index(fields=["id"], condition=Q(needs_approval=True), name="invoice_for_approval"),
]
PROTECT = django.db.models.deletion.PROTECT


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("invoices", "0017_guarded_versions")]

    operations = [
        TrigramExtension(),
        *[AddIndexConcurrently("invoice", index) for index in INDEXES],
        RemoveIndexConcurrently("invoice", "invoice_newest"),
        RemoveIndexConcurrently("invoice", "invoice_by_status"),
        migrations.AlterField(
            "invoice",
            "organization",
            models.ForeignKey("accounts.organization", on_delete=PROTECT, related_name="invoices", db_index=False),
        ),
        migrations.AlterField(
            "invoice",
            "connection",
            models.ForeignKey("integrations.connection", on_delete=PROTECT, related_name="invoices", db_index=False),
        ),
        migrations.AlterField(
            "invoice",
            "business",
            models.ForeignKey(
                "invoices.business", on_delete=PROTECT, null=True, blank=True, related_name="invoices", db_index=False
            ),
        ),
    ]
