"""What is stored of tills: shops, goods, customers, sales with their lines, refunds, batches, terminals' payments."""

from pos.models.batch import SaleBatch
from pos.models.close import DayClose, Side
from pos.models.directory import CatalogKind, CatalogObject, Customer
from pos.models.location import Location
from pos.models.payment import MatchedBy, PaymentState, TerminalPayment
from pos.models.refund import Refund, RefundState, SaleReturn
from pos.models.sale import Sale, SaleKey, SaleLine, SalePayment, SaleState

__all__ = [
    "CatalogKind",
    "CatalogObject",
    "Customer",
    "DayClose",
    "Location",
    "MatchedBy",
    "PaymentState",
    "Refund",
    "RefundState",
    "Sale",
    "SaleBatch",
    "SaleKey",
    "SaleLine",
    "SalePayment",
    "SaleReturn",
    "SaleState",
    "Side",
    "TerminalPayment",
]
