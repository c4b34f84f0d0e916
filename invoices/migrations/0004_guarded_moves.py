"""The database itself refuses what must never happen to an invoice, and writes down each change of its status."""

from django.db import migrations

GUARD = """
CREATE FUNCTION invoices_guard_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    remakeable CONSTANT text[] := ARRAY['draft', 'ready', 'approved', 'rejected', 'config_error', 'voided'];
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.number IS NOT NULL THEN
            RAISE EXCEPTION 'An invoice that has a number is never deleted: %.', OLD.number
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('draft', 'ready'),
        ('ready', 'approved'), ('ready', 'submitting'), ('ready', 'voided'), ('ready', 'signed'),
        ('approved', 'ready'), ('approved', 'submitting'), ('approved', 'voided'), ('approved', 'signed'),
        ('submitting', 'ready'), ('submitting', 'approved'), ('submitting', 'signed'), ('submitting', 'rejected'),
        ('submitting', 'unknown'), ('submitting', 'config_error'),
        ('unknown', 'submitting'), ('unknown', 'signed'),
        ('rejected', 'ready'), ('rejected', 'voided'), ('rejected', 'signed'),
        ('config_error', 'ready'), ('config_error', 'approved'), ('config_error', 'voided'),
        ('config_error', 'signed'),
        ('signed', 'transmitted'), ('signed', 'delivered'), ('signed', 'credited'),
        ('transmitted', 'delivered'), ('transmitted', 'credited'),
        ('delivered', 'credited'),
        ('voided', 'ready'), ('voided', 'signed')
    ) THEN
        RAISE EXCEPTION 'Invoice % cannot go from % to %.', COALESCE(OLD.number, OLD.id::text), OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status = 'submitting' AND OLD.status = 'ready' AND NEW.needs_approval THEN
        RAISE EXCEPTION 'Invoice % waits for a second person and cannot be submitted.', OLD.number
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status = 'ready' AND OLD.status = 'voided' AND OLD.voided_for <> 'source' THEN
        RAISE EXCEPTION 'Invoice % was voided by a person and stays so.', OLD.number
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status = 'signed' AND OLD.status <> 'signed' AND NOT EXISTS (
        SELECT 1 FROM invoices_submission WHERE invoice_id = OLD.id AND step = 'sign'
    ) THEN
        RAISE EXCEPTION 'Invoice % was never handed in, so it cannot be signed.', OLD.number
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.number IS NULL THEN
        RETURN NEW;
    END IF;
    IF (NEW.number, NEW.irn, NEW.issue_date, NEW.organization_id, NEW.business_id, NEW.connection_id, NEW.source_kind,
        NEW.source_external_id, NEW.source_part, NEW.type_code) IS DISTINCT FROM
       (OLD.number, OLD.irn, OLD.issue_date, OLD.organization_id, OLD.business_id, OLD.connection_id, OLD.source_kind,
        OLD.source_external_id, OLD.source_part, OLD.type_code) THEN
        RAISE EXCEPTION 'Number, IRN, date, seller and source of invoice % never change.', OLD.number
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT (NEW.status = 'ready' AND OLD.status = ANY (remakeable)) AND
       (NEW.document, NEW.document_sha256, NEW.qr_payload, NEW.kind, NEW.issue_time, NEW.due_date, NEW.supply_date,
        NEW.currency, NEW.buyer_name, NEW.buyer_tin, NEW.line_extension_amount, NEW.allowance_amount,
        NEW.tax_exclusive_amount, NEW.tax_amount, NEW.tax_inclusive_amount, NEW.payable_amount, NEW.draft,
        NEW.snapshot) IS DISTINCT FROM
       (OLD.document, OLD.document_sha256, OLD.qr_payload, OLD.kind, OLD.issue_time, OLD.due_date, OLD.supply_date,
        OLD.currency, OLD.buyer_name, OLD.buyer_tin, OLD.line_extension_amount, OLD.allowance_amount,
        OLD.tax_exclusive_amount, OLD.tax_amount, OLD.tax_inclusive_amount, OLD.payable_amount, OLD.draft,
        OLD.snapshot) THEN
        RAISE EXCEPTION 'Invoice % is frozen in status %: it is credited, never edited.', OLD.number, OLD.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoices_guard_invoice BEFORE UPDATE OR DELETE ON invoices_invoice
    FOR EACH ROW EXECUTE FUNCTION invoices_guard_invoice();

CREATE FUNCTION invoices_keep_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO invoices_invoicemove (invoice_id, from_status, to_status, at, sentence)
    VALUES (NEW.id, OLD.status, NEW.status, clock_timestamp(),
            CASE WHEN NEW.status = 'voided' THEN NEW.void_reason ELSE NEW.problem END);
    RETURN NULL;
END $$;
CREATE TRIGGER invoices_keep_move AFTER UPDATE OF status ON invoices_invoice
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION invoices_keep_move();

CREATE FUNCTION invoices_guard_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    frozen text;
BEGIN
    SELECT invoice.number INTO frozen FROM touched JOIN invoices_invoice invoice ON invoice.id = touched.invoice_id
    WHERE invoice.status NOT IN ('draft', 'ready', 'approved', 'rejected', 'config_error', 'voided') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'The lines of invoice % are frozen: it is credited, never edited.', frozen
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER invoices_guard_new_lines AFTER INSERT ON invoices_invoiceline
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION invoices_guard_lines();
CREATE TRIGGER invoices_guard_changed_lines AFTER UPDATE ON invoices_invoiceline
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION invoices_guard_lines();
CREATE TRIGGER invoices_guard_gone_lines AFTER DELETE ON invoices_invoiceline
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION invoices_guard_lines();

CREATE FUNCTION invoices_guard_series() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.last_number < OLD.last_number OR NEW.prefix <> OLD.prefix
       OR NEW.business_id <> OLD.business_id THEN
        RAISE EXCEPTION 'The series % only grows: a number is never used again.', OLD.prefix
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoices_guard_series BEFORE UPDATE OR DELETE ON invoices_numberseries
    FOR EACH ROW EXECUTE FUNCTION invoices_guard_series();

CREATE FUNCTION invoices_guard_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'What happened to an invoice is never rewritten.' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER invoices_guard_moves BEFORE UPDATE OR DELETE ON invoices_invoicemove
    FOR EACH ROW EXECUTE FUNCTION invoices_guard_moves();
"""
UNGUARD = """
DROP TRIGGER invoices_guard_moves ON invoices_invoicemove;
DROP FUNCTION invoices_guard_moves();
DROP TRIGGER invoices_guard_series ON invoices_numberseries;
DROP FUNCTION invoices_guard_series();
DROP TRIGGER invoices_guard_new_lines ON invoices_invoiceline;
DROP TRIGGER invoices_guard_changed_lines ON invoices_invoiceline;
DROP TRIGGER invoices_guard_gone_lines ON invoices_invoiceline;
DROP FUNCTION invoices_guard_lines();
DROP TRIGGER invoices_keep_move ON invoices_invoice;
DROP FUNCTION invoices_keep_move();
DROP TRIGGER invoices_guard_invoice ON invoices_invoice;
DROP FUNCTION invoices_guard_invoice();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0003_lifecycle")]

    operations = [migrations.RunSQL(GUARD, UNGUARD)]
