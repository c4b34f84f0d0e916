"""Sellers, their invoices and every attempt to hand one in, in the admin."""

from invoices.admin.business import BusinessAdmin, NumberSeriesAdmin
from invoices.admin.invoice import InvoiceAdmin, SubmissionAdmin

__all__ = ["BusinessAdmin", "InvoiceAdmin", "NumberSeriesAdmin", "SubmissionAdmin"]
