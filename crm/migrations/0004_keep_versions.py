"""Keeps each version of a deal when another content takes its place."""

from django.db import migrations

KEEP = """
CREATE FUNCTION crm_keep_deal_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO crm_dealversion (deal_id, content_hash, source_updated_at, stored_at, payload, lines)
    SELECT OLD.id, OLD.content_hash, OLD.source_updated_at, OLD.stored_at, OLD.payload,
           COALESCE((SELECT jsonb_agg(line.payload ORDER BY line.position, line.id)
                     FROM crm_dealline line WHERE line.deal_id = OLD.id), '[]');
    RETURN NULL;
END $$;
CREATE TRIGGER crm_keep_deal_version AFTER UPDATE OF content_hash ON crm_deal
    FOR EACH ROW WHEN (OLD.content_hash IS DISTINCT FROM NEW.content_hash)
    EXECUTE FUNCTION crm_keep_deal_version();
"""
FORGET = "DROP TRIGGER crm_keep_deal_version ON crm_deal; DROP FUNCTION crm_keep_deal_version();"


class Migration(migrations.Migration):
    dependencies = [("crm", "0003_census")]

    operations = [migrations.RunSQL(KEEP, FORGET)]
