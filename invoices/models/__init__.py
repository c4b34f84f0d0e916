"""The seller, its invoices, and every attempt to hand one in."""

from invoices.models.breaker import Breaker
from invoices.models.business import Business, NumberSeries
from invoices.models.invoice import Invoice, InvoiceLine, VoidedFor
from invoices.models.move import InvoiceMove
from invoices.models.proposal import Proposal, ProposalState
from invoices.models.status import MOVES, REGISTERED, REMAKEABLE, WAITING, Status
from invoices.models.submission import Step, Submission

__all__ = [
    "MOVES",
    "REGISTERED",
    "REMAKEABLE",
    "WAITING",
    "Breaker",
    "Business",
    "Invoice",
    "InvoiceLine",
    "InvoiceMove",
    "NumberSeries",
    "Proposal",
    "ProposalState",
    "Status",
    "Step",
    "Submission",
    "VoidedFor",
]
