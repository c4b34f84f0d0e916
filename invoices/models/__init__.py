"""The seller, its invoices, and every attempt to hand one in."""

from invoices.models.alarm import AlarmStep, DeadlineAlarm
from invoices.models.breaker import Breaker
from invoices.models.business import Business, NumberSeries
from invoices.models.codelist import CodeList
from invoices.models.exchange import AuthorityNotice, Exchange, ExchangeCall, Purpose, Stage
from invoices.models.invoice import Invoice, InvoiceLine, VoidedFor
from invoices.models.legal import Confidence, Enforcement, ExchangeRate, LegalRule, TaxRate, TaxRulesVersion
from invoices.models.move import InvoiceMove
from invoices.models.paper import PaperSent, Post, QrPicture
from invoices.models.proposal import Proposal, ProposalState
from invoices.models.reconciliation import Difference, DifferenceState, Reconciliation, RunState
from invoices.models.rules import RuleEvent, RuleExample, RuleSet, RuleStatus
from invoices.models.seller_version import SellerVersion
from invoices.models.status import MOVES, OPEN, REGISTERED, REMAKEABLE, WAITING, Status
from invoices.models.submission import Step, Submission

__all__ = [
    "MOVES",
    "OPEN",
    "REGISTERED",
    "REMAKEABLE",
    "WAITING",
    "AlarmStep",
    "AuthorityNotice",
    "Breaker",
    "Business",
    "CodeList",
    "Confidence",
    "DeadlineAlarm",
    "Difference",
    "DifferenceState",
    "Enforcement",
    "Exchange",
    "ExchangeCall",
    "ExchangeRate",
    "Invoice",
    "InvoiceLine",
    "InvoiceMove",
    "LegalRule",
    "NumberSeries",
    "PaperSent",
    "Post",
    "Proposal",
    "ProposalState",
    "Purpose",
    "QrPicture",
    "Reconciliation",
    "RuleEvent",
    "RuleExample",
    "RuleSet",
    "RuleStatus",
    "RunState",
    "SellerVersion",
    "Stage",
    "Status",
    "Step",
    "Submission",
    "TaxRate",
    "TaxRulesVersion",
    "VoidedFor",
]
