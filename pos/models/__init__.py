"""What is stored of tills: locations, sales with their lines, refunds, and the batches that sales are handed in by."""

from pos.models.batch import SaleBatch
from pos.models.location import Location
from pos.models.refund import Refund, RefundState
from pos.models.sale import Sale, SaleKey, SaleLine, SalePayment, SaleState

__all__ = [
    "Location",
    "Refund",
    "RefundState",
    "Sale",
    "SaleBatch",
    "SaleKey",
    "SaleLine",
    "SalePayment",
    "SaleState",
]
