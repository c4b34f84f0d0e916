"""Reading a connection's deals, and turning the won ones into invoices."""

from crm.services.census import take_census
from crm.services.invoicing import due_count, invoice_due_deals, retry_conversions
from crm.services.reading import STREAM, preview_deals, refresh_deals, sync_deals
from crm.services.writeback import switch_write_back, write_back_invoices, write_back_switch

__all__ = [
    "STREAM",
    "due_count",
    "invoice_due_deals",
    "preview_deals",
    "refresh_deals",
    "retry_conversions",
    "switch_write_back",
    "sync_deals",
    "take_census",
    "write_back_invoices",
    "write_back_switch",
]
