"""A tax rate that documents were made with is kept as it was: a new rate has a row and a day of its own."""

from django.db import migrations

GUARD = """
CREATE FUNCTION invoices_guard_tax_rate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.category, NEW.percent, NEW.since, NEW.is_information)
       IS NOT DISTINCT FROM (OLD.category, OLD.percent, OLD.since, OLD.is_information) THEN
        RETURN NEW;
    END IF;
    IF NOT OLD.is_information AND EXISTS (
        SELECT 1 FROM invoices_taxrulesversion
        WHERE content @> jsonb_build_array(jsonb_build_object('category', OLD.category, 'since', OLD.since::text))) THEN
        RAISE EXCEPTION 'Invoices were made with the rate of % since %. Add a row with a day of its own.',
            OLD.category, OLD.since USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER invoices_guard_tax_rate BEFORE UPDATE OR DELETE ON invoices_taxrate
    FOR EACH ROW EXECUTE FUNCTION invoices_guard_tax_rate();

CREATE FUNCTION invoices_guard_tax_rules_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Version % of the tax rates was used and stays as it was.', OLD.version
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER invoices_guard_tax_rules_version BEFORE UPDATE OR DELETE ON invoices_taxrulesversion
    FOR EACH ROW EXECUTE FUNCTION invoices_guard_tax_rules_version();
"""
UNGUARD = """
DROP TRIGGER invoices_guard_tax_rules_version ON invoices_taxrulesversion;
DROP FUNCTION invoices_guard_tax_rules_version();
DROP TRIGGER invoices_guard_tax_rate ON invoices_taxrate;
DROP FUNCTION invoices_guard_tax_rate();
"""


class Migration(migrations.Migration):
    """Triggers, because no constraint can look into another table."""

    dependencies = [("invoices", "0012_law")]

    operations = [migrations.RunSQL(GUARD, UNGUARD)]
