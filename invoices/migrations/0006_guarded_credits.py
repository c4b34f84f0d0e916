"""No invoice is credited beyond what it came to, whoever writes the note."""

from django.db import migrations

GUARD = """
CREATE FUNCTION invoices_guard_credit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    original record;
    taken numeric;
BEGIN
    SELECT organization_id, payable_amount, number, status INTO original
    FROM invoices_invoice WHERE id = NEW.original_id FOR UPDATE;
    IF original.organization_id <> NEW.organization_id THEN
        RAISE EXCEPTION 'A note and its invoice belong to one organization.' USING ERRCODE = 'check_violation';
    END IF;
    IF original.status NOT IN ('signed', 'transmitted', 'delivered', 'credited') THEN
        RAISE EXCEPTION 'Invoice % is not registered, so it has no notes.', original.number
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT COALESCE(sum(CASE WHEN type_code = '380' THEN payable_amount ELSE -payable_amount END), 0) INTO taken
    FROM invoices_invoice WHERE original_id = NEW.original_id AND id <> NEW.id AND status <> 'voided';
    IF NEW.type_code = '380' AND taken + COALESCE(NEW.payable_amount, 0) > original.payable_amount THEN
        RAISE EXCEPTION 'Invoice % would be credited beyond what it came to.', original.number
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoices_guard_credit BEFORE INSERT OR UPDATE OF payable_amount, original_id, status ON invoices_invoice
    FOR EACH ROW WHEN (NEW.original_id IS NOT NULL AND NEW.status <> 'voided')
    EXECUTE FUNCTION invoices_guard_credit();
"""
UNGUARD = "DROP TRIGGER invoices_guard_credit ON invoices_invoice; DROP FUNCTION invoices_guard_credit();"


class Migration(migrations.Migration):
    dependencies = [("invoices", "0005_notes")]

    operations = [migrations.RunSQL(GUARD, UNGUARD)]
