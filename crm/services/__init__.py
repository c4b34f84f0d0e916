"""Reading a connection's deals, and turning the won ones into invoices."""

from crm.services.activating import activate, apply_rules, roll_back
from crm.services.census import take_census
from crm.services.invoicing import due_count, invoice_due_deals, retry_conversions, wake_milestones
from crm.services.reading import STREAM, preview_deals, refresh_deals, sync_deals
from crm.services.writeback import switch_write_back, write_back_invoices, write_back_switch

__all__ = [
    "STREAM",
    "activate",
    "apply_rules",
    "due_count",
    "invoice_due_deals",
    "preview_deals",
    "refresh_deals",
    "retry_conversions",
    "roll_back",
    "switch_write_back",
    "sync_deals",
    "take_census",
    "wake_milestones",
    "write_back_invoices",
    "write_back_switch",
]
