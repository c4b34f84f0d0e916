"""Drafts: an invoice's facts before it exists. The contract between the sources (deals, sales) and invoices."""

from invoices.drafts.facts import InvoiceDraft, LineDraft, Missing, PartyDraft, Seller, SourceRef
from invoices.drafts.missing import missing_facts, with_defaults

__all__ = [
    "InvoiceDraft",
    "LineDraft",
    "Missing",
    "PartyDraft",
    "Seller",
    "SourceRef",
    "missing_facts",
    "with_defaults",
]
