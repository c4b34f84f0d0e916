"""What a document was made with is as fixed as the document; a rate that no invoice used may still be corrected."""

from django.db import migrations

GUARD = """
CREATE FUNCTION invoices_guard_made_with() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    remakeable CONSTANT text[] := ARRAY['draft', 'ready', 'approved', 'rejected', 'config_error', 'voided'];
BEGIN
    IF OLD.number IS NOT NULL AND NOT (NEW.status = 'ready' AND OLD.status = ANY (remakeable)) AND
       (NEW.tax_rules_id, NEW.seller_version_id, NEW.rule_set_id, NEW.source_currency, NEW.exchange_rate,
        NEW.exchange_day, NEW.exchange_source, NEW.naira_amount, NEW.naira_tax) IS DISTINCT FROM
       (OLD.tax_rules_id, OLD.seller_version_id, OLD.rule_set_id, OLD.source_currency, OLD.exchange_rate,
        OLD.exchange_day, OLD.exchange_source, OLD.naira_amount, OLD.naira_tax) THEN
        RAISE EXCEPTION 'What invoice % was made with is frozen in status %.', OLD.number, OLD.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoices_guard_made_with BEFORE UPDATE OF tax_rules_id, seller_version_id, rule_set_id, source_currency,
    exchange_rate, exchange_day, exchange_source, naira_amount, naira_tax ON invoices_invoice
    FOR EACH ROW EXECUTE FUNCTION invoices_guard_made_with();

CREATE FUNCTION invoices_guard_seller_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Version % of a business profile was used and stays as it was.', OLD.version
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER invoices_guard_seller_version BEFORE UPDATE OR DELETE ON invoices_sellerversion
    FOR EACH ROW EXECUTE FUNCTION invoices_guard_seller_version();

-- Used means: a numbered invoice has a line of this category and rate, with a tax point in the rate's time.
CREATE OR REPLACE FUNCTION invoices_guard_tax_rate() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ends date;
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.category, NEW.percent, NEW.since, NEW.is_information)
       IS NOT DISTINCT FROM (OLD.category, OLD.percent, OLD.since, OLD.is_information) THEN
        RETURN NEW;
    END IF;
    SELECT min(since) INTO ends FROM invoices_taxrate
    WHERE category = OLD.category AND since > OLD.since AND NOT is_information;
    IF NOT OLD.is_information AND EXISTS (
        SELECT 1 FROM invoices_invoiceline line JOIN invoices_invoice invoice ON invoice.id = line.invoice_id
        WHERE line.tax_category = OLD.category AND line.tax_rate = OLD.percent AND invoice.number IS NOT NULL
            AND LEAST(invoice.supply_date, invoice.issue_date) >= OLD.since
            AND (ends IS NULL OR LEAST(invoice.supply_date, invoice.issue_date) < ends)) THEN
        RAISE EXCEPTION 'Invoices were made with the rate of % since %. Add a row with a day of its own.',
            OLD.category, OLD.since USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""
UNGUARD = """
DROP TRIGGER invoices_guard_made_with ON invoices_invoice;
DROP FUNCTION invoices_guard_made_with();
DROP TRIGGER invoices_guard_seller_version ON invoices_sellerversion;
DROP FUNCTION invoices_guard_seller_version();
"""


class Migration(migrations.Migration):
    """Triggers, because no constraint can look at what a row was before."""

    dependencies = [("invoices", "0016_naira_amounts")]

    operations = [migrations.RunSQL(GUARD, UNGUARD)]
