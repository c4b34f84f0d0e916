"""The seller, its invoices, and every attempt to hand one in."""

from invoices.models.business import Business, NumberSeries
from invoices.models.invoice import Invoice, InvoiceLine, Status
from invoices.models.submission import Step, Submission

__all__ = ["Business", "Invoice", "InvoiceLine", "NumberSeries", "Status", "Step", "Submission"]
