"""What every till's connector adds to the base: locations and sales."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from integrations.base.connector import BaseConnector
from invoices.drafts import InvoiceDraft
from pos.records import LocationRecord, SaleRecord


class POSConnector(BaseConnector):
    """Reads one merchant's sales."""

    @abstractmethod
    def get_locations(self) -> list[LocationRecord]:
        """Return the merchant's shops and counters."""

    @abstractmethod
    def get_sales(self, filters: Mapping[str, Any] | None = None, limit: int = 100) -> list[SaleRecord]:
        """Return up to `limit` completed sales that match."""

    @abstractmethod
    def get_sale_by_id(self, sale_id: str) -> SaleRecord:
        """Return one sale as it is now; raises NotFound."""

    @abstractmethod
    def sale_to_invoice_data(self, sale_id: str) -> InvoiceDraft:
        """Return the invoice that a sale would make, read anew; what it lacks is named in it."""
