"""Payments that terminals took, and that none of them pays an invoice beyond what it comes to, whoever matches."""

from decimal import Decimal

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

GUARD = """
CREATE FUNCTION pos_guard_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    invoice record;
    taken numeric;
BEGIN
    SELECT organization_id, currency, payable_amount, number, type_code INTO invoice
    FROM invoices_invoice WHERE id = NEW.invoice_id FOR NO KEY UPDATE;
    IF invoice.organization_id <> NEW.organization_id THEN
        RAISE EXCEPTION 'A payment and its invoice belong to one organization.' USING ERRCODE = 'check_violation';
    END IF;
    IF invoice.number IS NULL OR invoice.type_code = '380' OR invoice.currency <> NEW.currency THEN
        RAISE EXCEPTION 'Invoice % cannot be paid by this payment.', NEW.invoice_id USING ERRCODE = 'check_violation';
    END IF;
    SELECT COALESCE(sum(amount - refunded_amount), 0) INTO taken
    FROM pos_terminalpayment WHERE invoice_id = NEW.invoice_id AND id <> NEW.id;
    IF taken + NEW.amount - NEW.refunded_amount > invoice.payable_amount THEN
        RAISE EXCEPTION 'Invoice % would be paid beyond what it comes to.', invoice.number
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER pos_guard_payment
    BEFORE INSERT OR UPDATE OF invoice_id, organization_id, currency, amount, refunded_amount ON pos_terminalpayment
    FOR EACH ROW WHEN (NEW.invoice_id IS NOT NULL)
    EXECUTE FUNCTION pos_guard_payment();
"""
UNGUARD = "DROP TRIGGER pos_guard_payment ON pos_terminalpayment; DROP FUNCTION pos_guard_payment();"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("integrations", "0008_delivery_account"),
        ("invoices", "0020_supplied_at"),
        ("pos", "0003_close"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TerminalPayment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=100)),
                ("reference", models.CharField(blank=True, max_length=200)),
                ("terminal_id", models.CharField(blank=True, max_length=200)),
                ("named", models.JSONField(default=list)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Not paid yet"),
                            ("succeeded", "Paid"),
                            ("failed", "Failed"),
                            ("reversed", "Given back"),
                        ],
                        max_length=20,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("amount", models.DecimalField(decimal_places=2, max_digits=20)),
                ("refunded_amount", models.DecimalField(decimal_places=2, default=Decimal("0"), max_digits=20)),
                ("made_at", models.DateTimeField()),
                ("paid_at", models.DateTimeField(blank=True, null=True)),
                ("read_at", models.DateTimeField(help_text="When the read began that it is stored from.")),
                (
                    "matched_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("reference", "It names the invoice"),
                            ("amount", "The only unpaid invoice of this amount"),
                            ("person", "Chosen by a person"),
                        ],
                        max_length=20,
                    ),
                ),
                ("match_reason", models.TextField(blank=True)),
                ("matched_at", models.DateTimeField(blank=True, null=True)),
                ("is_decided", models.BooleanField(default=False)),
                (
                    "is_kept",
                    models.BooleanField(
                        default=False,
                        help_text="A person keeps the match although its invoice was credited or voided since.",
                    ),
                ),
                ("why_not", models.TextField(blank=True)),
                ("problem", models.TextField(blank=True)),
                ("history", models.JSONField(blank=True, default=list)),
                ("looked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="integrations.connection",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="invoices.invoice",
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
                "ordering": ["-made_at", "-pk"],
                "indexes": [
                    models.Index(fields=["organization", "-made_at", "-id"], name="payment_list"),
                    models.Index(
                        condition=models.Q(
                            models.Q(("invoice", None), ("is_decided", False), ("state", "succeeded")),
                            models.Q(("problem", ""), _negated=True),
                            _connector="OR",
                        ),
                        fields=["organization", "-made_at", "-id"],
                        name="payment_needs_somebody",
                    ),
                    models.Index(
                        condition=models.Q(("invoice", None), ("is_decided", False), ("state", "succeeded")),
                        fields=["organization", "currency", "amount"],
                        name="payment_unmatched",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "external_id"), name="one_payment_per_id"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["pending", "succeeded", "failed", "reversed"])),
                        name="payment_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount__gte", 0),
                            ("refunded_amount__gte", 0),
                            ("refunded_amount__lte", models.F("amount")),
                        ),
                        name="payment_amounts_in_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "succeeded"), _negated=True), ("paid_at__isnull", False), _connector="OR"
                        ),
                        name="a_paid_payment_says_when",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("invoice__isnull", True),
                                ("match_reason", ""),
                                ("matched_at__isnull", True),
                                ("matched_by", ""),
                            ),
                            models.Q(
                                ("invoice__isnull", False),
                                ("matched_at__isnull", False),
                                ("matched_by__in", ["reference", "amount", "person"]),
                                ("state", "succeeded"),
                                models.Q(("match_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="a_match_is_whole",
                    ),
                ],
            },
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
