"""Deals, the parties around them, and the censuses that prove them complete."""

from crm.models.buyer import BuyerFacts, BuyerLink
from crm.models.census import Cause, Census, CensusDifference
from crm.models.deal import (
    Company,
    Contact,
    Deal,
    DealAlias,
    DealLine,
    DealQuerySet,
    DealVersion,
    Owner,
    Pipeline,
    SourceRecord,
)
from crm.models.writeback import WriteBack, WriteState

__all__ = [
    "BuyerFacts",
    "BuyerLink",
    "Cause",
    "Census",
    "CensusDifference",
    "Company",
    "Contact",
    "Deal",
    "DealAlias",
    "DealLine",
    "DealQuerySet",
    "DealVersion",
    "Owner",
    "Pipeline",
    "SourceRecord",
    "WriteBack",
    "WriteState",
]
