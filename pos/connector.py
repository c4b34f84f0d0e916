"""What every till's connector adds to the base: locations, sales and refunds."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.base.connector import BaseConnector
from integrations.base.errors import NotFound
from integrations.base.http import CallStatistics
from integrations.base.records import Page
from invoices.drafts import InvoiceDraft
from invoices.rules import default_rules
from invoices.services.law import law_in_force
from pos.converters import Shop, sale_to_draft
from pos.records import CatalogRecord, CustomerRecord, LocationRecord, RefundRecord, SaleRecord


@dataclass(frozen=True, slots=True)
class Touched:
    """What a notice says to read again; `is_revoked`: the merchant took our access away.

    `offline` are those of the sales whose payments a till sent late: their time of sale stands on the payments.
    """

    sales: frozenset[str] = frozenset()
    offline: frozenset[str] = frozenset()
    refunds: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()
    locations: bool = False
    catalog: bool = False
    is_revoked: bool = False


class POSConnector(BaseConnector):
    """Reads one merchant's sales."""

    @classmethod
    def touched_by(cls, payload: str) -> Touched:
        """Return what an event says to read again; it is a hint, and says never what is there."""
        return Touched()

    @property
    @abstractmethod
    def statistics(self) -> CallStatistics:
        """Return what was called so far."""

    @abstractmethod
    def get_locations(self) -> list[LocationRecord]:
        """Return the merchant's shops and counters."""

    @abstractmethod
    def get_sales(self, filters: Mapping[str, Any] | None = None, limit: int = 100) -> list[SaleRecord]:
        """Return up to `limit` sales that match."""

    @abstractmethod
    def get_sale_by_id(self, sale_id: str) -> SaleRecord:
        """Return one sale as it is now; raises NotFound."""

    def get_sales_by_id(self, sale_ids: Sequence[str]) -> list[SaleRecord]:
        """Return those of these sales that are shown, as they are now, without what only their payments tell."""
        found = []
        for sale_id in sale_ids:
            with suppress(NotFound):
                found.append(self.get_sale_by_id(sale_id))
        return found

    @abstractmethod
    def get_refund_by_id(self, refund_id: str) -> RefundRecord:
        """Return one refund as it is now; raises NotFound."""

    @abstractmethod
    def read_sales(
        self, field: str, since: datetime, until: datetime, location_ids: Sequence[str], position: str = ""
    ) -> Iterator[Page]:
        """Yield sales by "created_at" or "updated_at", both ends included, from a position that a page carried."""

    @abstractmethod
    def read_refunds(self, since: datetime, until: datetime) -> Iterator[Page]:
        """Yield the refunds that changed in the window, both ends included."""

    def read_offline_sales(self, since: datetime, until: datetime, location_ids: Sequence[str]) -> Iterator[Page]:
        """Yield sales that tills made without a network and sent in the window; nothing where there are none such."""
        return iter(())

    def read_catalog(self, since: datetime | None) -> Iterator[list[CatalogRecord]]:
        """Yield the price list as far as it changed after `since` (None: all of it); nothing where there is none."""
        return iter(())

    def get_catalog_by_id(self, catalog_ids: Sequence[str]) -> list[CatalogRecord]:
        """Return those of these entries that are shown, and what they belong to."""
        return []

    def read_customers(self, since: datetime | None) -> Iterator[list[CustomerRecord]]:
        """Yield the customers that changed since then (None: all), persons too; nothing where none are kept."""
        return iter(())

    def get_customer_by_id(self, customer_id: str) -> CustomerRecord:
        """Return one customer as it is now; raises NotFound."""
        raise NotFound(f"{self.info.name} keeps no customers.", provider=self.info.slug, status=404)

    def sale_to_invoice_data(self, sale_id: str) -> InvoiceDraft:
        """Return the invoice that a sale would make alone, read anew; what it lacks is named in it."""
        sale = self.get_sale_by_id(sale_id)
        tax, connection_id = law_in_force().tax, self.config.connection_id or 0
        shop = Shop(connection_id, self.info.name, sale.location_external_id, default_rules(), None, tax)
        return sale_to_draft(sale, shop)
