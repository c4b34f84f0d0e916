"""What is stored of tills: locations, sales with their lines, refunds, batches; and the payments of terminals."""

from pos.models.batch import SaleBatch
from pos.models.close import DayClose, Side
from pos.models.location import Location
from pos.models.payment import MatchedBy, PaymentState, TerminalPayment
from pos.models.refund import Refund, RefundState, SaleReturn
from pos.models.sale import Sale, SaleKey, SaleLine, SalePayment, SaleState

__all__ = [
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
