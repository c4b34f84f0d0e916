"""Amounts in naira for the invoices that are there, before they are frozen."""

from django.db import migrations

# Of a document in another currency the amounts in naira follow from the rate that is pinned on it.
FILL = """
UPDATE invoices_invoice SET naira_amount = payable_amount, naira_tax = tax_amount
WHERE currency = 'NGN' AND payable_amount IS NOT NULL;
UPDATE invoices_invoice SET naira_amount = round(payable_amount * exchange_rate, 2),
    naira_tax = round(tax_amount * exchange_rate, 2)
WHERE currency <> 'NGN' AND currency = source_currency AND exchange_rate IS NOT NULL AND payable_amount IS NOT NULL;
"""


class Migration(migrations.Migration):
    """By statements, because a model's code may change later."""

    dependencies = [("invoices", "0015_made_with")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
