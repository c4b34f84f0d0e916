"""Sellers, their invoices and every attempt to hand one in, in the admin."""

from invoices.admin.business import BusinessAdmin, NumberSeriesAdmin
from invoices.admin.codelist import CodeListAdmin
from invoices.admin.exchange import AuthorityNoticeAdmin, ExchangeAdmin
from invoices.admin.invoice import InvoiceAdmin, SubmissionAdmin
from invoices.admin.law import (
    DeadlineAlarmAdmin,
    EnforcementAdmin,
    ExchangeRateAdmin,
    LegalRuleAdmin,
    SellerVersionAdmin,
    TaxRateAdmin,
    TaxRulesVersionAdmin,
)
from invoices.admin.paper import PaperSentAdmin
from invoices.admin.reconciliation import DifferenceAdmin, ReconciliationAdmin
from invoices.admin.standing import BreakerAdmin, ProposalAdmin

__all__ = [
    "AuthorityNoticeAdmin",
    "BreakerAdmin",
    "BusinessAdmin",
    "CodeListAdmin",
    "DeadlineAlarmAdmin",
    "DifferenceAdmin",
    "EnforcementAdmin",
    "ExchangeAdmin",
    "ExchangeRateAdmin",
    "InvoiceAdmin",
    "LegalRuleAdmin",
    "NumberSeriesAdmin",
    "PaperSentAdmin",
    "ProposalAdmin",
    "ReconciliationAdmin",
    "SellerVersionAdmin",
    "SubmissionAdmin",
    "TaxRateAdmin",
    "TaxRulesVersionAdmin",
]
