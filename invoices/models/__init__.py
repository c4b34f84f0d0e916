"""The seller, its invoices, and every attempt to hand one in."""

from invoices.models.business import Business, NumberSeries
from invoices.models.exchange import AuthorityNotice, Exchange, ExchangeCall, Purpose, Stage
from invoices.models.invoice import Invoice, InvoiceLine, Status
from invoices.models.submission import Step, Submission

__all__ = [
    "AuthorityNotice",
    "Business",
    "Exchange",
    "ExchangeCall",
    "Invoice",
    "InvoiceLine",
    "NumberSeries",
    "Purpose",
    "Stage",
    "Status",
    "Step",
    "Submission",
]
