"""The database keeps a version of the rules as it was once it was active, and an invoice to rules of its organization."""

from django.db import migrations

GUARD = """
CREATE FUNCTION invoices_guard_rule_set() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'draft' THEN
            RAISE EXCEPTION 'Version % of the rules was active and is never deleted.', OLD.version
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF (NEW.organization_id, NEW.version) IS DISTINCT FROM (OLD.organization_id, OLD.version) THEN
        RAISE EXCEPTION 'Organization and number of a version of the rules never change.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status <> 'draft' AND (NEW.content, NEW.note, NEW.status = 'draft') IS DISTINCT FROM
       (OLD.content, OLD.note, false) THEN
        RAISE EXCEPTION 'Version % of the rules was active and never changes.', OLD.version
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoices_guard_rule_set BEFORE UPDATE OR DELETE ON invoices_ruleset
    FOR EACH ROW EXECUTE FUNCTION invoices_guard_rule_set();

CREATE FUNCTION invoices_guard_rules_of_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM invoices_ruleset
                   WHERE id = NEW.rule_set_id AND organization_id = NEW.organization_id) THEN
        RAISE EXCEPTION 'An invoice is made by the rules of its own organization.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoices_guard_rules_of_invoice BEFORE INSERT OR UPDATE OF rule_set_id ON invoices_invoice
    FOR EACH ROW WHEN (NEW.rule_set_id IS NOT NULL) EXECUTE FUNCTION invoices_guard_rules_of_invoice();
"""
UNGUARD = """
DROP TRIGGER invoices_guard_rules_of_invoice ON invoices_invoice;
DROP FUNCTION invoices_guard_rules_of_invoice();
DROP TRIGGER invoices_guard_rule_set ON invoices_ruleset;
DROP FUNCTION invoices_guard_rule_set();
"""


class Migration(migrations.Migration):
    """Triggers, because no constraint can compare a row with what it was."""

    dependencies = [("invoices", "0010_rules")]

    operations = [migrations.RunSQL(GUARD, UNGUARD)]
