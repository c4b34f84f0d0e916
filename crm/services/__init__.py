"""Reading a connection's deals, and turning the won ones into invoices."""

from crm.services.census import take_census
from crm.services.invoicing import due_count, invoice_due_deals, retry_conversions
from crm.services.reading import STREAM, preview_deals, refresh_deals, sync_deals

__all__ = [
    "STREAM",
    "due_count",
    "invoice_due_deals",
    "preview_deals",
    "refresh_deals",
    "retry_conversions",
    "sync_deals",
    "take_census",
]
